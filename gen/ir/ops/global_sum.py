"""Sums over whole maps: the class sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gen.ir.ops.layer import FloatLayer, IntegerLayer, wide_activations
from gen.ir.ops.tensor import Shape, Tensor


@dataclass(frozen=True)
class GlobalSum(IntegerLayer, FloatLayer):
    """Sum of each channel over the whole map: the class sums. The host divides."""

    name: str
    inputs: tuple[str, ...]

    def outline(self) -> GlobalSum:
        """Itself."""
        return self

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """A single pixel."""
        return 1, 1, inputs[0][2]

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """Sums that do not fit.

        Parameters
        ----------
        inputs, y : sequence of Tensor, Tensor
        """
        pixels = inputs[0].shape[0] * inputs[0].shape[1]
        if inputs[0].low * pixels < y.low or inputs[0].high * pixels > y.high:
            yield f"{self.name}: sums of {pixels} pixels do not fit codes of {y.low}..{y.high}"
        yield from wide_activations(self.name, inputs)
