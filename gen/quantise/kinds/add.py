"""Sums of two tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.ir.ops import Add, FloatAdd, Tensor
from gen.quantise.backward import unclamped
from gen.quantise.integers import clamp
from gen.quantise.kinds.rule import Rule, factors, requantised
from gen.quantise.layers import clamped


class AddRule(Rule[FloatAdd, Add]):
    """A sum, weighted where its inputs have scales of their own."""

    def real(self, op: FloatAdd, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The sum."""
        return clamped(op, inputs[0] + inputs[1])

    def codes(self, op: Add, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
        """The weighted sum, requantised.

        Parameters
        ----------
        op, inputs, x, y
        """
        a, b = (codes.astype(np.float64) for codes in inputs)
        total = a * op.multiplier[0] + b * op.multiplier[1] + op.offset
        return requantised(op, total, y)

    def back(
        self, op: FloatAdd, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """The same to both.

        Parameters
        ----------
        op, inputs, y, slope
        """
        return [unclamped(op, y, slope)] * 2

    def integers(self, op: FloatAdd, tensors: Mapping[str, Tensor]) -> Add:
        """Each input's scale as a part of the output's."""
        y = tensors[op.name]
        scales = np.array([tensors[name].scale for name in op.inputs])
        (a, b), shift = factors(op.name, scales / y.scale)
        return Add(op.name, op.inputs, (a, b), shift, *clamp(op, y))
