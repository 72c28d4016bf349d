import errno
import os
import signal
import subprocess
import sys

import pytest
import typer

from gen.common.console import ClassifyByDefault, run_app
from gen.common.errors import FirebrickError

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


def test_being_terminated_cleans_up(monkeypatch):
    app, cleaned = typer.Typer(), []

    @app.command()
    def run() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            cleaned.append(True)

    monkeypatch.setattr(sys, "argv", ["run"])
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as end:
            run_app(app)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert end.value.code == 128 + signal.SIGTERM
    assert cleaned


@pytest.mark.parametrize(
    ("word", "message"),
    [("steam", "no command 'steam'; did you mean 'stream'"), ("cat.png", "classified cat.png")],
)
def test_a_misspelt_command_is_no_picture(monkeypatch, capsys, word, message):
    app = typer.Typer(cls=ClassifyByDefault)

    @app.command()
    def classify(image: str) -> None:
        raise FirebrickError(f"classified {image}")

    @app.command()
    def stream() -> None:
        pass

    monkeypatch.setattr(sys, "argv", ["run", word])
    with pytest.raises(SystemExit):
        run_app(app)
    assert message in capsys.readouterr().err


PRINTS = """
import sys, typer
from gen.common.console import run_app
app = typer.Typer()
@app.command()
def run() -> None:
    for _ in range({lines}):
        print("写真.png")
run_app(app)
"""


def printing(lines, *shell, **environment):
    command = [sys.executable, "-c", PRINTS.format(lines=lines), *shell]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, env={**os.environ, **environment})


def test_a_reader_that_has_seen_enough_is_no_error():
    with printing(100_000) as process:
        assert process.stdout.readline() == "写真.png\n".encode()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_letters_that_a_terminal_lacks_are_replaced():
    with printing(1, PYTHONIOENCODING="ascii") as process:
        assert process.communicate() == (b"??.png\n", b"")
    assert process.returncode == 0


def test_ctrl_c_while_modules_are_imported_ends_quietly(tmp_path):
    (tmp_path / "slow.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)")
    command = [sys.executable, "-c", "from gen.common.start import start; start('slow')"]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.getcwd()}"}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment) as process:
        assert process.stdout.readline() == b"importing\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate() == (b"", b"interrupted\n")
    assert process.returncode == 130
