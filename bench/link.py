"""Links: how much of a serial line's rate arrives as pixels, bit by bit in simulation."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from boards import BOARDS
from gen.default import default_network
from gen.emit import emit
from gen.network import QuantizedNetwork
from gen.planner import plan
from gen.report import UART_BITS, link_frames_per_second
from sim import golden
from sim.board import Line, build_board
from sim.frames import GeneratedBoard, simulate
from sim.simulator import Simulator
from tests.networks import random_frames

BOARD = "arty_a7"
FRAMES = 4


@dataclass(frozen=True)
class Case:
    """A network at the end of a line."""

    title: str
    network: Callable[[], QuantizedNetwork]
    baud: int


CASES = (
    Case("default network, 3 Mbaud", default_network, 3_000_000),
    Case("default network, 12 Mbaud", default_network, 12_000_000),
)


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Measure every case and print a table of them.

    Parameters
    ----------
    console : Console
    shared : path
        Not used: the frames are random.
    limit : int or None
        Frames to simulate.
    """
    figures = {}
    for case in CASES:
        with (
            console.status(case.title),
            tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder,
        ):
            figures[case.title] = measure(
                case.network(), case.baud, limit or FRAMES, Path(folder) / "board"
            )
    console.print(_table(figures))
    return figures


def measure(network: QuantizedNetwork, baud: int, count: int, folder: Path) -> dict[str, Any]:
    """Send frames back to back over a line of so many baud.

    Parameters
    ----------
    network : QuantizedNetwork
    baud : int
    count : int
        Frames, two or more.
    folder : path
        Where the board is generated.
    """
    target = replace(BOARDS[BOARD], baud=baud)
    emit(network, plan(network, target), target, folder)
    board = GeneratedBoard.load(folder)
    line = Line.load(folder)
    frames = random_frames(network, count)
    with Simulator(build_board(board, line=line)) as simulator:
        result = simulate(simulator, network, frames)
    wrong = (result.sums != golden.class_sums(network, frames)).any(axis=1)
    cycles = int(result.finished[-1] - result.finished[0]) / (count - 1)
    line_cycles = frames[0].size * UART_BITS * line.clock_hz / baud
    return {
        "frames": count,
        "wrong frames": int(wrong.sum()),
        "clock cycles a frame": round(cycles),
        "of the accelerator alone": board.plan.cycles,
        "frames/s": round(line.clock_hz / cycles, 1),
        "frames/s, as reported": round(link_frames_per_second(network, baud), 1),
        "pixels, of the line's rate": round(line_cycles / cycles, 4),
    }


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table("", *figures, title="link", title_justify="left")
    for name in next(iter(figures.values())):
        table.add_row(name, *(f"{entry[name]}" for entry in figures.values()))
    return table
