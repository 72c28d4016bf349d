import errno
import os
import sys

import pytest
import typer

from gen.console import run_app
from gen.errors import FirebrickError

FAILURES = [
    (FirebrickError("two\nlines"), 2, "error: two lines\n"),
    (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out"), 2, "error: out: No space left"),
    (typer.Exit(1), 1, ""),
    (KeyboardInterrupt(), 130, "interrupted\n"),
    (None, 0, ""),
]


@pytest.mark.parametrize(("failure", "status", "message"), FAILURES)
def test_exit_status_and_one_line(monkeypatch, capsys, failure, status, message):
    app = typer.Typer()

    @app.command()
    def run() -> None:
        if failure is not None:
            raise failure

    monkeypatch.setattr(sys, "argv", ["run"])
    with pytest.raises(SystemExit) as end:
        run_app(app)
    err = capsys.readouterr().err
    assert end.value.code == status
    assert err.startswith(message)
    assert err.count("\n") == bool(message)
