"""Explore: a sweep over the SqueezeNet paper's family, planned for two boards."""

from __future__ import annotations

import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from gen.common.progress import phases
from gen.common.workers import find_workers
from gen.explore.options import Choice
from gen.explore.report import print_report
from gen.explore.row import Row, rows_of
from gen.explore.run import NARROWEST, STORE, plan_missing
from gen.explore.store import Store
from gen.explore.version import code_version
from gen.plan.planner import UTILISATION

CHOICE = Choice("genesys2,arty_a7", ("sr=0.125:1.0:8",), None, "4,8", None, UTILISATION)
"""What `python -m gen explore` plans in its page."""
KEPT = ("parameters", "frames_per_second", "cycles", "lut", "ff", "dsp", "bram36")
"""What is kept of a point that fits its board."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Plan the sweep anew, print what the command prints, and return what it found.

    Parameters
    ----------
    console : Console
    shared : path
        Not needed.
    limit : int or None
        Plan only the first so many points.

    Returns
    -------
    dict
        Of each point by board and metaparameters, and ``told``, the lines that the command prints.
    """
    space = CHOICE.space()
    points = list(space.points())[:limit]
    with (
        tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder,
        phases(console, transient=True) as progress,
        Store(Path(folder) / STORE, code_version()) as store,
        find_workers(1, None, "") as workers,
    ):
        progress.begin("points")
        found = plan_missing(points, workers, store, progress=progress)
    rows = rows_of(points, found)
    printed = io.StringIO()
    for board in space.boards:
        own = [row for row in rows if row.point.board == board]
        if own:
            paper = Console(file=printed, width=NARROWEST)
            print_report(paper, own, replace(space, boards=(board,)))
    told = [line.rstrip() for line in printed.getvalue().splitlines()]
    console.print("\n".join(told), highlight=False, markup=False, soft_wrap=True)
    return {**{_name(row): _kept(row) for row in rows}, "told": told}


def _name(row: Row) -> str:
    values = row.point.values
    swept = ", ".join(f"{sweep.key} {values[sweep.key]}" for sweep in CHOICE.space().sweeps)
    return f"{row.point.board}, {swept}, {row.point.width} bits"


def _kept(row: Row) -> dict[str, Any]:
    cells = row.cells()
    return {name: cells[name] for name in KEPT}
