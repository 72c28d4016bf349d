"""Calibration: fit the coefficients of the LUT and flip-flop estimates to Yosys' counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from bench.designs import emitted
from boards import BOARDS
from boards.board import Board
from gen.backend.cells import CellCount
from gen.backend.synth import synthesise
from gen.cost.coefficients import Coefficients
from gen.cost.model import CostModel
from gen.formats.default import default_network
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD, Conv
from gen.plan.plan import Plan
from gen.plan.planner import estimate

COUNTED = ("lut", "ff")
TOTALS = 3
"""How much more than a layer's the error of a whole design counts."""
INERTIA = 5
"""How much a coefficient is held to what it was, for those that the designs say little of."""


@dataclass(frozen=True)
class Design:
    """The default network with weights of so many bits, on a board of so many DSP blocks.

    Attributes
    ----------
    bits : int
    board : str
    fps : float or None
        As :func:`gen.plan.planner.plan` takes it.
    dsp : int or None
        The board's own unless given.
    """

    bits: int
    board: str
    fps: float | None = None
    dsp: int | None = None

    @property
    def network(self) -> QuantizedNetwork:
        """Weights rescaled: a network to count LUTs of, not to classify with."""
        network = default_network()
        ops = [_rescaled(op, self.bits) if isinstance(op, Conv) else op for op in network.ops]
        return replace(network, ops=tuple(ops))

    @property
    def target(self) -> Board:
        """The board with its DSP blocks cut down."""
        board = BOARDS[self.board]
        dsp = board.resources.dsp if self.dsp is None else self.dsp
        return replace(board, resources=replace(board.resources, dsp=dsp))


_DESIGNS = (
    Design(6, "arty_a7", fps=450, dsp=90),
    Design(4, "arty_a7", fps=1500),
    Design(8, "arty_a7", fps=800),
    Design(4, "arty_a7", fps=800, dsp=45),
    Design(3, "arty_a7", fps=400, dsp=60),
)
"""Multipliers of both kinds, overlapping and plain packing, weights in block RAM and in LUTs."""
_ECP5 = Design(4, "ulx3s_85", fps=200)
"""For the one coefficient that tells this family's look-up tables from the 7-series'."""


def _rescaled(op: Conv, bits: int) -> Conv:
    limit = (1 << (bits - 1)) - 1
    # Noise, or the low bits of widened weights were zero and their logic optimised away.
    noise = np.random.default_rng(bits).uniform(-0.5, 0.5, op.weights.shape)
    weights = np.rint((op.weights + noise) * 2.0 ** (bits - op.weight_bits))
    return replace(op, weights=np.clip(weights, -limit, limit).astype(np.int8), weight_bits=bits)


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Synthesise a few designs layer by layer, and fit the coefficients to all of them at once.

    ``--json gen/cost/fitted.json`` makes the result the planner's.

    Parameters
    ----------
    console : Console
    shared
        Not used: the default network ships with firebrick.
    limit : int or None
        Use only the first designs.
    """
    samples = []
    for design in _DESIGNS[:limit]:
        with console.status(f"{design.bits} bits on {design.board}"):
            samples.append(_measure(design))
    before = Coefficients.load()
    after = fit(samples, before)
    with console.status(f"{_ECP5.bits} bits on {_ECP5.board}"):
        samples.append(_measure(_ECP5))
    after = replace(after, lut4_per_lut6=lut4_per_lut6(samples[-1], after))
    table = Table("coefficient", "before", "now")
    for name, value in asdict(after).items():
        table.add_row(name, f"{getattr(before, name):g}", f"{value:g}")
    console.print(table)
    rows = errors(samples, before, after)
    totals = Table("design", "resource", "Yosys", "estimated before", "now")
    for row in rows:
        totals.add_row(*(f"{cell:g}" if isinstance(cell, float) else cell for cell in row.values()))
    console.print(totals)
    layers = [{k: vars(count) for k, count in sample.counts.items()} for sample in samples]
    return {"coefficients": asdict(after), "designs": rows, "layers": layers}


COLUMNS = ("counted", "before", "now")


@dataclass(frozen=True, eq=False)
class Sample:
    """A design and what Yosys counted of each of its layers, link and shell left out."""

    design: Design
    network: QuantizedNetwork
    made: Plan
    counts: dict[str, CellCount]

    def counted(self) -> np.ndarray:
        """LUTs and flip-flops of each layer, (layers, 2)."""
        return np.array([[getattr(count, k) for k in COUNTED] for count in self.counts.values()])

    def estimated(self, coefficients: Coefficients) -> np.ndarray:
        """The same by the formulas."""
        model = CostModel(coefficients)
        costs = estimate(self.network, self.design.target, self.made, model).costs
        rows = [[getattr(costs[name].resources, k) for k in COUNTED] for name in self.counts]
        return np.array(rows, dtype=float)


def _measure(design: Design) -> Sample:
    network, target = design.network, design.target
    with emitted(target, network, design.fps) as (made, folder):
        counts = synthesise(folder, target.family, network).counts
    del counts[BOARD]
    return Sample(design, network, made, counts)


def fit(samples: list[Sample], start: Coefficients) -> Coefficients:
    """Non-negative least squares; the estimates are linear in the coefficients.

    Each layer's error counts relative to its size, and each coefficient is held a little to what
    it was.
    """
    names = list(asdict(start))
    nothing = Coefficients(**dict.fromkeys(names, 0.0))
    rest = np.concatenate([s.estimated(nothing) for s in samples])
    # Estimates are rounded; a large coefficient makes the rounding small.
    unit = 1000.0
    found = []
    for name in names:
        alone = replace(nothing, **{name: unit})
        grown = np.concatenate([s.estimated(alone) for s in samples])
        found.append(((grown - rest) / unit).ravel())
    counted = np.concatenate([s.counted() for s in samples])
    left, columns = (counted - rest).ravel(), np.transpose(found)
    weight = 1 / np.sqrt(np.maximum(counted.ravel(), 50))
    # Layers for the formulas to be right one by one, totals for the sum to be right.
    sums = _sums(samples)
    totals = sums @ counted.ravel()
    weights = [weight, TOTALS / np.sqrt(totals)]
    held = np.array([getattr(start, name) for name in names])
    rows = [part @ columns for part in (np.eye(len(left)), sums)]
    matrix = np.vstack([w[:, None] * row for w, row in zip(weights, rows, strict=True)])
    wanted = np.concatenate([weights[0] * left, weights[1] * (sums @ left)])
    inertia = INERTIA / np.where(held > 0, held, 1)
    matrix = np.vstack([matrix, np.diag(inertia)])
    wanted = np.append(wanted, inertia * held)
    fitted, _ = nnls(matrix, wanted)
    values = (round(float(value), 3) for value in fitted)
    return Coefficients(**dict(zip(names, values, strict=True)))


def lut4_per_lut6(sample: Sample, coefficients: Coefficients) -> float:
    """What the estimates of an ECP5 design, in six-input LUTs, are to be multiplied by."""
    as_lut6 = sample.estimated(replace(coefficients, lut4_per_lut6=1.0))
    lut = COUNTED.index("lut")
    return round(float(sample.counted()[:, lut].sum() / as_lut6[:, lut].sum()), 3)


def _sums(samples: list[Sample]) -> np.ndarray:
    """Adds up the LUTs, and the flip-flops, of each design's layers."""
    sizes = [len(s.counts) for s in samples]
    design = np.repeat(np.arange(len(samples)), sizes)
    alike = design == np.arange(len(samples))[:, None]
    return np.kron(alike, np.eye(len(COUNTED)))


def errors(
    samples: list[Sample], before: Coefficients, after: Coefficients
) -> list[dict[str, str | float]]:
    """Each design's totals: counted, and estimated with the coefficients before and after.

    Parameters
    ----------
    samples : list of Sample
    before, after : Coefficients

    Returns
    -------
    list of dict
        For each design and resource its title, the resource's name, and :data:`COLUMNS`.
    """
    rows: list[dict[str, str | float]] = []
    for sample in samples:
        design = sample.design
        title = f"{design.bits} bits on {design.board}, {sample.made.cycles} cycles"
        found = (sample.counted(), sample.estimated(before), sample.estimated(after))
        for column, resource in enumerate(COUNTED):
            sums = (float(total[:, column].sum()) for total in found)
            figures = dict(zip(COLUMNS, sums, strict=True))
            rows.append({"design": title, "resource": resource, **figures})
    return rows
