"""Rounding weights so that errors make up for one another.

For each output channel this looks for codes q and a scale s that make ``(w - s q) H (w - s q)``
small: the square error that the layer's output gets, H being the second moments of its input.

First the weights are rounded one after another, each error being spread over those still to come
(GPTQ: E. Frantar et al., "GPTQ: accurate post-training quantization for generative pre-trained
transformers", 2023), for several scales. Then scale and codes are bettered by turns until no
single code can be changed to advantage.

Codes are the integers of a range (:func:`round_by_gptq`), or those of a set that is found along
with them (:mod:`gen.quantise.codebook`). Arrays are (D, Cout): a row for each of the
D = K * K * Cin weights of an output channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.linalg import cholesky, inv

Nearest = Callable[[np.ndarray], np.ndarray]
"""Gives the nearest allowed codes of an array of numbers."""

CLIPS = np.geomspace(0.25, 1.0, 12)
"""Clipping ranges to try, as parts of the channel's largest weight."""

BLOCK = 32
"""Weights whose errors are spread over the rest together: bounds the memory traffic."""

ROUNDS = 12
"""Most often that scale and codes are bettered by turns."""


def largest_code(bits: int) -> int:
    """Largest code of so many bits; codes are symmetric around zero."""
    return (1 << (bits - 1)) - 1


def range_of(bits: int) -> Nearest:
    """All codes of so many bits, symmetric around zero."""
    high = largest_code(bits)
    return lambda x: np.clip(np.rint(x), -high, high)


@dataclass(frozen=True)
class Layer:
    """What a layer's weights should be, and what being different costs.

    Attributes
    ----------
    target : float64 array (D, Cout)
    hessian : float64 array (D, D)
        Positive definite.
    floor : float64 array (Cout,)
        Scales are at least these.
    pull : float64 array (D, Cout)
        ``hessian @ target``.
    top : float
        Scales are at most this, which is no less than any floor.
    """

    target: np.ndarray
    hessian: np.ndarray
    floor: np.ndarray
    pull: np.ndarray
    top: float = np.inf

    @staticmethod
    def of(
        weights: np.ndarray, hessian: np.ndarray, floor: np.ndarray, top: float = np.inf
    ) -> Layer:
        """The layer whose target are ``weights``, here with a row an output channel.

        Parameters
        ----------
        weights : float64 array (Cout, D)
        hessian : float64 array (D, D)
            Positive definite.
        floor : float64 array (Cout,)
            Scales are at least these.
        top : float
            Scales are at most this.
        """
        target = np.ascontiguousarray(weights.T)
        return Layer(target, hessian, floor, hessian @ target, top)

    def cost(self, change: np.ndarray) -> np.ndarray:
        """Half the gradient of the error that a change (D, Cout) of the weights makes."""
        product: np.ndarray = self.hessian @ change
        return product

    def fit(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best scale (Cout,) for codes, and the error with it, but for what no code can change."""
        along = (codes * self.pull).sum(axis=0)
        square = (codes * (self.hessian @ codes)).sum(axis=0)
        scale = np.clip(along / np.where(square > 0, square, 1.0), self.floor, self.top)
        return scale, scale**2 * square - 2 * scale * along

    def spread(
        self, scales: Iterable[np.ndarray], nearest: Nearest
    ) -> tuple[np.ndarray, np.ndarray]:
        """Codes by GPTQ: of several scales (Cout,), for each channel the best; and best scales."""
        order, upper = elimination(self.hessian)
        codes = np.zeros_like(self.target)
        scale = self.floor
        least = np.full(len(scale), np.inf)
        for trial in scales:
            allowed = np.clip(trial, self.floor, self.top)
            round_row = partial(_round_each, nearest, allowed)
            found = _spread(self.target, order, upper, allowed, round_row)
            fitted, error = self.fit(found)
            better = error < least
            codes[:, better] = found[:, better]
            scale, least = np.where(better, fitted, scale), np.minimum(error, least)
        return codes, scale

    def descend(self, codes: np.ndarray, scale: np.ndarray, nearest: Nearest) -> int:
        """Move each code to where the error is least; gives how many codes moved.

        Parameters
        ----------
        codes : float64 array (D, Cout)
            Integers; changed in place.
        scale : float64 array (Cout,)
            Real value of a code.
        nearest : callable
            See :data:`Nearest`.
        """
        slope = self.hessian @ (codes - self.target / scale)
        diagonal = np.diag(self.hessian)
        moved = 0
        for row in range(len(codes)):
            best = nearest(codes[row] - slope[row] / diagonal[row])
            step = best - codes[row]
            columns = np.flatnonzero(step)
            if len(columns):
                slope[:, columns] += np.outer(self.hessian[row], step[columns])
                codes[row] = best
                moved += len(columns)
        return moved


@dataclass(frozen=True)
class Coupled:
    """A layer whose channels' errors make up for one another.

    The error is the trace of ``E' H E G`` for errors E (D, Cout): H couples the inputs, G the
    channels.

    Attributes
    ----------
    layer : Layer
    coupling : float64 array (Cout, Cout)
        G, positive definite.
    """

    layer: Layer
    coupling: np.ndarray

    @cached_property
    def pull(self) -> np.ndarray:
        """What draws codes towards the target, float64 (D, Cout)."""
        return self.cost(self.layer.target)

    def cost(self, change: np.ndarray) -> np.ndarray:
        """Half the gradient of the error that a change (D, Cout) of the weights makes."""
        product: np.ndarray = self.layer.hessian @ change @ self.coupling
        return product

    def fit(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Best scales (Cout,) for codes, and each one's part in the error, as of a layer."""
        square = self.coupling * (codes.T @ self.layer.hessian @ codes)
        along = (codes * self.pull).sum(axis=0)
        used = np.diag(square) > 0
        scale = np.zeros_like(along)
        scale[used] = np.linalg.solve(square[np.ix_(used, used)], along[used])
        # A channel's codes may point away from its target, for the sake of others.
        alone, _ = self.layer.fit(codes)
        scale = np.minimum(np.where(scale > self.layer.floor, scale, alone), self.layer.top)
        return scale, scale * (square @ scale) - 2 * scale * along

    def respread(self, codes: np.ndarray, scale: np.ndarray, nearest: Nearest) -> np.ndarray:
        """Codes by GPTQ along inputs and channels both, or those given if they are better.

        Parameters
        ----------
        codes : float64 array (D, Cout)
            Integers; returned if what is found is worse.
        scale : float64 array (Cout,)
            Real value of a code.
        nearest : callable
            See :data:`Nearest`.
        """
        rows, upper = elimination(self.layer.hessian)
        columns, across = elimination(self.coupling)
        across = across / np.diag(across)[:, None]

        def round_row(values: np.ndarray) -> np.ndarray:
            left, found = values[columns], np.empty_like(values)
            for at, column in enumerate(columns):
                found[column] = nearest(left[at : at + 1] / scale[column])[0]
                left[at + 1 :] -= across[at, at + 1 :] * (left[at] - found[column] * scale[column])
            return found

        found = _spread(self.layer.target, rows, upper, scale, round_row)
        return min(found, codes, key=lambda trial: float(self.fit(trial)[1].sum()))

    def descend(self, codes: np.ndarray, scale: np.ndarray, nearest: Nearest) -> int:
        """Move codes one by one to where the error is least; gives how many moved.

        Parameters
        ----------
        codes : float64 array (D, Cout)
            Integers; changed in place.
        scale : float64 array (Cout,)
            Real value of a code.
        nearest : callable
            See :data:`Nearest`.
        """
        slope = self.cost(codes * scale - self.layer.target)
        own = np.diag(self.coupling) * scale
        moved = 0
        for row, here in enumerate(np.diag(self.layer.hessian)):
            mine, pulls = codes[row], slope[row].copy()
            step = np.zeros(len(mine))
            for column in np.flatnonzero(nearest(mine - pulls / (here * own)) != mine):
                best = nearest(mine[column : column + 1] - pulls[column] / (here * own[column]))
                step[column] = (best[0] - mine[column]) * scale[column]
                if step[column]:
                    mine[column] = best[0]
                    pulls += here * step[column] * self.coupling[column]
                    moved += 1
            if step.any():
                slope += np.outer(self.layer.hessian[row], step @ self.coupling)
        return moved


def round_by_gptq(
    weights: np.ndarray,
    hessian: np.ndarray,
    bits: int,
    floor: np.ndarray,
    coupling: np.ndarray | None = None,
    top: float = np.inf,
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
    coupling : float64 array (Cout, Cout) or None
        Of the channels' errors, see :class:`Coupled`; each channel on its own if None.
    top : float
        Scales are at most this.

    Returns
    -------
    codes : float64 array (Cout, D)
        Integers.
    scales : float64 array (Cout,)
    """
    layer, nearest = Layer.of(weights, hessian, floor, top), range_of(bits)
    full = np.abs(layer.target).max(axis=0) / largest_code(bits)
    codes, scale = layer.spread((full * clip for clip in CLIPS), nearest)
    codes, scale = _settle(layer, codes, scale, nearest)
    if coupling is not None:
        coupled = Coupled(layer, coupling)
        codes = coupled.respread(codes, scale, nearest)
        codes, scale = _settle(coupled, codes, scale, nearest)
    return np.ascontiguousarray(codes.T), scale


def _settle(
    layer: Layer | Coupled, codes: np.ndarray, scale: np.ndarray, nearest: Nearest
) -> tuple[np.ndarray, np.ndarray]:
    """Codes (D, Cout) and scales after bettering them by turns."""
    for _ in range(ROUNDS):
        moved = layer.descend(codes, scale, nearest)
        scale, _ = layer.fit(codes)
        if not moved:
            break
    return codes, scale


def elimination(hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order in which weights are rounded, and how each one's error spreads over those after it."""
    order = np.argsort(-np.diag(hessian), kind="stable")
    inverse = inv(hessian[np.ix_(order, order)], check_finite=False)
    return order, cholesky((inverse + inverse.T) / 2, lower=False, check_finite=False)


def _round_each(nearest: Nearest, scale: np.ndarray, row: np.ndarray) -> np.ndarray:
    return nearest(row / scale)


def _spread(
    target: np.ndarray,
    order: np.ndarray,
    upper: np.ndarray,
    scale: np.ndarray,
    round_row: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Codes (D, Cout), a row after the other, each one's error spread over those to come."""
    left = target[order]
    codes = np.empty_like(left)
    errors = np.empty((BLOCK, left.shape[1]))
    for start in range(0, len(left), BLOCK):
        stop = min(start + BLOCK, len(left))
        for row in range(start, stop):
            codes[row] = round_row(left[row])
            error = (left[row] - codes[row] * scale) / upper[row, row]
            left[row + 1 : stop] -= upper[row, row + 1 : stop, None] * error
            errors[row - start] = error
        left[stop:] -= upper[start:stop, stop:].T @ errors[: stop - start]
    back = np.empty_like(codes)
    back[order] = codes
    return back
