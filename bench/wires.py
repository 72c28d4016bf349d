"""Wires: fit the wire model of the clock's estimate to designs that were routed."""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from gen.timing.cell_timing import BLOCK, LOGIC
from gen.timing.wires import KNEE, WireModel
from gen.timing.xc7 import LUT_NS

_BLOCKS = ("RAMB", "DSP")
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

    ``--json gen/timing/wires.json`` makes the result the estimate's.

    Parameters
    ----------
    console : Console
    shared : Path
        With what was routed on 7-series chips, in ``xc7/routed``.
    limit : int or None
        Not used.
    """
    models, designs = {}, {}
    routed = shared / "xc7/routed"
    models["xc7"], designs["xc7"] = calibrated(
        fit(read_xc7_wires(routed / "arcs.csv"), LUT_NS),
        lambda model: [read_xc7_design(routed / f"{name}.json", model) for name in XC7_DESIGNS],
    )
    return {"constants": {family: asdict(model) for family, model in models.items()}}


def fit(wires: Wires, feed: float) -> WireModel:
    """Least squares in which each net counts alike; ``routed`` is left at one.

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
    return WireModel(base, slope, wide_slope, block, feed, routed=1.0)


def read_xc7_wires(path: Path) -> Wires:
    """Connections from ``arcs.csv``."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] == "data"]
    return Wires(
        fan_out=np.array([int(row["fanout"]) for row in rows]),
        blocks=np.array([_is_block(row["from_cell"]) + _is_block(row["to_cell"]) for row in rows]),
        ns=np.array([float(row["delay_ns"]) for row in rows]),
    )


def _is_block(cell: str) -> bool:
    return cell.startswith(_BLOCKS)


def read_xc7_design(path: Path, model: WireModel) -> Routed:
    """A design's slowest path, and what the model makes of the slowest forty."""
    entry = json.loads(path.read_text())
    return Routed(
        title=path.stem,
        ns=entry["paths"][0]["total_ns"],
        estimated=max(_estimated(item, model) for item in entry["paths"]),
    )


def _estimated(path: dict[str, Any], model: WireModel) -> float:
    hops = path["hops"]
    wires = [hop for hop in hops if hop["class"] == "data"]
    delays = model.delays(
        np.array([_end(hop["cell_type"]) for hop in wires]),
        np.array([_end(hop["to_type"]) for hop in wires]),
        np.array([hop["fanout"] for hop in wires]),
    )
    return path["setup_ns"] + sum(hop["logic_ns"] for hop in hops) + float(delays.sum())


def _end(cell: str) -> str:
    return BLOCK if _is_block(cell) else LOGIC
