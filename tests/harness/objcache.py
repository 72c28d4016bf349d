"""A compiler that keeps what is the same in every simulation that is built.

Verilator's makefile starts the compiler with what ``OBJCACHE`` in the environment names in front of
it. Without that, the objects of Verilator's runtime take a third of what a small design's build
does, and its header a fifth.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OBJECTS = Path(__file__).parents[2] / "build" / "verilated" / "objects"
RUNTIME = "verilated"
"""What the names of its sources begin with."""
HEADER = "verilated.h"
"""What every file of a design reads first."""
NO_WAVES = "-DVM_TRACE=0"
"""An option of most designs; the others are too few for a header of their own."""
_OF_HEADERS = ("-O", "-f", "-std", "-I", "-DV")
"""What the options begin with that a compiled header depends on."""


def kept(command: list[str]) -> Path | None:
    """Where the object of a compilation is kept; none if it is not of the runtime."""
    source = Path(command[-1])
    if "-c" not in command or not source.is_absolute() or not source.name.startswith(RUNTIME):
        return None
    return OBJECTS / f"{_digest(command, source)}.o"


def _digest(command: list[str], source: Path) -> str:
    compiler = Path(shutil.which(command[0]) or command[0]).resolve()
    state = [(str(path), path.stat().st_mtime_ns) for path in (compiler, source)]
    return hashlib.sha256(repr((command, state)).encode()).hexdigest()[:16]


def with_header(command: list[str]) -> list[str]:
    """The compilation of a design's file, reading the header as it was compiled once for all."""
    folders = [Path(option[2:]) for option in command if option.startswith("-I")]
    original = next((f / HEADER for f in folders if (f / HEADER).is_file()), None)
    if original is None or "-c" not in command or NO_WAVES not in command:
        return command
    options = sorted(option for option in command if option.startswith(_OF_HEADERS))
    compilation = [command[0], *options, "-x", "c++-header"]
    header = OBJECTS / f"{_digest(compilation, original)}.h"
    if not header.with_suffix(".h.gch").exists() and not _compile_header(compilation, header):
        return command
    return [*command[:-1], "-include", str(header), command[-1]]


def _compile_header(compilation: list[str], header: Path) -> bool:
    """Compile what includes nothing but the header; whether that could be done."""
    OBJECTS.mkdir(parents=True, exist_ok=True)
    header.write_text(f'#include "{HEADER}"\n')
    part = header.with_suffix(f".{os.getpid()}")
    if subprocess.call([*compilation, str(header), "-o", str(part)]):
        return False
    part.replace(header.with_suffix(".h.gch"))
    return True


def main(command: list[str]) -> int:
    """Compile, or copy what was compiled before; returns the exit status."""
    object_file = kept(command)
    if object_file is None:
        return subprocess.call(with_header(command))
    made = Path(command[command.index("-o") + 1])
    if object_file.exists():
        shutil.copyfile(object_file, made)
        return 0
    status = subprocess.call(command)
    if status == 0:
        object_file.parent.mkdir(parents=True, exist_ok=True)
        part = object_file.with_suffix(f".{os.getpid()}")
        shutil.copyfile(made, part)
        part.replace(object_file)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
