"""Clock rate: place and route of the default network on an ECP5 board, and what limits it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.designs import emitted
from boards import BOARDS
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError

_BOARDS = ("ulx3s_85",)
_FPS = 200.0
"""Frames a second to plan for: a design that leaves the router room, as most users' will."""
_CELLS = {
    "TRELLIS_COMB": "lut",
    "TRELLIS_FF": "ff",
    "MULT18X18D": "dsp",
    "DP16KD": "bram18",
}


@dataclass(frozen=True)
class Timing:
    """What nextpnr found.

    Attributes
    ----------
    achieved, wanted : float
        MHz of the accelerator's clock.
    logic, routing : float
        Of the critical path, in ns.
    path : tuple of str
        The cells along it, by the modules they are in.
    used : dict of int
        Cells by kind, and what the device has of each.
    """

    achieved: float
    wanted: float
    logic: float
    routing: float
    path: tuple[str, ...]
    used: dict[str, tuple[int, int]]


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Run the emitted build script for each ECP5 board: Yosys, nextpnr-ecp5, ecppack.

    Takes some minutes, more with the WebAssembly builds of the tools.

    Parameters
    ----------
    console : Console
    shared, limit
        Not used: the default network ships with firebrick, and it is built once a board.

    Raises
    ------
    FirebrickError
        If a build fails.
    """
    table = Table("board", "MHz", "wanted", "logic ns", "routing ns", "frames/s at that rate")
    figures: dict[str, Any] = {}
    for name in _BOARDS:
        with emitted(BOARDS[name], fps=_FPS) as (made, folder):
            with console.status(f"bitstream for {name}"):
                size = build(folder)
            timing = read_timing(folder.timing.read_text())
        rate = f"{timing.achieved * 1e6 / made.cycles:.1f}"
        numbers = (timing.achieved, timing.wanted, timing.logic, timing.routing)
        table.add_row(name, *(f"{number:.1f}" for number in numbers), rate)
        figures[name] = {**vars(timing), "bitstream_bytes": size}
    console.print(table)
    for name, figure in figures.items():
        console.print(f"{name} is limited by {' > '.join(figure['path'])}", soft_wrap=True)
    return figures


def build(folder: BuildFolder) -> int:
    """Run an emitted folder's script for open tools; returns the bitstream's size in bytes.

    Raises
    ------
    FirebrickError
        With its status and the last line that the tools wrote, if it fails.
    """
    # The tools may have come with the environment of this very Python.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        ["sh", folder.script.name],
        cwd=folder.path,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith("error")]
        last = (errors or lines or ["no message"])[-1]
        raise FirebrickError(f"{folder.script.name} failed with status {done.returncode}: {last}")
    return folder.bitstream.stat().st_size


def read_timing(report: str) -> Timing:
    """The slowest clock in nextpnr's JSON report."""
    entry = json.loads(report)
    clock, found = min(entry["fmax"].items(), key=lambda item: item[1]["achieved"])
    paths = [p["path"] for p in entry["critical_paths"] if p["from"].endswith(f" {clock}")]
    within = next(p for p in paths if all(step["type"] != "async" for step in p))

    def total(*kinds: str) -> float:
        return sum(step["delay"] for step in within if step["type"] in kinds)

    cells = [_module(step["to"]["cell"]) for step in within]
    return Timing(
        achieved=found["achieved"],
        wanted=found["constraint"],
        logic=total("clk-to-q", "logic", "setup"),
        routing=total("routing"),
        path=tuple(cells[:1] + [b for a, b in pairwise(cells) if a != b]),
        used={
            name: (entry["utilization"][cell]["used"], entry["utilization"][cell]["available"])
            for cell, name in _CELLS.items()
        },
    )


def _module(cell: str) -> str:
    """The module path and the signal in a cell's name, without what the tools appended."""
    return cell.split("_TRELLIS")[0].split("_LUT4")[0].split("_CCU2C")[0].split("$")[0]
