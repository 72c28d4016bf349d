"""From ``python -m`` to a command line, whose imports take a second."""

from __future__ import annotations

import importlib
import os
import signal
from typing import NoReturn

from gen.common.errors import INTERRUPTED


def start(module: str) -> NoReturn:
    """Run the command line that a module has as its ``app``, and exit.

    Ctrl-C while modules are imported ends the process at once: nothing has begun, and a half-made
    import has no other way out without a traceback.
    """
    usual = signal.signal(signal.SIGINT, _leave)
    app = importlib.import_module(module).app
    from gen.common.console import run_app

    signal.signal(signal.SIGINT, usual)
    run_app(app)


def _leave(number: int, frame: object) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(INTERRUPTED)
