"""Programs of others that make bitstreams: where they are, and how they are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gen.common.errors import FirebrickError

Listener = Callable[[str], None]
"""Is told each line that a program writes."""


class ToolFailed(FirebrickError):
    """A program ended with an error.

    Attributes
    ----------
    status : int
        That it ended with.
    """

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


def find_tool(name: str) -> str | None:
    """The program of that name: its own build, or else YoWASP's WebAssembly build; None if neither.

    What came with the environment of this very Python is found too.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return shutil.which(name, path=path) or shutil.which(f"yowasp-{name}", path=path)


def require_tool(name: str, remedy: str) -> str:
    """The program of that name.

    Raises
    ------
    FirebrickError
        With the remedy, if it is missing.
    """
    found = find_tool(name)
    if found is None:
        raise FirebrickError(f"{name} is missing; {remedy}")
    return found


def run_tool(
    command: Sequence[str], folder: Path, log: Path, listener: Listener = lambda line: None
) -> None:
    """Run a program to its end.

    Parameters
    ----------
    command : sequence of str
        The program, by a path, and its arguments.
    folder : Path
        That it is run in.
    log : Path
        What it writes goes there.
    listener : callable
        Told every line, as it comes.

    Raises
    ------
    ToolFailed
        With the program's own reason.
    """
    with (
        log.open("w", buffering=1, encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                file.write(line)
                listener(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        name, status = Path(command[0]).name, process.returncode
        reason = f"{name} failed with status {status}: {_reason(log)}; all of it is in {log}"
        raise ToolFailed(reason, status)


def _reason(log: Path) -> str:
    """The first error in a log, or the last line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8").splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "critical"))]
    return (errors or lines[-1:] or ["no message"])[0]
