"""Codebooks: a few integer levels a layer that its weights are rounded to, found with the weights.

The levels start from those that the layer's weights, brought to one size a channel, are nearest to
(k-means, weighted by what each weight's error costs; shared weights as in S. Han et al., "Deep
compression", 2016), or from evenly spaced ones. Then codes, scales and levels are bettered by
turns. With codes and scales kept the error is a quadratic form of the levels, so that changing a
level is judged exactly.

Levels are integers of a few bits, which a multiplier takes in place of the codes.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from gen.quantise.gptq import Coupled, Layer, Nearest, largest_code

SIZES = np.geomspace(0.6, 1.5, 8)
"""Scales to try, as parts of a channel's root mean square."""

REACH = 2.2
"""Largest of evenly spaced levels, as a multiple of a channel's root mean square."""

STEPS = 30
"""Most often that the starting levels are moved."""

ROUNDS = 20
"""Most often that codes, scales and levels are bettered by turns."""

SPAN = (0.002, 0.998)
"""Quantiles of the weights between which the starting levels lie."""

TOPS = 8
"""Sizes to try for the largest level."""

TINY = 1e-9
"""Least gain, as a part, for which a level is moved: above the sums' own rounding."""

RIDGE = 1e-6
"""Keeps levels that no weight has within bounds, as a part of the mean of the others' squares."""


def round_to_levels(
    weights: np.ndarray,
    hessian: np.ndarray,
    code_bits: int,
    level_bits: int,
    floor: np.ndarray,
    coupling: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, scales and codebook of a layer.

    Parameters
    ----------
    weights : float64 array (Cout, D)
    hessian : float64 array (D, D)
        Positive definite.
    code_bits, level_bits : int
        There are ``2**code_bits`` levels, integers of ``level_bits`` bits.
    floor : float64 array (Cout,)
        Scales are at least these.
    coupling : float64 array (Cout, Cout) or None
        Of the channels' errors, see :class:`~gen.quantise.gptq.Coupled`; each on its own if None.

    Returns
    -------
    weights : float64 array (Cout, D)
        Integers, all of the codebook.
    scales : float64 array (Cout,)
    codebook : float64 array (2**code_bits,)
        Integers, ascending.
    """
    layer, high = Layer.of(weights, hessian, floor), largest_code(level_bits)
    cost = np.diag(hessian)[:, None]
    size = np.sqrt((cost * layer.target**2).sum(axis=0) / cost.sum())
    size = np.maximum(size, floor * high) if size.any() else floor * high
    real, mass = _k_means(layer.target / size, cost, 1 << code_bits)
    even = np.rint(np.linspace(-high, high, 1 << code_bits))
    codes, scale, levels = min(
        (
            _start(layer, levels, size * step)
            for levels, step in (
                _to_integers(np.diag(mass), mass * real, high),
                (even, REACH / high),
            )
        ),
        key=lambda start: float(layer.fit(start[0])[1].sum()),
    )
    codes, scale, levels = _settle(layer, codes, scale, levels, high)
    if coupling is not None:
        coupled = Coupled(layer, coupling)
        codes = coupled.respread(codes, scale, _nearest(levels))
        codes, scale, levels = _settle(coupled, codes, scale, levels, high)
    return np.ascontiguousarray(codes.T), scale, levels


def _start(
    layer: Layer, levels: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes (D, Cout), scales and the levels, for scales around ``size``."""
    return (*layer.spread((size * part for part in SIZES), _nearest(levels)), levels)


def _settle(
    layer: Layer | Coupled, codes: np.ndarray, scale: np.ndarray, levels: np.ndarray, high: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes (D, Cout), scales and levels after bettering them by turns."""
    for _ in range(ROUNDS):
        moved = layer.descend(codes, scale, _nearest(levels))
        scale, error = layer.fit(codes)
        changed = _better_levels(layer, codes, scale, levels, high)
        trial = changed[np.searchsorted(levels, codes)]
        fitted, trial_error = layer.fit(trial)
        if trial_error.sum() < error.sum():
            codes, scale, levels = trial, fitted, changed
        elif not moved:
            break
    return codes, scale, levels


def _nearest(levels: np.ndarray) -> Nearest:
    middles = (levels[1:] + levels[:-1]) / 2
    return lambda x: levels[np.searchsorted(middles, x)]


def _k_means(values: np.ndarray, weights: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels (count,), ascending, of small weighted square distance to values; weights of each."""
    order = np.argsort(values, axis=None)
    weights = np.broadcast_to(weights, values.shape).reshape(-1)[order]
    values = values.reshape(-1)[order]
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    moment = np.concatenate([[0.0], np.cumsum(weights * values)])
    lowest, highest = np.quantile(values, SPAN)
    levels = np.linspace(lowest, highest, count)
    for _ in range(STEPS):
        cuts = np.searchsorted(values, (levels[1:] + levels[:-1]) / 2)
        ends = np.concatenate([[0], cuts, [len(values)]])
        held = np.diff(mass[ends])
        means = np.diff(moment[ends]) / np.where(held > 0, held, 1.0)
        levels = np.where(held > 0, means, levels)
    return levels, held


def _better_levels(
    layer: Layer | Coupled, codes: np.ndarray, scale: np.ndarray, levels: np.ndarray, high: int
) -> np.ndarray:
    """Integer levels of least error for the codes and scales as they are."""
    index = np.searchsorted(levels, codes)
    count = len(levels)
    square, along = np.empty((count, count)), np.empty(count)
    for level in range(count):
        mine = (index == level) * scale
        along[level] = (mine * layer.pull).sum()
        square[level] = np.bincount(
            index.reshape(-1), (layer.cost(mine) * scale).reshape(-1), count
        )
    return _to_integers(square, along, high)[0]


def _to_integers(square: np.ndarray, along: np.ndarray, high: int) -> tuple[np.ndarray, float]:
    """Ascending integers L of at most ``high`` and a step t that minimise t²LAL - 2tL·r.

    Parameters
    ----------
    square : float array (N, N)
        A; positive semidefinite.
    along : float array (N,)
        r.
    high : int
    """
    ridge = RIDGE * max(np.trace(square), 1e-300) / len(square)
    real = np.linalg.solve(square + ridge * np.eye(len(square)), along)
    best, most = np.zeros_like(real), -np.inf
    for top in np.unique(np.rint(np.linspace(high / 2, high, TOPS))):
        levels = _apart(np.rint(real * top / (np.abs(real).max() or 1.0)), high)
        gain = _climb(levels, square, along, high)
        if gain > most:
            best, most = levels, gain
    return best, float(along @ best) / (float(best @ square @ best) or 1.0)


def _apart(levels: np.ndarray, high: int) -> np.ndarray:
    """Integer levels moved so that they ascend, no two equal, from ``-high`` to ``high``."""
    ranks = np.arange(len(levels))
    levels = np.maximum.accumulate(np.clip(levels, -high, high) - ranks)
    return np.clip(levels, -high, high + 1 - len(levels)) + ranks


def _climb(levels: np.ndarray, square: np.ndarray, along: np.ndarray, high: int) -> float:
    """Move levels one by one, in place, while that makes ``(L·r)² / LAL`` larger; gives it."""
    fence = np.concatenate([[-high - 1], levels, [high + 1]])
    inner = fence[1:-1]
    slope, dot = square @ inner, along @ inner
    norm = inner @ slope
    moved = True
    while moved:
        moved = False
        for at, step in product(range(len(inner)), (-1.0, 1.0)):
            if not fence[at] < inner[at] + step < fence[at + 2]:
                continue
            new_dot = dot + step * along[at]
            new_norm = norm + 2 * step * slope[at] + square[at, at]
            if new_dot > 0 and new_dot**2 * norm > dot**2 * new_norm * (1 + TINY):
                inner[at] += step
                slope += step * square[:, at]
                dot, norm, moved = new_dot, new_norm, True
    levels[:] = inner
    return float(dot * abs(dot) / norm) if norm > 0 else -np.inf
