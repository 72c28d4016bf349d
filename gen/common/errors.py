"""The one error type that users see, and the check that they have a package."""

import importlib.util


class FirebrickError(Exception):
    """Bad input, told in one line: what is wrong, where, and what to do.

    Command lines print the message without a traceback and exit with status 2.
    """


class RefusedNode(FirebrickError):
    """A node of a network that is not taken.

    Parameters
    ----------
    node, operator : str
        Its name, and what it does.
    told : str
        Why it is refused, a semicolon, and what to do.
    where : str
        File or network that it is of, for the message.
    """

    def __init__(self, node: str, operator: str, told: str, where: str = ""):
        place = f"{where}: " if where else ""
        super().__init__(f"{place}node {node!r} ({operator}): {told}")
        self.node, self.operator, self.told = node, operator, told
        self.reason, _, self.remedy = told.partition("; ")

    def of(self, where: str) -> "RefusedNode":
        """The same with a file's name in front."""
        return RefusedNode(self.node, self.operator, self.told, where)


def require_package(name: str, what: str, extra: str = "") -> None:
    """Check that a Python package is there.

    Parameters
    ----------
    name : str
    what : str
        Of what it does, for the message: "writing Verilog needs Yosys".
    extra : str
        Of ours that installs it, if it is optional.

    Raises
    ------
    FirebrickError
        Naming the package to install.
    """
    if importlib.util.find_spec(name) is None:
        sync = f"uv sync --extra {extra}" if extra else "uv sync"
        raise FirebrickError(
            f"{what}, the Python package `{name}`; install it (`{sync}`, or `pip install {name}`)"
        )


INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
