"""What a sweep found, as tables for people and as JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from boards import BOARDS
from gen.common.files import replacing
from gen.explore.paper import MEBIBYTE
from gen.explore.point import TITLES
from gen.explore.row import Row
from gen.explore.space import Space

SHOWN = ("lut", "dsp", "bram36")
"""Resources in the table; flip-flops hardly ever matter."""
WIDE = 100
"""Columns that the widest table needs."""
FRONT = "●"
FORMAT = 1
"""Of the JSON file."""


def write_json(rows: Sequence[Row], space: Space, path: Path) -> None:
    """Write all rows, and what was swept.

    Parameters
    ----------
    rows : sequence of Row
    space : Space
    path : Path
    """
    entry = {
        "format": FORMAT,
        "sweeps": {sweep.key: sweep.values for sweep in space.sweeps},
        "utilisation": space.utilisation,
        "points": [row.cells() for row in rows],
    }
    with replacing(path) as file:
        file.write((json.dumps(entry, indent=1) + "\n").encode())


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """Write all rows, a line each, under a line of names."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0].cells())
    writer.writeheader()
    writer.writerows(row.cells() for row in rows)
    with replacing(path) as file:
        file.write(text.getvalue().encode())


def print_report(console: Console, rows: Sequence[Row], space: Space) -> None:
    """Print what is planned and what is not, by board.

    Parameters
    ----------
    console : Console
    rows : sequence of Row
    space : Space
    """
    for board in space.boards:
        own = [row for row in rows if row.point.board == board]
        planned = [row for row in own if row.result.design is not None]
        failed = [row for row in own if row.result.design is None]
        if planned:
            console.print(Text(_title(planned[0], space), "bold"))
            console.print(_planned(planned, space, wide=console.width >= WIDE))
        if failed:
            console.print(Text(f"{board}: no design for {len(failed)} of {len(own)}", "bold"))
            console.print(_failed(failed, space))
    if any(row.best for row in rows):
        console.print(
            f"{FRONT} Pareto front: of like networks (board, bits, bypass, size, classes) none is "
            "larger and as fast, or faster and as large",
            style="dim",
        )
    if any(row.paper.top5 is not None for row in rows):
        console.print(
            "paper: ImageNet top-1/top-5 of the float network, arXiv:1602.07360", style="dim"
        )


def _title(row: Row, space: Space) -> str:
    board, clock = BOARDS[row.point.board], row.cells()["clock_hz"]
    return (
        f"{board.name} ({board.title}) at {clock / 1e6:g} MHz, "
        f"{space.utilisation:.0%} of its LUTs planned with"
    )


def _table(space: Space) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for key in space.swept:
        table.add_column(key, justify="right", no_wrap=True)
    table.add_column("bits", justify="right", no_wrap=True)
    return table


def _named(row: Row, space: Space) -> tuple[str, ...]:
    return *(str(row.point.values[key]) for key in space.swept), str(row.point.width)


def _planned(rows: Sequence[Row], space: Space, *, wide: bool) -> Table:
    """What was planned, with its work and bytes where there is room for them."""
    table, held = _table(space), BOARDS[rows[0].point.board].resources
    sizes = ("10^6\nMACs", "float\nMB") if wide else ()
    for name in ("parameters", *sizes, "frames/s", ""):
        table.add_column(name, justify="right", no_wrap=True)
    for name in SHOWN:
        of = f"of {getattr(held, name):g}"
        table.add_column(f"{TITLES[name]}\n{of}", justify="right", no_wrap=True)
    table.add_column("what limits", overflow="fold")
    paper = any(row.paper.top5 is not None for row in rows)
    if paper:
        table.add_column("paper", justify="right", no_wrap=True)
    for row in rows:
        cells = (*_named(row, space), *_numbers(row, wide), *((_accuracy(row),) if paper else ()))
        table.add_row(*cells, style="bold" if row.best else None)
    return table


def _numbers(row: Row, wide: bool) -> tuple[str, ...]:
    cells = row.cells()
    sizes = f"{cells['macs'] / 1e6:.0f}", f"{cells['float_bytes'] / MEBIBYTE:.1f}"
    return (
        str(cells["parameters"]),
        *(sizes if wide else ()),
        f"{cells['frames_per_second']:.1f}",
        FRONT if row.best else "",
        *(f"{cells[name]:g}" for name in SHOWN),
        cells["limits"],
    )


def _accuracy(row: Row) -> str:
    """Top-1 and top-5 as the paper has them, as far as it does."""
    if row.paper.top5 is None:
        return ""
    top1 = "-" if row.paper.top1 is None else f"{row.paper.top1:.1f}"
    return f"{top1}/{row.paper.top5:.1f}"


def _failed(rows: Sequence[Row], space: Space) -> Table:
    table = _table(space)
    table.add_column("why", overflow="fold")
    for row in rows:
        table.add_row(*_named(row, space), Text(_short(row)))
    return table


def _short(row: Row) -> str:
    """Why there is no design, without what the table says already, and without advice."""
    why = row.result.why or ""
    story = why.partition(f"does not fit {row.point.board}: ")[2]
    return story.partition("; ")[0] or why
