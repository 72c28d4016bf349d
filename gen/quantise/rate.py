"""Rounding weights for an entropy coder: to uniform steps, with a price on every bit.

An entropy coder makes narrow widths pointless: what counts is how rare a code is. So a layer gets
one step, as fine as it needs, and among the codes near a weight the one is taken that is cheapest
in error and bits together. At the best trade-off a bit costs what a finer step would cost for it,
``ln 2 / 6`` square steps (entropy-constrained quantisation: P. A. Chou et al., 1989). Rounding is
GPTQ's otherwise (:mod:`gen.quantise.gptq`): errors make up for one another.

Arrays are (D, Cout) as in :mod:`gen.quantise.gptq`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT
from gen.ir.widths import NARROWEST, WIDEST, Width
from gen.quantise.gptq import BLOCK, Layer, elimination, largest_code
from gen.quantise.sensitivity import MEASURED, Table

PRICE = np.log(2) / 6
"""What a bit costs, in square steps."""
SPREADS = 2
"""How often the weights are rounded one after another, each time knowing better what bits cost."""
ROUNDS = 8
FEW = 0.002
"""Part of the codes that may still want to change at the end."""
FINEST, COARSEST = 0.02, 2.0
"""Limits of a step, as parts of the layer's root mean square."""
HIGH = largest_code(WIDEST)
PRIOR = 4.0
"""How many codes the prior for rare codes counts for."""


@dataclass(frozen=True)
class Step(Width):
    """Codes of up to 8 bits in uniform steps, for an entropy coder.

    Attributes
    ----------
    step : float
        As a part of the root mean square of the layer's weights.
    pruned : float
        Part of the weights that is set to zero, those that matter least.
    """

    bits: int = WIDEST
    step: float = 0.5
    pruned: float = 0.0

    def __str__(self) -> str:
        return f"steps of {self.step:.3g}"


def round_to_step(
    weights: np.ndarray, hessian: np.ndarray, step: Step, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales of the weights of a layer.

    Parameters
    ----------
    weights : float64 array (Cout, D)
    hessian : float64 array (D, D)
        Positive definite.
    step : Step
    floor : float64 array (Cout,)
        Scales are at least these.

    Returns
    -------
    codes : float64 array (Cout, D)
        Integers.
    scales : float64 array (Cout,)
    """
    layer = Layer.of(weights, hessian, floor)
    rms = float(np.sqrt(np.square(layer.target).mean())) or 1.0
    scale = np.maximum(step.step * rms, floor)
    scale = np.maximum(scale, np.abs(layer.target).max(axis=0) / HIGH)
    order, upper = elimination(hessian)
    weight = np.empty(len(order))  # what a square error costs if all later rows make up for it
    weight[order] = np.diag(upper) ** -2.0
    kept = _kept(layer.target**2 * weight[:, None], step.pruned)
    unit = float(weight.mean())
    codes = np.clip(np.rint(layer.target / scale), -HIGH, HIGH) * kept
    for _ in range(SPREADS):
        codes = _spread(layer.target, order, upper, scale, _Chooser.of(codes, kept, unit))
    for _ in range(ROUNDS):
        moved = _descend(layer, codes, scale, _Chooser.of(codes, kept, unit))
        scale, _ = layer.fit(codes)
        if moved <= FEW * codes.size:
            break
    return np.ascontiguousarray(codes.T), scale


def bits_for(codes: np.ndarray) -> int:
    """The narrowest width that holds all codes, of those that weights may have."""
    return max(NARROWEST, int(np.abs(codes).max(initial=0)).bit_length() + 1)


@dataclass(frozen=True)
class _Chooser:
    """Chooses codes by their error and bits.

    ``bits`` is what each code from -HIGH to HIGH takes, ``kept`` (D, Cout) where codes may be other
    than zero, and ``unit`` what a square step's error costs where a bit costs :data:`PRICE`.
    """

    bits: np.ndarray
    kept: np.ndarray
    unit: float

    @staticmethod
    def of(codes: np.ndarray, kept: np.ndarray, unit: float) -> _Chooser:
        """Bits by how often codes occur; those that do not, by an exponential prior."""
        counts = np.bincount((codes + HIGH).astype(np.int64).reshape(-1), minlength=2 * HIGH + 1)
        mean = max(float(np.abs(codes).mean()), 0.5)  # keeps all of the prior above zero
        prior = np.exp(-np.abs(np.arange(-HIGH, HIGH + 1)) / mean)
        part = (counts + PRIOR * prior / prior.sum()) / (codes.size + PRIOR)
        return _Chooser(-np.log2(part), kept, unit)

    def choose(self, wanted: np.ndarray, row: int, weight: float) -> np.ndarray:
        """Codes (Cout,) for wanted real ones of a row, whose square errors cost ``weight``."""
        near = np.clip(np.rint(wanted), -HIGH, HIGH)
        trials = np.stack([near, near - np.sign(near), np.zeros_like(near)])
        bits = self.bits[(trials + HIGH).astype(np.int64)]
        cost = weight / self.unit * (trials - wanted) ** 2 + PRICE * bits
        best = np.take_along_axis(trials, cost.argmin(axis=0)[None], axis=0)[0]
        chosen: np.ndarray = best * self.kept[row]
        return chosen


def _kept(cost: np.ndarray, pruned: float) -> np.ndarray:
    """Where weights stay, 1 or 0: not where removing one costs least."""
    if pruned <= 0:
        return np.ones_like(cost)
    return (cost > np.quantile(cost, min(pruned, 1.0))).astype(np.float64)


def _spread(
    target: np.ndarray, order: np.ndarray, upper: np.ndarray, scale: np.ndarray, chooser: _Chooser
) -> np.ndarray:
    """GPTQ with a price on bits: round one after another, spread each error over the rest."""
    left = target[order]
    codes = np.empty_like(target)
    errors = np.empty((BLOCK, left.shape[1]))
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        for at in range(start, stop):
            found = chooser.choose(left[at] / scale, order[at], upper[at, at] ** -2.0)
            error = (left[at] - found * scale) / upper[at, at]
            left[at + 1 : stop] -= upper[at, at + 1 : stop, None] * error
            errors[at - start], codes[order[at]] = error, found
        left[stop:] -= upper[start:stop, stop:].T @ errors[: stop - start]
    return codes


def _descend(layer: Layer, codes: np.ndarray, scale: np.ndarray, chooser: _Chooser) -> int:
    """Move each code to where error and bits are least, in place; gives how many codes moved."""
    slope = layer.hessian @ (codes - layer.target / scale)
    moved = 0
    for row, weight in enumerate(np.diag(layer.hessian)):
        best = chooser.choose(codes[row] - slope[row] / weight, row, weight)
        change = best - codes[row]
        columns = np.flatnonzero(change)
        if len(columns):
            slope[:, columns] += np.outer(layer.hessian[row], change[columns])
            codes[row] = best
            moved += len(columns)
    return moved


def steps_for(graph: FloatGraph, loss: Table, mean: float, pruned: float = 0.0) -> dict[str, Step]:
    """Steps with which a bit more is worth the same in every layer.

    The loss grows with the square of the step, and a bit a weight halves the step; so the best
    steps are in proportion to the square root of weights per loss.

    Parameters
    ----------
    graph : FloatGraph
    loss : Table
        From :func:`gen.quantise.sensitivity.measure`.
    mean : float
        Geometric mean of the steps over all weights, as a part of their root mean square.
    pruned : float
        Part of the weights of each layer to set to zero, but for layers that read pixels.
    """
    convs = graph.convs
    sizes = np.array([op.weights.size for op in convs], float)
    losses = np.maximum([loss[op.name][MEASURED] for op in convs], 1e-12)
    logs = 0.5 * np.log(sizes / losses)
    steps = mean * np.exp(logs - (sizes * logs).sum() / sizes.sum())
    steps = np.clip(steps, FINEST, COARSEST)
    return {
        op.name: Step(step=float(step), pruned=0.0 if INPUT in op.inputs else pruned)
        for op, step in zip(convs, steps, strict=True)
    }
