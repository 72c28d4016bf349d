"""Clock rate: estimated from netlists, and placed and routed on ECP5 boards; what limits it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.designs import flat_netlist, generated
from boards import BOARDS
from boards.board import TOP
from gen.backend.cells import CellCount, count_cells
from gen.backend.place_and_route import build_ecp5
from gen.backend.routing import ClockRate, Routing
from gen.compile import Request, compile_network
from gen.ir.network import QuantizedNetwork
from gen.ir.widths import Widths
from gen.link_options import Address, on_lan
from gen.plan.linked import LinkedGoal
from gen.plan.plan import Plan
from gen.plan.planner import UTILISATION, Goal
from gen.timing.estimate import Estimate, estimate
from gen.timing.netlist import read_netlist
from gen.timing.report import short

NETS = 3
"""Nets that are shown of those with the most loads."""


@dataclass(frozen=True)
class Case:
    """A design on a board.

    Attributes
    ----------
    title, board : str
    fps : float or None
        Frames a second to plan for; as many as fit if None.
    clock_hz : int or None
        The board's if None.
    ethernet : bool
        Linked by Ethernet, not by a UART.
    v1_1 : bool
        SqueezeNet v1.1 with weights of 4 bits, not the default network.
    utilisation : float
    """

    title: str
    board: str
    fps: float | None = None
    clock_hz: int | None = None
    ethernet: bool = False
    v1_1: bool = False
    utilisation: float = UTILISATION

    @property
    def goal(self) -> LinkedGoal:
        """What is planned: as by ``python -m gen`` with these options."""
        board = BOARDS[self.board]
        if self.ethernet:
            board = on_lan(board, Address())
        goal = Goal(board, fps=self.fps, utilisation=self.utilisation)
        linked = LinkedGoal(goal, usual_baud=not self.ethernet)
        return linked.at(self.clock_hz or board.clock_hz)

    def network(self, shared: Path) -> QuantizedNetwork | None:
        """The network, or None for the default; ``shared`` has the models."""
        if not self.v1_1:
            return None
        model, photos = shared / "models/squeezenet1.1.onnx", shared / "imagenet/calibration"
        return compile_network(Request(model, photos, weight_bits=Widths.parse("4")))


CASES = (
    Case("default, 200 frames/s", "ulx3s_85", fps=200, clock_hz=100_000_000),
    Case("default, full speed", "ulx3s_85"),
    Case("default, UART", "ecpix5_85", fps=200),
    Case("default, Ethernet", "ecpix5_85", fps=200, ethernet=True),
    Case("default", "arty_a7"),
    Case("default", "arty_a7_35"),
    Case("SqueezeNet v1.1, 4 bits", "arty_a7", v1_1=True, utilisation=0.85),
)
"""Those for ECP5 boards are routed, the others are only estimated."""


@dataclass(frozen=True)
class Found:
    """A design's clock.

    Attributes
    ----------
    made : Plan
    timing : Estimate
    cells : CellCount
        What Yosys makes of it.
    routing : Routing or None
        None if it was not routed.
    """

    made: Plan
    timing: Estimate
    cells: CellCount
    routing: Routing | None

    def to_entry(self) -> dict[str, Any]:
        """All of it for a JSON file."""
        return {
            "planned_mhz": self.made.clock_hz / 1e6,
            "cells": vars(self.cells),
            "estimate": self.timing.to_entry(),
            "routing": None if self.routing is None else vars(self.routing),
        }


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Synthesise each design, estimate its clock, and on ECP5 boards place and route it.

    Takes half an hour or more with the WebAssembly builds of the tools.

    Parameters
    ----------
    console : Console
    shared : Path
        Folder with ``models`` and ``imagenet``, for SqueezeNet v1.1.
    limit : int or None
        Only the first designs.

    Raises
    ------
    FirebrickError
        If a tool is missing or fails. A clock that is too slow is shown, and all goes on.
    """
    found: dict[str, Found] = {}
    for case in CASES[:limit]:
        with console.status(f"{case.title} on {case.board}"):
            found[f"{case.title} on {case.board}"] = measure(case, shared)
    console.print(_table(found))
    for title, one in found.items():
        for line in _remarks(one):
            console.print(Text(f"{title}: {line}"), soft_wrap=True)
    return {title: one.to_entry() for title, one in found.items()}


def measure(case: Case, shared: Path) -> Found:
    """Make a case's design and look at its clock.

    Parameters
    ----------
    case : Case
    shared : Path

    Raises
    ------
    FirebrickError
        If a tool is missing or fails.
    """
    with generated(case.goal, case.network(shared)) as (board, made, folder):
        if board.family == "ecp5":
            routing = build_ecp5(folder, board, detailed=True)
            netlist = read_netlist([folder.path / "top.json"], TOP)
        else:
            routing, netlist = None, flat_netlist(folder, board.family)
    cells = count_cells(board.family, Counter(cell.kind for cell in netlist.cells))
    return Found(made, estimate(netlist, board.family), cells, routing)


def _table(found: dict[str, Found]) -> Table:
    table = Table("design")
    for title in (
        *("estimated ns", "MHz", "planned", "routed", "frames/s routed"),
        *("LUT", "FF", "with reset"),
    ):
        table.add_column(title, justify="right", no_wrap=True)
    for title, one in found.items():
        timing, rate = one.timing, _rate(one)
        table.add_row(
            title,
            f"{timing.ns:.2f}",
            f"{timing.mhz:.1f}",
            f"{one.made.clock_hz / 1e6:g}",
            "-" if rate is None else f"{rate.achieved:.1f}",
            "-" if rate is None else f"{rate.achieved * 1e6 / one.made.cycles:.1f}",
            f"{one.cells.lut}",
            f"{one.cells.ff}",
            f"{timing.reset / timing.flip_flops:.1%}",
        )
    return table


def _rate(found: Found) -> ClockRate | None:
    return None if found.routing is None else found.routing.accelerator


def _remarks(found: Found) -> Iterator[str]:
    """What limits the clock, what has many loads, and which clocks are too slow."""
    slowest = found.timing.slowest
    yield (
        f"{short(slowest.start)} to {short(slowest.end)} by estimate, {slowest.levels} levels, "
        f"{slowest.carry_bits} carry bits, fan-out {slowest.widest}"
    )
    nets = (f"{net.loads} {short(net.net)}" for net in found.timing.fan_outs[:NETS])
    yield f"largest fan-outs {', '.join(nets)}"
    for clock in () if found.routing is None else found.routing.clocks:
        remedy = "a smaller design (--fps)" if clock.of_ethernet else "a lower --clock"
        yield str(clock) if clock.met else f"{clock}; try another seed, or {remedy}"
