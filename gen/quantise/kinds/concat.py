"""Concatenations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gen.ir.ops import Concat, Tensor
from gen.quantise.kinds.rule import Rule


class ConcatRule(Rule[Concat, Concat]):
    """Channels side by side."""

    def real(self, op: Concat, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The inputs, joined."""
        return np.concatenate(inputs, axis=3)

    def codes(self, op: Concat, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
        """The same of codes.

        Parameters
        ----------
        op, inputs, x, y
        """
        return self.real(op, inputs)

    def back(
        self, op: Concat, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
    ) -> list[np.ndarray]:
        """Its own channels to each.

        Parameters
        ----------
        op, inputs, y, slope
        """
        ends = np.cumsum([x.shape[3] for x in inputs])[:-1]
        return np.split(slope, ends, axis=3)

    def integers(self, op: Concat, tensors: Mapping[str, Tensor]) -> Concat:
        """Itself."""
        return op
