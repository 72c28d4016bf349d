"""Sameness: what another checkout generates against what this one does, byte for byte."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gen.common.errors import FirebrickError

ROOT = Path(__file__).resolve().parents[1]
DESIGNS = (
    ("--board", "arty_a7"),
    ("--board", "arty_a7", "--fps", "60"),
    ("--board", "arty_a7_35"),
    ("--board", "ulx3s_85"),
    ("--board", "genesys2", "--link", "ethernet"),
)
"""Options of ``python -m gen``: two families, both links, fastest and smallest plans."""
_SOURCE = {
    ".il": re.compile(rb'^ *attribute \\src "[^"\n]*"\n', re.MULTILINE),
    ".v": re.compile(rb'^( *\(\* src = "[^"\n]*" \*\)|//.*)\n', re.MULTILINE),
}
"""Where a line of hardware was written in Python, which moves with every edit; and comments, which
tell the time."""
_SHOWN = 100
"""Characters of a line that differs."""


def compare(
    console: Console,
    other: Path,
    designs: Sequence[Sequence[str]] = DESIGNS,
) -> dict[str, int]:
    """Generate designs with both checkouts and compare all their files.

    Lines that say where in Python something stands, and comments, are left out of RTLIL and
    Verilog. Where a change gives signals other names, give them these names in a copy of the
    other checkout, and compare with that: then names are all that changed.

    Parameters
    ----------
    console : Console
    other : path
        The other checkout; this Python runs it, so it must do with the same packages.
    designs : sequence of options of ``python -m gen``

    Returns
    -------
    dict of int
        Files that are the same, by design.

    Raises
    ------
    FirebrickError
        If a checkout cannot generate, or a file differs; it names the first line that does.
    """
    if not (other / "gen" / "__main__.py").is_file():
        raise FirebrickError(f"{other}: is no checkout of firebrick; name its folder")
    table = Table("design", "files", "bytes", title="the same as the other checkout's")
    table.title_justify = "left"
    found: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="firebrick-same-") as scratch:
        for number, options in enumerate(designs):
            name = " ".join(options)
            folders = (Path(scratch) / f"old{number}", Path(scratch) / f"new{number}")
            with console.status(f"python -m gen {name}"), ThreadPoolExecutor() as pool:
                list(pool.map(_generate, (other, ROOT), folders, (options, options)))
            for difference in _differences(*folders):
                raise FirebrickError(f"{name}: {difference}")
            files = list(folders[1].iterdir())
            found[name] = len(files)
            table.add_row(name, str(len(files)), str(sum(path.stat().st_size for path in files)))
    console.print(table)
    return found


def _generate(checkout: Path, folder: Path, options: Sequence[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gen", *options, "--out", str(folder)],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise FirebrickError(f"{checkout}: {' '.join(done.stderr.split())}")


def _differences(old: Path, new: Path) -> Iterator[str]:
    """What differs between two folders, a sentence each."""
    here, there = ({path.name for path in folder.iterdir()} for folder in (new, old))
    for name in sorted(here ^ there):
        yield f"{name} is only written by {'this' if name in here else 'the other'} checkout"
    for name in sorted(here & there):
        before, after = content(old / name), content(new / name)
        if before != after:
            yield f"{name} differs: {_first_difference(before, after)}"


def content(path: Path) -> bytes:
    """A file's bytes, without what may differ."""
    data = path.read_bytes()
    source = _SOURCE.get(path.suffix)
    return source.sub(b"", data) if source is not None else data


def _first_difference(before: bytes, after: bytes) -> str:
    lines = zip_longest(before.splitlines(), after.splitlines(), fillvalue=b"")
    for number, (old, new) in enumerate(lines, start=1):
        if old != new:
            texts = (line.decode(errors="replace").strip()[:_SHOWN] for line in (old, new))
            return f"line {number} was {' and is '.join(map(repr, texts))}"
    return "in its line endings"
