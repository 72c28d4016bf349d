"""Updates of weights over the link: bytes and seconds, what they cost, faults and forgeries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import update_cost, update_faults, update_forgeries
from gen.common.progress import Progress, phases

UPDATES, BOARDS = "updates", "boards"
FAULTS, FORGERIES, SUMS = "faults", "forgeries", "sums"


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Measure all, and print tables.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models`` and ``imagenet``; without SqueezeNet v1.1 there, it is left out.
    limit : int or None
        Updates over a bad link, forgeries, and frames to compare, at most.

    Raises
    ------
    FileNotFoundError
        If the folder lacks photographs.
    FirebrickError
        If a board cannot be generated or simulated, or does not hold what it should.
    """
    with phases(console, transient=True) as progress:
        figures: dict[str, Any] = _costs(console, shared, progress)
        figures[FAULTS], figures[SUMS] = update_faults.run(limit, progress)
        figures[FORGERIES] = update_forgeries.run(limit, progress)
    for name in (UPDATES, BOARDS):
        console.print(_rows(name, figures[name]))
    for name in (FAULTS, SUMS, FORGERIES):
        console.print(_single(name, figures[name]))
    return figures


def _costs(console: Console, shared: Path, progress: Progress) -> dict[str, Any]:
    """What updates and boards of all networks cost."""
    figures: dict[str, Any] = {UPDATES: {}, BOARDS: {}}
    for case in update_cost.CASES:
        if case.needs and not (shared / case.needs).exists():
            console.print(f"{case.title}: left out, there is no {shared / case.needs}")
            continue
        progress.begin(f"{case.title}, its network")
        network = case.network(shared)
        figures[UPDATES] |= update_cost.updates(case, network, progress=progress)
        figures[BOARDS] |= update_cost.boards(case, network, progress=progress)
    return figures


def _rows(name: str, cases: dict[str, dict[str, Any]]) -> Table:
    """A row a case."""
    table = Table("", *next(iter(cases.values())), title=name, title_justify="left")
    for title, entry in cases.items():
        table.add_row(title, *("" if value is None else f"{value}" for value in entry.values()))
    return table


def _single(name: str, figures: dict[str, Any]) -> Table:
    """A row a figure."""
    table = Table("", "figure", title=name, title_justify="left")
    for title, value in figures.items():
        table.add_row(title, f"{value}")
    return table
