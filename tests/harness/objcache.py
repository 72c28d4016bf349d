"""A compiler that keeps the objects of Verilator's runtime, for every simulation that is built.

Verilator's makefile starts the compiler with what ``OBJCACHE`` in the environment names in front of
it. Without that, the runtime takes a third of what a small design's build does.
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


def kept(command: list[str]) -> Path | None:
    """Where the object of a compilation is kept; none if it is not of the runtime."""
    source = Path(command[-1])
    if "-c" not in command or not source.is_absolute() or not source.name.startswith(RUNTIME):
        return None
    compiler = Path(shutil.which(command[0]) or command[0]).resolve()
    state = [(str(path), path.stat().st_mtime_ns) for path in (compiler, source)]
    digest = hashlib.sha256(repr((command, state)).encode()).hexdigest()
    return OBJECTS / f"{digest[:16]}.o"


def main(command: list[str]) -> int:
    """Compile, or copy what was compiled before; returns the exit status."""
    object_file = kept(command)
    if object_file is None:
        return subprocess.call(command)
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
