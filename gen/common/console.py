"""What all command lines share: user errors in one line, exit status 2, no traceback."""

from __future__ import annotations

import difflib
import io
import os
import signal
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from gen.common.errors import INTERRUPTED, FirebrickError

WRONG = 1
"""Exit status where all ran, and what was found is not as it should be."""
BAD_INPUT = 2
"""Exit status for whatever the user can put right."""

ProcessCount = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Processes to use; one a core if not given.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Use the workers of a Dask cluster instead, tcp://HOST:8786."
    ),
]
"""Options of commands that share out their work: see :func:`gen.common.workers.find_workers`."""

_UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # Typer gives it no public name


class WithDefault(TyperGroup):
    """Commands of which one need not be named, which a shell completes along with the others.

    Attributes
    ----------
    default : str
        That one's name.
    """

    default: str

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What may follow: the commands, and the options of the default one."""
        found: list[Any] = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            found = self.commands[self.default].shell_complete(ctx, incomplete)
        return found


class ClassifyByDefault(WithDefault):
    """Commands of which ``classify`` need not be named: it takes what names no command."""

    default = "classify"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in front of arguments that lack one."""
        if args and args[0] not in self.commands and args[0] != "--help":
            _refuse_misspelt(args[0], self.commands)
            args = ["classify", *args]
        return super().parse_args(ctx, args)


class GenerateByDefault(WithDefault):
    """Commands of which ``generate`` need not be named; its help is the help of all."""

    default = "generate"

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in front of arguments that lack one."""
        if ctx.resilient_parsing and not args:  # a shell asks what may follow
            return super().parse_args(ctx, args)
        named = bool(args) and args[0] in self.commands
        if args and not named:
            _refuse_misspelt(args[0], self.commands)
        return super().parse_args(ctx, args if named else ["generate", *args])


def _refuse_misspelt(word: str, commands: Iterable[str]) -> None:
    """Refuse what is no option and no file, but nearly a command."""
    near = difflib.get_close_matches(word, commands, n=1)
    if near and not word.startswith("-") and not Path(word).exists():
        raise FirebrickError(f"there is no command {word!r}; did you mean {near[0]!r}?")


def run_app(app: typer.Typer) -> NoReturn:
    """Run a command line and exit: status 2 and one line on standard error for user errors.

    User errors are ours, wrong options, and whatever the operating system refuses: a full disk, a
    file that may not be read.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _stop)
    # Amaranth's, of hardware that was being built when something else went wrong.
    warnings.filterwarnings("ignore", message=".* created but never used")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may lack letters of a file's name
            stream.reconfigure(errors="replace")
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except FirebrickError as error:
        _fail(str(error))
    except _UsageError as error:
        if not str(error):  # there were no arguments, and the help has been shown
            sys.exit(BAD_INPUT)
        _fail(_usage(error))
    except BrokenPipeError:  # who read the results has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1  # as Click has it
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}; check permissions and room on the disk")
    except (KeyboardInterrupt, typer.Abort):
        status = INTERRUPTED
    if status == INTERRUPTED:
        Console(stderr=True).print("interrupted")
    sys.exit(status if isinstance(status, int) else 0)


def _stop(number: int, frame: object) -> NoReturn:
    """End as after Ctrl-C, so that nothing is left half-written."""
    raise SystemExit(128 + number)


def _fail(message: str) -> NoReturn:
    line = Text.assemble(("error", "bold red"), f": {' '.join(message.splitlines())}")
    Console(stderr=True).print(line, soft_wrap=True, highlight=False)
    sys.exit(BAD_INPUT)


def _usage(error: Exception) -> str:
    """A wrong option or argument, and where to look up the right ones."""
    message = getattr(error, "format_message", error.__str__)().rstrip(".")
    context = getattr(error, "ctx", None)
    return f"{message}; see `{context.command_path} --help`" if context else message
