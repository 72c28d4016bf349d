"""Multipliers with which other arithmetic rounds as ours does.

ONNX Runtime requantises in float32, or computes a whole convolution in it. Where a sum lies on the
edge between two codes, within that arithmetic's error, it may get the other code; in a network
of millions of activations that happens in most images, and spreads. Multipliers have 16 bits, more
than scales need, so one nearby is chosen for which hardly any sum lies on an edge.
"""

from __future__ import annotations

import numpy as np

REACH = 24
"""How far from the nearest multiplier to look, of at least 2**15: at most 0.08 % of the scale."""

ERROR = 2.0**-21
"""Error of float32 sums to expect, as a part of their magnitude."""
PARTIAL = 32.0
"""Magnitude of partial sums to expect, in output codes, beside that of the code itself."""
DECAY = 40.0
"""Codes of that magnitude are e times rarer than those near zero."""


def robust_multipliers(multiplier: np.ndarray, shift: int, low: int, high: int) -> np.ndarray:
    """The steadiest multipliers near those given, one a channel.

    Parameters
    ----------
    multiplier : uint16 array (C,)
        Those below 2**15 are only changed in proportion.
    shift : int
    low, high : int
        The clamp: range of output codes.

    Returns
    -------
    uint16 array (C,)
    """
    nearest = multiplier.astype(np.int64)
    best, least = nearest, np.full(len(nearest), np.inf)
    for step in sorted(range(-REACH, REACH + 1), key=abs):
        trial = nearest + np.sign(step) * (abs(step) * nearest >> 15)
        # the largest one keeps its 16 bits, by which importers choose the shift
        legal = (trial < 1 << 16) & ((trial >= 1 << 15) | (nearest < 1 << 15))
        cost = np.where(legal, _doubt(np.maximum(trial, 1), shift, low, high), np.inf)
        better = cost < least
        best, least = np.where(better, trial, best), np.where(better, cost, least)
    return best.astype(np.uint16)


def _doubt(multiplier: np.ndarray, shift: int, low: int, high: int) -> np.ndarray:
    """How likely float arithmetic is to give another code, one a channel, on a scale of its own.

    For each edge between two codes, the sums next to it on both sides are looked at.
    """
    codes = np.arange(low + 1, high + 1)
    edge = (2 * codes - 1) << (shift - 1)
    above = -(-edge // multiplier[:, None]) * multiplier[:, None]
    distance = np.minimum(above - edge, edge - above + multiplier[:, None]) * 2.0**-shift
    error = ERROR * (np.abs(codes) + PARTIAL)
    doubt: np.ndarray = (np.exp(-np.abs(codes) / DECAY) * np.maximum(0, 1 - distance / error)).sum(
        axis=1
    )
    return doubt
