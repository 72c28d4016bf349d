"""Wires: fit the wire model of the clock's estimate to designs that were routed."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from bench.designs import generated
from bench.fmax import Case
from boards.board import TOP
from gen.backend.place_and_route import build_ecp5
from gen.timing.cell_timing import BLOCK, LOGIC
from gen.timing.estimate import estimate
from gen.timing.netlist import Netlist, read_netlist
from gen.timing.wires import KNEE, WireModel
from gen.timing.xc7 import LUT_NS

_XC7_DESIGNS = ("fps60_s1", "fps60_s2", "fps60_nosrl_s1", "fps20_s1")
_ECP5_BOARD = "ulx3s_85"
_ECP5_FPS = (200.0, 60.0)
"""Frames a second of the default network to plan for, and to route."""
_BLOCKS = ("RAMB", "DSP", "DP16KD", "PDPW16KD", "MULT18X18D")
"""What the names of cells begin with that stand in columns of their own."""


@dataclass(frozen=True, eq=False)
class Wires:
    """Routed connections, but for those within a slice.

    Attributes
    ----------
    fan_out : int array
        Loads of the whole net.
    blocks : int array
        How many of the two ends are block RAMs or multipliers.
    ns : float array
    """

    fan_out: np.ndarray
    blocks: np.ndarray
    ns: np.ndarray

    def __add__(self, other: Wires) -> Wires:
        pairs = ((getattr(self, name), getattr(other, name)) for name in vars(self))
        return Wires(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Routed:
    """A routed design.

    Attributes
    ----------
    title : str
    ns : float
        Of its slowest path.
    estimated : float
        Of the path that is the slowest by estimate.
    """

    title: str
    ns: float
    estimated: float


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Fit the constants of both families, and show how well they do.

    ``--json gen/timing/wires.json`` makes the result the estimate's. Designs for an ECP5 are
    placed and routed for it, which takes a quarter of an hour.

    Parameters
    ----------
    console : Console
    shared : Path
        With what was routed on 7-series chips, in ``xc7/routed``.
    limit : int or None
        Use only the first designs.
    """
    routed = shared / "xc7/routed"
    xc7 = fit(read_xc7_wires(routed / "arcs.csv"), LUT_NS)
    files = [routed / f"{name}.json" for name in _XC7_DESIGNS[:limit]]
    found = {"xc7": _with_ratio(xc7, [read_xc7_design(path, xc7) for path in files])}
    with console.status(f"place and route for {_ECP5_BOARD}"):
        found["ecp5"] = _ecp5(limit)
    console.print(_constants({family: model for family, (model, _) in found.items()}))
    console.print(_errors(found))
    return {
        "constants": {family: asdict(model) for family, (model, _) in found.items()},
        "designs": {family: designs for family, (_, designs) in found.items()},
    }


def _ecp5(limit: int | None) -> tuple[WireModel, list[Routed]]:
    wires, routed = [], list[tuple[str, float, Netlist]]()
    for fps in _ECP5_FPS[:limit]:
        case = Case(f"{_ECP5_BOARD}, {fps:g} frames/s", _ECP5_BOARD, fps=fps)
        with generated(case.goal) as (board, _, folder):
            rate = build_ecp5(folder, board, detailed=True).accelerator
            wires.append(read_sdf((folder.path / "top.sdf").read_text()))
            netlist = read_netlist([folder.path / "top.json"], TOP)
        routed.append((case.title, 1e3 / rate.achieved, netlist))
    model = fit(sum(wires[1:], start=wires[0]), feed=0.0)
    designs = [
        Routed(title, ns, estimate(netlist, "ecp5", wires=model).ns)
        for title, ns, netlist in routed
    ]
    return _with_ratio(model, designs)


def _with_ratio(model: WireModel, designs: list[Routed]) -> tuple[WireModel, list[Routed]]:
    """The model with what routed designs take over its estimate, on average."""
    ratios = np.array([design.ns / design.estimated for design in designs])
    routed = round(float(ratios.mean()), 3)
    error = round(float(np.abs(ratios / routed - 1).max()), 3)
    return replace(model, routed=routed, error=error), designs


def fit(wires: Wires, feed: float) -> WireModel:
    """Least squares in which each net counts alike; nothing is said of whole paths yet.

    Parameters
    ----------
    wires : Wires
    feed : float
        Of the model, which is not fitted.
    """
    doublings = np.log2(wires.fan_out)
    near, far = np.minimum(doublings, KNEE), np.maximum(doublings - KNEE, 0)
    columns = np.stack([np.ones(len(near)), near, far, wires.blocks], axis=1)
    weights = 1 / np.sqrt(wires.fan_out)
    found, _ = nnls(columns * weights[:, None], wires.ns * weights)
    base, slope, wide_slope, block = (round(float(value), 3) for value in found)
    return WireModel(base, slope, wide_slope, block, feed, routed=1.0, error=0.0)


def read_xc7_wires(path: Path) -> Wires:
    """Connections from a table of them."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] == "data"]
    return _wires(
        (int(row["fanout"]), (row["from_cell"], row["to_cell"]), float(row["delay_ns"]))
        for row in rows
    )


def _wires(rows: Iterable[tuple[int, tuple[str, str], float]]) -> Wires:
    """Of fan-outs, kinds of the cells at both ends, and delays."""
    fan_outs, ends, delays = zip(*rows, strict=True)
    blocks = [sum(cell.startswith(_BLOCKS) for cell in pair) for pair in ends]
    return Wires(np.array(fan_outs), np.array(blocks), np.array(delays))


def read_xc7_design(path: Path, model: WireModel) -> Routed:
    """A design's slowest path, and what a model makes of its slowest paths.

    Parameters
    ----------
    path : Path
        A file with these, hop by hop.
    model : WireModel
    """
    paths = json.loads(path.read_text())["paths"]
    times = [item["total_ns"] for item in paths]
    return Routed(path.stem, max(times), max(_estimated(item, model) for item in paths))


def _estimated(path: dict[str, Any], model: WireModel) -> float:
    hops = path["hops"]
    wires = [hop for hop in hops if hop["class"] == "data"]
    drivers, pins = (
        np.array([BLOCK if hop[end].startswith(_BLOCKS) else LOGIC for hop in wires])
        for end in ("cell_type", "to_type")
    )
    delays = model.delays(drivers, pins, np.array([hop["fanout"] for hop in wires]))
    return path["setup_ns"] + sum(hop["logic_ns"] for hop in hops) + float(delays.sum())


_CELL = re.compile(r'\(CELLTYPE "([^"]+)"\)\s*\(INSTANCE ([^\s)]+)')
_CONNECTION = re.compile(r"\(INTERCONNECT ((\S+)/\S+) (\S+)/\S+ \((\d+):")


def read_sdf(text: str) -> Wires:
    """Connections from the delays that nextpnr writes, in ps.

    Those that take no time are within a slice, or on a clock network.
    """
    kinds = {instance: kind for kind, instance in _CELL.findall(text)}
    found = _CONNECTION.findall(text)
    loads = Counter(pin for pin, *_ in found)
    return _wires(
        (loads[pin], (kinds[start], kinds[end]), int(ps) / 1000)
        for pin, start, end, ps in found
        if int(ps)
    )


def _constants(models: dict[str, WireModel]) -> Table:
    table = Table("constant", *models)
    for name in vars(next(iter(models.values()))):
        table.add_row(name, *(f"{getattr(model, name):g}" for model in models.values()))
    return table


def _errors(found: dict[str, tuple[WireModel, list[Routed]]]) -> Table:
    table = Table("design", "estimated ns", "likely ns", "routed ns", "error")
    for model, designs in found.values():
        for design in designs:
            likely = design.estimated * model.routed
            times = (design.estimated, likely, design.ns)
            numbers = (f"{ns:.2f}" for ns in times)
            table.add_row(design.title, *numbers, f"{likely / design.ns - 1:+.1%}")
    return table
