"""Sums of two tensors, where a bypass ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from gen.ir.ops.layer import FloatLayer, Requantising, is_factor, is_offset, zero_offset
from gen.ir.ops.tensor import Shape, Tensor


class _Sum:
    """What both graphs' sums have."""

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """That of either."""
        return inputs[0]


@dataclass(frozen=True)
class FloatAdd(_Sum, FloatLayer):
    """The sum of two tensors of one shape, perhaps with a ReLU and a ceiling behind it."""

    name: str
    inputs: tuple[str, ...]
    relu: bool = False
    ceiling: float | None = None

    def nonnegative(self, inputs: bool) -> bool:
        """Behind a ReLU, or of what is."""
        return self.relu or inputs

    def outline(self) -> Add:
        """With any integers."""
        return Add(self.name, self.inputs, multiplier=(1, 1), shift=1, low=0, high=255)


@dataclass(frozen=True)
class Add(_Sum, Requantising):
    """``y = clamp((a * m[0] + b * m[1] + offset + 2**(shift-1)) >> shift, low, high)``.

    ``m`` is the multiplier; the offset makes up for codes of zero other than 0.
    """

    name: str
    inputs: tuple[str, ...]
    multiplier: tuple[int, int]
    shift: int
    low: int
    high: int
    offset: int = 0

    left_out: ClassVar[dict[str, Any]] = {"offset": 0}

    @property
    def ratios(self) -> tuple[float, ...]:
        """What the multipliers mean."""
        return tuple(multiplier * 2.0**-self.shift for multiplier in self.multiplier)

    def factors(self, inputs: np.ndarray) -> np.ndarray:
        """One an input."""
        return inputs

    def requantised(self, multiplier: np.ndarray, shift: int, low: int, high: int) -> Self:
        """The same with other integers.

        Parameters
        ----------
        multiplier, shift, low, high
        """
        a, b = map(int, multiplier)
        return replace(self, multiplier=(a, b), shift=shift, low=low, high=high)

    def centred(self, zeros: Sequence[int], zero: int) -> Self:
        """The same for other codes of zero, of its inputs and of its output."""
        return replace(self, offset=zero_offset(self.multiplier, self.shift, zeros, zero))

    @property
    def format(self) -> int:
        """Offsets are new."""
        return 5 if self.offset else 1

    def form_problems(self) -> Iterator[str]:
        """Too few inputs."""
        if not self.inputs:
            yield f"{self.name}: cannot read 0 tensors"

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """Its multipliers, besides.

        Parameters
        ----------
        inputs, y : sequence of Tensor, Tensor
        """
        if len(inputs) != 2 or not all(map(is_factor, self.multiplier)):
            yield f"{self.name}: needs two inputs, with 16-bit multipliers, not {self.multiplier}"
        if not is_offset(self.offset, self.shift):
            yield f"{self.name}: offset {self.offset} is out of range for its shift"
        yield from super().problems(inputs, y)
