"""Synthesis: what Yosys makes of the emitted board tops, against the plan's estimates."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from boards import BOARDS
from boards.board import Resources
from boards.seven_series import SYNTHESIS
from gen.default import default_network
from gen.emit import emit
from gen.planner import plan
from gen.rtlil import run_yosys

_BOARDS = ("arty_a7_35", "arty_a7")
_LUTS_OF_MEMORY = {"RAM32M": 4, "RAM64M": 4, "RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4}


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Synthesise the default network for the Arty boards and print planned against counted.

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
        held = BOARDS[name].resources
        figures[name] = {"planned": vars(planned), "synthesised": vars(counted)}
        for resource in vars(planned):
            estimate, real = getattr(planned, resource), getattr(counted, resource)
            ratio = f"{estimate / real:.2f}" if real else "-"
            available = f"{getattr(held, resource):g}"
            table.add_row(name, resource, f"{estimate:g}", f"{real:g}", ratio, available)
    console.print(table)
    return figures


def _synthesise(name: str) -> tuple[Resources, Resources]:
    board, network = BOARDS[name], default_network()
    made = plan(network, board)
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder:
        out = Path(folder) / name
        emit(network, made, board, out, lambda _: None)
        statistics = out / "stat.json"
        run_yosys(
            f'read_rtlil "{out / "top.il"}"',
            *SYNTHESIS,
            f'tee -q -o "{statistics}" stat -json',
        )
        cells = json.loads(statistics.read_text())["design"]["num_cells_by_type"]
    return made.resources, _count(cells)


def _count(cells: dict[str, int]) -> Resources:
    """Resources of a netlist of 7-series cells; a LUT memory counts the LUTs it occupies."""

    def ending(*kinds: str) -> int:
        return sum(count for kind, count in cells.items() if kind.split("\\")[-1] in kinds)

    memory = sum(luts * ending(kind) for kind, luts in _LUTS_OF_MEMORY.items())
    return Resources(
        lut=sum(ending(f"LUT{inputs}") for inputs in range(1, 7)) + memory,
        ff=ending("FDRE", "FDSE", "FDCE", "FDPE"),
        dsp=ending("DSP48E1"),
        bram36=ending("RAMB36E1") + ending("RAMB18E1") / 2,
    )
