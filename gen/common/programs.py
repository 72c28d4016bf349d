"""``firebrick``: all programs as commands of one, which a shell can complete.

``firebrick gen`` is ``python -m gen``. ``firebrick --install-completion`` tells the shell, whose
Tab key then knows commands, options and boards.
"""

from __future__ import annotations

import importlib
from typing import Any, NoReturn

import typer
import typer.main
from typer.core import TyperGroup

from gen.common.start import start

PROGRAMS = ("gen", "sim", "host", "bench")
"""Packages with a command line, in the order in which they are met."""


class Programs(TyperGroup):
    """Commands that are programs, imported when they are asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All programs."""
        return list(PROGRAMS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A program's command line; None for another name."""
        if cmd_name not in PROGRAMS:
            return None
        command = typer.main.get_command(importlib.import_module(f"{cmd_name}.cli").app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=Programs, no_args_is_help=True)


@app.callback(help="SqueezeNet as hardware: generate it, simulate it, and talk to it.")
def _programs() -> None:
    pass


def main() -> NoReturn:
    """Run the command line."""
    start(__name__)
