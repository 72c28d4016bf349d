"""Average pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from gen.ir.ops.layer import FloatLayer, Requantising, is_factor, is_offset, zero_offset
from gen.ir.ops.tensor import Shape, Tensor
from gen.ir.ops.windows import pool_problems, window_counts


class _Average:
    """What both graphs' average pools have."""

    kernel: int
    stride: int
    pad: tuple[int, int, int, int]

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """A pixel a window."""
        height, width, channels = inputs[0]
        return *self.counts((height, width)), channels

    def counts(self, size: tuple[int, int]) -> tuple[int, int]:
        """How many windows a map has, down and across."""
        return window_counts(size, (self.kernel, self.kernel), self.stride, self.pad)


@dataclass(frozen=True)
class FloatAveragePool(_Average, FloatLayer):
    """Means of windows, padding (top, left, bottom, right) counted as zeros; perhaps a ReLU."""

    name: str
    inputs: tuple[str, ...]
    kernel: int
    stride: int
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    relu: bool = False
    ceiling: float | None = None

    def nonnegative(self, inputs: bool) -> bool:
        """Behind a ReLU, or of what is."""
        return self.relu or inputs

    def outline(self) -> AveragePool:
        """With any integers."""
        return AveragePool(self.name, self.inputs, self.kernel, self.stride, 1, 1, 0, 255, self.pad)


@dataclass(frozen=True)
class AveragePool(_Average, Requantising):
    """``y = clamp((sum * multiplier + offset + 2**(shift-1)) >> shift, low, high)`` of windows.

    Padding (top, left, bottom, right) has code 0; the divisor, always ``kernel**2``, is inside the
    multiplier. The offset makes up for codes of zero other than 0.
    """

    name: str
    inputs: tuple[str, ...]
    kernel: int
    stride: int
    multiplier: int
    shift: int
    low: int
    high: int
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    offset: int = 0

    left_out: ClassVar[dict[str, Any]] = {"offset": 0}

    @property
    def ratios(self) -> tuple[float, ...]:
        """What the multiplier means, without the divisor that is inside it."""
        return (self.kernel**2 * self.multiplier * 2.0**-self.shift,)

    def factors(self, inputs: np.ndarray) -> np.ndarray:
        """The divisor is inside it."""
        return inputs / self.kernel**2

    def requantised(self, multiplier: np.ndarray, shift: int, low: int, high: int) -> Self:
        """The same with other integers.

        Parameters
        ----------
        multiplier, shift, low, high
        """
        return replace(self, multiplier=int(multiplier[0]), shift=shift, low=low, high=high)

    def centred(self, zeros: Sequence[int], zero: int) -> Self:
        """The same for other codes of zero, of its input and of its output."""
        sums = [self.kernel**2 * zeros[0]]
        return replace(self, offset=zero_offset([self.multiplier], self.shift, sums, zero))

    @property
    def format(self) -> int:
        """Offsets are newer."""
        return 5 if self.offset else 3

    def form_problems(self) -> Iterator[str]:
        """Windows that see nothing of the map."""
        yield from super().form_problems()
        yield from pool_problems(self.name, self.kernel, self.stride, self.pad)

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """Its multiplier, besides.

        Parameters
        ----------
        inputs, y : sequence of Tensor, Tensor
        """
        if not is_factor(self.multiplier):
            yield f"{self.name}: needs a 16-bit multiplier, not {self.multiplier}"
        if not is_offset(self.offset, self.shift) or (self.offset and not self.multiplier):
            yield f"{self.name}: offset {self.offset} is out of range for its multiplier and shift"
        yield from super().problems(inputs, y)
