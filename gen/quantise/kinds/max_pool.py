"""Max pools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.ir.ops import MaxPool, Tensor
from gen.quantise.kinds.rule import Rule


class MaxPoolRule(Rule[MaxPool, MaxPool]):
    """Maxima of windows, which are the same of codes as of what they stand for."""

    def real(self, op: MaxPool, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Maxima along rows, then along columns; what sticks out repeats a pixel that does not."""
        x = inputs[0]
        counts = op.counts((x.shape[1], x.shape[2]))

        def along(x: np.ndarray, axis: int) -> np.ndarray:
            starts = np.arange(counts[axis - 1]) * op.stride - op.pad[axis - 1]
            last = x.shape[axis] - 1
            y = np.take(x, np.clip(starts, 0, last), axis=axis)
            for tap in range(1, op.kernel):
                np.maximum(y, np.take(x, np.clip(starts + tap, 0, last), axis=axis), out=y)
            return y

        return along(along(x, 1), 2)

    def codes(self, op: MaxPool, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
        """The same of codes.

        Parameters
        ----------
        op, inputs, x, y
        """
        return self.real(op, inputs)

    def back(
        self, op: MaxPool, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """To the first of the largest pixels of each window.

        Parameters
        ----------
        op, inputs, y, slope
        """
        top, left_side, _, _ = op.pad
        (height, width), (rows, columns) = inputs[0].shape[1:3], y.shape[1:3]
        bottom = max((rows - 1) * op.stride + op.kernel - top - height, 0)
        right = max((columns - 1) * op.stride + op.kernel - left_side - width, 0)
        margins = ((0, 0), (top, bottom), (left_side, right), (0, 0))
        x = np.pad(inputs[0], margins, constant_values=-np.inf)
        back, left = np.zeros_like(x), slope.copy()
        for tap in range(op.kernel**2):
            dy, dx = divmod(tap, op.kernel)
            here = np.s_[:, dy :: op.stride, dx :: op.stride]
            part = x[here][:, :rows, :columns]
            taken = np.where(part == y, left, 0)
            back[here][:, :rows, :columns] += taken
            left -= taken
        return [back[:, top : top + height, left_side : left_side + width]]

    def integers(self, op: MaxPool, tensors: Mapping[str, Tensor]) -> MaxPool:
        """Itself."""
        return op
