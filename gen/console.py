"""What all command lines share: user errors in one line, exit status 2, no traceback."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from gen.errors import FirebrickError

BAD_INPUT = 2
"""Exit status for whatever the user can put right."""


def run_app(app: typer.Typer) -> NoReturn:
    """Run a command line and exit: status 2 and one line on standard error for user errors."""
    try:
        app()
    except FirebrickError as error:
        message = Text.assemble(("error", "bold red"), f": {error}")
        Console(stderr=True).print(message, soft_wrap=True, highlight=False)
        sys.exit(BAD_INPUT)
    sys.exit(0)
