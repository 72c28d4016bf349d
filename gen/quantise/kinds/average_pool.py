"""Average pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from gen.ir.ops import AveragePool, FloatAveragePool, Tensor
from gen.quantise.backward import spread, unclamped
from gen.quantise.integers import clamp
from gen.quantise.kinds.rule import Rule, factors, requantised
from gen.quantise.layers import clamped


class AveragePoolRule(Rule[FloatAveragePool, AveragePool]):
    """Sums of windows, divided by the number of their pixels."""

    def real(self, op: FloatAveragePool, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The means."""
        return clamped(op, _window_sums(op, inputs[0]) / np.float32(op.kernel**2))

    def codes(
        self, op: AveragePool, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor
    ) -> np.ndarray:
        """The sums, requantised.

        Parameters
        ----------
        op, inputs, x, y
        """
        total = _window_sums(op, inputs[0].astype(np.float64)) * op.multiplier
        return requantised(op, total + op.offset, y)

    def back(
        self, op: FloatAveragePool, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """The same part to every pixel of a window.

        Parameters
        ----------
        op, inputs, y, slope
        """
        part = unclamped(op, y, slope) / np.float32(op.kernel**2)
        taps = ((divmod(tap, op.kernel), part) for tap in range(op.kernel**2))
        return [spread(op.stride, op.pad, taps, inputs[0].shape)]

    def integers(self, op: FloatAveragePool, tensors: Mapping[str, Tensor]) -> AveragePool:
        """With the divisor inside the multiplier."""
        x, y = tensors[op.inputs[0]], tensors[op.name]
        (multiplier,), shift = factors(op.name, [x.scale / (op.kernel**2 * y.scale)])
        return AveragePool(
            op.name, op.inputs, op.kernel, op.stride, multiplier, shift, *clamp(op, y), op.pad
        )


def _window_sums(op: FloatAveragePool | AveragePool, x: np.ndarray) -> np.ndarray:
    """Sums of a pool's windows, padding being zeros, of the type of ``x``."""
    rows, columns = op.counts((x.shape[1], x.shape[2]))
    top, left, bottom, right = op.pad
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))

    def along(x: np.ndarray, axis: int, count: int) -> np.ndarray:
        starts = np.arange(count) * op.stride
        return reduce(np.add, (np.take(x, starts + tap, axis=axis) for tap in range(op.kernel)))

    return along(along(padded, 1, rows), 2, columns)
