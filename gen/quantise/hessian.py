"""What rounding a convolution's weights needs to know of its inputs: their second moments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import inv, solve

DAMPING = 0.01
"""Added to the second moments' diagonal, as a part of its mean: a prior for rare inputs."""


@dataclass(frozen=True)
class Moments:
    """Means and centred second moments of a convolution's windows and wanted outputs.

    Attributes
    ----------
    mean_x : float64 array (D,)
        Of the windows, D = KH * KW * Cin, in the weights' order.
    mean_y : float64 array (Cout,)
    xx : float64 array (D, D)
        Damped: never singular.
    yx : float64 array (Cout, D)
    """

    mean_x: np.ndarray
    mean_y: np.ndarray
    xx: np.ndarray
    yx: np.ndarray

    def best_weights(self, weights: np.ndarray) -> np.ndarray:
        """Weights (Cout, D) of least square error, damped towards the float network's own.

        Together with :meth:`best_bias` they make the outputs of these windows as like the wanted
        ones as a linear layer can.
        """
        left = self.yx - weights @ self.xx
        found: np.ndarray = solve(self.xx, left.T, assume_a="pos", check_finite=False)
        return weights + found.T

    def best_bias(self, weights: np.ndarray) -> np.ndarray:
        """Bias (Cout,) with which weights (Cout, D) give the wanted outputs on average."""
        bias: np.ndarray = self.mean_y - weights @ self.mean_x
        return bias


@dataclass(frozen=True)
class LayerMoments:
    """Moments of all of a layer: one for all channels, or one for each of a depthwise layer."""

    parts: tuple[Moments, ...]

    @property
    def hessian(self) -> np.ndarray:
        """Second moments (D, D) for rounding; of a depthwise layer the mean, each of one size."""
        if len(self.parts) == 1:
            return self.parts[0].xx
        total: np.ndarray = sum(part.xx / np.trace(part.xx) for part in self.parts)
        return total / len(self.parts)

    def best_weights(self, weights: np.ndarray) -> np.ndarray:
        """As :meth:`Moments.best_weights`, of weights (Cout, D)."""
        return np.concatenate([part.best_weights(own) for part, own in self._with(weights)])

    def best_bias(self, weights: np.ndarray) -> np.ndarray:
        """As :meth:`Moments.best_bias`, of weights (Cout, D)."""
        return np.concatenate([part.best_bias(own) for part, own in self._with(weights)])

    def mean_response(self, weights: np.ndarray) -> np.ndarray:
        """What weights (Cout, D) give on average."""
        return np.concatenate([own @ part.mean_x for part, own in self._with(weights)])

    def error(self, change: np.ndarray) -> float:
        """Square error that a change (Cout, D) of the weights makes, of all channels."""
        return float(sum((own * (own @ part.xx)).sum() for part, own in self._with(change)))

    def _with(self, weights: np.ndarray) -> Iterator[tuple[Moments, np.ndarray]]:
        return zip(self.parts, np.split(weights, len(self.parts)), strict=True)


class MomentSums:
    """Adds up windows and wanted outputs, batch by batch.

    Parameters
    ----------
    inputs : int
        Numbers in a window.
    outputs : int
        For each of the windows; of a group if there are several.
    origin : float32 array (D,) or (groups, D), optional
        Close to the windows' mean, so that little is rounded; the first windows' mean if None.
    groups : int
        With more than one, windows and outputs have these in front, and are summed apart.
    """

    def __init__(
        self, inputs: int, outputs: int, origin: np.ndarray | None = None, groups: int = 1
    ):
        front = (groups,) if groups > 1 else ()
        self._count = 0
        self._origin = origin
        self._x = np.zeros((*front, inputs))
        self._y = np.zeros((*front, outputs))
        self._xx = np.zeros((*front, inputs, inputs))
        self._yx = np.zeros((*front, outputs, inputs))

    def merge(self, other: MomentSums) -> None:
        """Add what another with the same origin has counted."""
        self._count += other._count
        self._x += other._x
        self._y += other._y
        self._xx += other._xx
        self._yx += other._yx

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Count windows, float32 (N, D), and the outputs wanted for them, float32 (N, Cout)."""
        if self._origin is None:
            self._origin = x.mean(axis=-2)
        x = x - self._origin[..., None, :]
        self._count += x.shape[-2]
        self._x += x.sum(axis=-2, dtype=np.float64)
        self._y += y.sum(axis=-2, dtype=np.float64)
        self._xx += x.swapaxes(-1, -2) @ x
        self._yx += y.swapaxes(-1, -2) @ x

    def layer_moments(self, weights: np.ndarray, scale: float) -> LayerMoments:
        """As :meth:`moments`, of all groups; weights are (Cout, D) of all of them, in order."""
        if self._x.ndim == 1:
            return LayerMoments((self.moments(weights, scale),))
        own = np.split(weights, len(self._x))
        return LayerMoments(tuple(self._group(g).moments(w, scale) for g, w in enumerate(own)))

    def _group(self, index: int) -> MomentSums:
        """What one of several groups has summed up."""
        part = MomentSums(self._x.shape[1], self._y.shape[1])
        part._count = self._count
        part._origin = None if self._origin is None else self._origin[index]
        part._x, part._y = self._x[index], self._y[index]
        part._xx, part._yx = self._xx[index], self._yx[index]
        return part

    def free_variances(self) -> np.ndarray:
        """Variance (D,) of each number in a window that the others do not explain linearly."""
        moments = self.moments(np.zeros_like(self._yx), 1.0)
        free: np.ndarray = 1 / np.diag(inv(moments.xx, check_finite=False))
        return free

    def moments(self, weights: np.ndarray, scale: float) -> Moments:
        """Moments of real values, for windows that were counted in codes.

        The yx of damped moments has the damping's part in it that pulls towards ``weights``.

        Parameters
        ----------
        weights : float array (Cout, D)
            The float network's.
        scale : float
            Of the codes.
        """
        x, y = self._x / self._count, self._y / self._count
        xx = (self._xx / self._count - np.outer(x, x)) * scale**2
        yx = (self._yx / self._count - np.outer(y, x)) * scale
        damping = DAMPING * float(np.diag(xx).mean()) or 1.0
        xx[np.diag_indices_from(xx)] += damping
        origin = np.zeros_like(x) if self._origin is None else self._origin
        return Moments((x + origin) * scale, y, xx, yx + damping * weights)
