"""The C driver and its programs, compiled once for all processes of a test run."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness.shared import locked, shared_folder
from tests.paths import ROOT

SOURCES = ROOT / "host" / "c"
WARNINGS = (
    *("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Wcast-qual"),
    *("-Wstrict-prototypes", "-Wmissing-prototypes", "-Wundef", "-Wdouble-promotion"),
    *("-Wswitch-enum", "-Werror"),
)


def compiler() -> str:
    """The C compiler of this machine; skips the test if there is none."""
    found = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if found is None:
        pytest.skip("no C compiler (cc, gcc or clang) on this machine")
    return found


def compile_c(command: Sequence[str | Path]) -> str:
    """Run a compiler; errors fail the test, and what else it says is returned."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def made(factory: pytest.TempPathFactory, name: str, options: Sequence[str | Path]) -> Path:
    """A program or library, made of the files among the options unless it is there."""
    cc = compiler()
    folder = shared_folder(factory, "c_driver")
    path = folder / name
    with locked(folder):
        if not path.exists():
            part = folder / f"{name}.part"
            compile_c([cc, *WARNINGS, "-O1", "-I", SOURCES, *options, "-o", part])
            part.replace(path)
    return path
