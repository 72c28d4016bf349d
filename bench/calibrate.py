"""Calibration: fit the coefficients of the LUT and flip-flop estimates to Yosys' counts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import nnls

from bench.samples import COUNTED, DESIGNS, ECP5, Sample, measure
from gen.cost.coefficients import Coefficients

TOTALS = 3
"""How much more than a layer's the error of a whole design counts."""
INERTIA = 5
"""How much a coefficient is held to what it was, for those that the designs say little of."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Synthesise a few designs layer by layer, and fit the coefficients to all of them at once.

    ``--json gen/cost/fitted.json`` makes the result the planner's. What has been counted of a
    design is kept, so that a call goes on where another was broken off.

    Parameters
    ----------
    console : Console
    shared
        Not used: the networks ship with firebrick, or are drawn.
    limit : int or None
        Use only the first designs.
    """
    samples = []
    for design in (*DESIGNS[:limit], ECP5):
        with console.status(f"{design.name}, {design.bits} bits on {design.board}"):
            samples.append(measure(design))
    before = Coefficients.load()
    after = fit(samples[:-1], before)
    after = after.replaced(lut4_per_lut6=lut4_per_lut6(samples[-1], after))
    table = Table("coefficient", "before", "now")
    for name, value in after.values.items():
        table.add_row(name, f"{before.values[name]:g}", f"{value:g}")
    console.print(table)
    rows = errors(samples, before, after)
    console.print(_errors_table("design", rows))
    kinds = list(errors_by_kind(samples[:-1], before, after))
    console.print(_errors_table("kind", kinds))
    return {"coefficients": dict(after.values), "designs": rows, "kinds": kinds}


COLUMNS = ("counted", "before", "now")


def fit(samples: list[Sample], start: Coefficients) -> Coefficients:
    """Non-negative least squares; the estimates are linear in the coefficients.

    Each layer's error counts relative to its size, and each coefficient is held a little to what
    it was.
    """
    names = list(start.values)
    nothing = start.replaced(**dict.fromkeys(names, 0.0))
    rest = np.concatenate([s.estimated(nothing) for s in samples])
    # Estimates are rounded; a large coefficient makes the rounding small.
    unit = 1000.0
    found = []
    for name in names:
        alone = nothing.replaced(**{name: unit})
        grown = np.concatenate([s.estimated(alone) for s in samples])
        found.append(((grown - rest) / unit).ravel())
    counted = np.concatenate([s.counted() for s in samples])
    left, columns = (counted - rest).ravel(), np.transpose(found)
    weight = 1 / np.sqrt(np.maximum(counted.ravel(), 50))
    # Layers for the formulas to be right one by one, totals for the sum to be right.
    sums = _sums(samples)
    totals = sums @ counted.ravel()
    weights = [weight, TOTALS / np.sqrt(totals)]
    held = np.array([start.values[name] for name in names])
    rows = [part @ columns for part in (np.eye(len(left)), sums)]
    matrix = np.vstack([w[:, None] * row for w, row in zip(weights, rows, strict=True)])
    wanted = np.concatenate([weights[0] * left, weights[1] * (sums @ left)])
    inertia = INERTIA / np.where(held > 0, held, 1)
    matrix = np.vstack([matrix, np.diag(inertia)])
    wanted = np.append(wanted, inertia * held)
    fitted, _ = nnls(matrix, wanted)
    return Coefficients(
        {name: round(float(value), 3) for name, value in zip(names, fitted, strict=True)}
    )


def lut4_per_lut6(sample: Sample, coefficients: Coefficients) -> float:
    """What the estimates of an ECP5 design, in six-input LUTs, are to be multiplied by."""
    as_lut6 = sample.estimated(coefficients.replaced(lut4_per_lut6=1.0))
    lut = COUNTED.index("lut")
    return round(float(sample.counted()[:, lut].sum() / as_lut6[:, lut].sum()), 3)


def _sums(samples: list[Sample]) -> np.ndarray:
    """Adds up the LUTs, and the flip-flops, of each design's layers."""
    sizes = [len(s.counts) for s in samples]
    design = np.repeat(np.arange(len(samples)), sizes)
    alike = design == np.arange(len(samples))[:, None]
    return np.kron(alike, np.eye(len(COUNTED)))


Row = dict[str, str | float]


def errors(samples: list[Sample], before: Coefficients, after: Coefficients) -> list[Row]:
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
    rows: list[Row] = []
    for sample in samples:
        found = (sample.counted(), sample.estimated(before), sample.estimated(after))
        for column, resource in enumerate(COUNTED):
            sums = (float(total[:, column].sum()) for total in found)
            figures = dict(zip(COLUMNS, sums, strict=True))
            rows.append({"design": sample.title, "resource": resource, **figures})
    return rows


def errors_by_kind(
    samples: list[Sample], before: Coefficients, after: Coefficients
) -> Iterator[Row]:
    """The same for all layers of a kind together, and how far off a single one is, in percent.

    Parameters
    ----------
    samples : list of Sample
    before, after : Coefficients

    Yields
    ------
    dict
        For each kind and resource also how many layers there are, and the mean error, without its
        sign, of each with the coefficients after.
    """
    kinds = np.array([kind for sample in samples for kind in sample.kinds()])
    counted = np.concatenate([sample.counted() for sample in samples])
    old, new = (np.concatenate([s.estimated(c) for s in samples]) for c in (before, after))
    for kind in dict.fromkeys(kinds.tolist()):
        for column, resource in enumerate(COUNTED):
            own = [values[kinds == kind, column] for values in (counted, old, new)]
            figures = dict(zip(COLUMNS, (float(values.sum()) for values in own), strict=True))
            off = np.abs(own[2] - own[0]).sum() / max(own[0].sum(), 1)
            row: Row = {"kind": kind, "resource": resource, **figures}
            yield {**row, "layers": len(own[0]), "each": round(100 * float(off), 1)}


def _errors_table(what: str, rows: list[Row]) -> Table:
    titles = {"counted": "Yosys", "before": "estimated before", "each": "% of a layer"}
    table = Table(*(titles.get(key, key) for key in rows[0]), title=f"by {what}")
    for row in rows:
        table.add_row(
            *(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in row.values())
        )
    return table
