"""Rounding weights so that errors make up for one another.

For each output channel this looks for codes q and a scale s that make ``(w - s q) H (w - s q)``
small: the square error that the layer's output gets, H being the second moments of its input.

First the weights are rounded one after another, each error being spread over those still to come
(GPTQ: E. Frantar et al., "GPTQ: accurate post-training quantization for generative pre-trained
transformers", 2023), for several scales. Then scale and codes are bettered by turns until no
single code can be changed to advantage.

Arrays are (D, Cout): a row for each of the D = K * K * Cin weights of an output channel.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import cholesky, inv

CLIPS = np.geomspace(0.25, 1.0, 12)
"""Clipping ranges to try, as parts of the channel's largest weight."""

BLOCK = 32
"""Weights whose errors are spread over the rest together: bounds the memory traffic."""

ROUNDS = 12
"""Most often that scale and codes are bettered by turns."""


def largest_code(bits: int) -> int:
    """Largest code of so many bits; codes are symmetric around zero."""
    return (1 << (bits - 1)) - 1


def round_together(
    weights: np.ndarray, hessian: np.ndarray, bits: int, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and scales of the weights of a layer.

    Parameters
    ----------
    weights : float64 array (Cout, D)
    hessian : float64 array (D, D)
        Positive definite.
    bits : int
    floor : float64 array (Cout,)
        Scales are at least these.

    Returns
    -------
    codes : float64 array (Cout, D)
        Integers.
    scales : float64 array (Cout,)
    """
    target, high = np.ascontiguousarray(weights.T), largest_code(bits)
    full = np.maximum(np.abs(target).max(axis=0) / high, floor)
    pull = hessian @ target
    order, upper = _elimination(hessian)
    codes, scale = np.zeros_like(target), full
    least = np.full(len(full), np.inf)
    for clip in CLIPS:
        trial = np.maximum(full * clip, floor)
        found = _spread(target, order, upper, trial, high)
        fitted, error = _refit(found, pull, hessian, floor)
        better = error < least
        codes[:, better] = found[:, better]
        scale, least = np.where(better, fitted, scale), np.minimum(error, least)
    for _ in range(ROUNDS):
        moved = _descend(codes, target, hessian, scale, high)
        scale, _ = _refit(codes, pull, hessian, floor)
        if not moved:
            break
    return np.ascontiguousarray(codes.T), scale


def _elimination(hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order in which weights are rounded, and how each one's error spreads over those after it."""
    order = np.argsort(-np.diag(hessian), kind="stable")
    inverse = inv(hessian[np.ix_(order, order)], check_finite=False)
    return order, cholesky((inverse + inverse.T) / 2, lower=False, check_finite=False)


def _spread(
    target: np.ndarray, order: np.ndarray, upper: np.ndarray, scale: np.ndarray, high: int
) -> np.ndarray:
    left = target[order]
    codes = np.empty_like(left)
    errors = np.empty((BLOCK, left.shape[1]))
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        for row in range(start, stop):
            codes[row] = np.clip(np.rint(left[row] / scale), -high, high)
            error = (left[row] - codes[row] * scale) / upper[row, row]
            left[row + 1 : stop] -= upper[row, row + 1 : stop, None] * error
            errors[row - start] = error
        left[stop:] -= upper[start:stop, stop:].T @ errors[: stop - start]
    back = np.empty_like(codes)
    back[order] = codes
    return back


def _refit(
    codes: np.ndarray, pull: np.ndarray, hessian: np.ndarray, floor: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Best scale (Cout,) for the codes, and the error with it, but for what no code can change."""
    along = (codes * pull).sum(axis=0)
    square = (codes * (hessian @ codes)).sum(axis=0)
    scale = np.maximum(along / np.where(square > 0, square, 1.0), floor)
    return scale, scale**2 * square - 2 * scale * along


def _descend(
    codes: np.ndarray, target: np.ndarray, hessian: np.ndarray, scale: np.ndarray, high: int
) -> int:
    """Move each code to where the error is least, in place; gives how many codes moved."""
    slope = hessian @ (codes - target / scale)
    diagonal = np.diag(hessian)
    moved = 0
    for row in range(len(codes)):
        best = np.clip(np.rint(codes[row] - slope[row] / diagonal[row]), -high, high)
        step = best - codes[row]
        columns = np.flatnonzero(step)
        if len(columns):
            slope[:, columns] += np.outer(hessian[row], step[columns])
            codes[row] = best
            moved += len(columns)
    return moved
