"""The one error type that users see, and the check that they have a package."""

import importlib.util


class FirebrickError(Exception):
    """Bad input, told in one line: what is wrong, where, and what to do.

    Command lines print the message without a traceback and exit with status 2.
    """


def require_package(name: str, what: str) -> None:
    """Check that a Python package is there.

    Parameters
    ----------
    name : str
    what : str
        Of what it does, for the message: "writing Verilog needs Yosys".

    Raises
    ------
    FirebrickError
        Naming the package to install.
    """
    if importlib.util.find_spec(name) is None:
        raise FirebrickError(
            f"{what}, the Python package `{name}`; install it (`uv sync`, or `pip install {name}`)"
        )


INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""
