"""Convolutions; how their weights are rounded is said elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.ir.ops import Conv, FloatConv, Op, Tensor
from gen.quantise.backward import conv_back, unclamped
from gen.quantise.kinds.rule import Rule, requantised
from gen.quantise.layers import before_relu, clamped, patches, products

EXACT32 = 1 << 24
"""Sums of integers below this are exact in float32."""


class ConvRule(Rule[FloatConv, Conv]):
    """A convolution of all channels, or of each by itself."""

    def real(self, op: FloatConv, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The sums, with bias."""
        return clamped(op, before_relu(op, inputs[0]))

    def codes(self, op: Conv, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
        """The sums, requantised.

        Parameters
        ----------
        op, inputs, x, y
        """
        low, high = op.accumulator_bounds(x)
        exact = max(-low, high) < EXACT32
        windows = patches(op, inputs[0], op.pad_code).astype(np.float32 if exact else np.float64)
        total = products(op, windows).astype(np.float64)
        total += op.bias
        total *= op.multiplier
        return requantised(op, total, y)

    def back(
        self, op: FloatConv, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """Through the weights.

        Parameters
        ----------
        op, inputs, y, slope
        """
        return [conv_back(op, unclamped(op, y, slope), inputs[0].shape)]

    def integers(self, op: FloatConv, tensors: Mapping[str, Tensor]) -> Op:
        """None of itself.

        Raises
        ------
        TypeError
            Always: its codes have to be found first.
        """
        raise TypeError(f"{op.name}: a convolution needs codes")
