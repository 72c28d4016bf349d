"""Synthesis: what Yosys makes of the emitted board tops, against the plan's estimates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.designs import emitted
from boards import BOARDS
from boards.board import TOP, Resources
from gen.backend.cells import CellCount, count_cells
from gen.backend.rtlil import run_yosys
from gen.backend.synth import SYNTHESIS

_BOARDS = ("arty_a7_35", "arty_a7", "ulx3s_85")


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Synthesise the default network for some boards and print planned against counted.

    The whole top is flattened, as the build script does it; ``python -m gen --synth`` counts layer
    by layer.

    Parameters
    ----------
    console : Console
    shared, limit
        Not used: the default network ships with firebrick, and it is synthesised once a board.
    """
    table = Table("board", "resource", "planned", "synthesised", "ratio", "available")
    figures: dict[str, Any] = {}
    for name in _BOARDS:
        with console.status(f"Yosys for {name}"):
            planned, counted = _synthesise(name)
        held, made = BOARDS[name].resources, counted.resources
        figures[name] = {"planned": vars(planned), "synthesised": vars(counted)}
        for resource in vars(planned):
            estimate, real = getattr(planned, resource), getattr(made, resource)
            ratio = f"{estimate / real:.2f}" if real else "-"
            available = f"{getattr(held, resource):g}"
            table.add_row(name, resource, f"{estimate:g}", f"{real:g}", ratio, available)
    console.print(table)
    return figures


def _synthesise(name: str) -> tuple[Resources, CellCount]:
    board = BOARDS[name]
    with emitted(board) as (made, folder):
        statistics = folder.path / "stat.json"
        run_yosys(
            f'read_rtlil "{folder.design}"',
            *SYNTHESIS[board.family](TOP),
            f'tee -q -o "{statistics}" stat -json',
        )
        cells = json.loads(statistics.read_text())["design"]["num_cells_by_type"]
    return made.resources, count_cells(board.family, cells)
