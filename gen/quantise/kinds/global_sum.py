"""Sums over whole maps, of which the host makes means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.ir.ops import GlobalSum, Tensor
from gen.quantise.kinds.rule import Rule


class GlobalSumRule(Rule[GlobalSum, GlobalSum]):
    """The class sums."""

    def real(self, op: GlobalSum, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The mean."""
        return inputs[0].mean(axis=(1, 2), keepdims=True)

    def codes(
        self, op: GlobalSum, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor
    ) -> np.ndarray:
        """None: sums are no codes.

        Parameters
        ----------
        op, inputs, x, y

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError(f"{op.name}: {type(op).__name__} gives no codes")

    def back(
        self, op: GlobalSum, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """The same part to every pixel.

        Parameters
        ----------
        op, inputs, y, slope
        """
        height, width = inputs[0].shape[1:3]
        return [np.broadcast_to(slope / (height * width), inputs[0].shape)]

    def integers(self, op: GlobalSum, tensors: Mapping[str, Tensor]) -> GlobalSum:
        """Itself."""
        return op
