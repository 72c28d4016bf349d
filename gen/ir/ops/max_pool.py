"""Max pools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gen.ir.ops.layer import FloatLayer, Passing
from gen.ir.ops.tensor import Shape
from gen.ir.ops.windows import pool_problems, window_counts
from gen.ir.preprocessing import Normalisation


@dataclass(frozen=True)
class MaxPool(Passing, FloatLayer):
    """Max pooling.

    With ``ceil``, windows that reach past the bottom or right edge are cut there; without, they
    are left out. Padding (top, left, bottom, right) has the smallest code: it is never the largest
    in a window.
    """

    name: str
    inputs: tuple[str, ...]
    kernel: int
    stride: int
    ceil: bool = False
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)

    left_out: ClassVar[dict[str, Any]] = {"pad": (0, 0, 0, 0)}

    def on_pixels(self, normalisation: Normalisation) -> Self:
        """Itself: the largest pixel is that of the largest value."""
        return self

    def outline(self) -> MaxPool:
        """Itself."""
        return self

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """A pixel a window."""
        height, width, channels = inputs[0]
        return *self.counts((height, width)), channels

    def counts(self, size: tuple[int, int]) -> tuple[int, int]:
        """How many windows a map has, down and across."""
        if self.ceil:
            return pool_size(size[0], self), pool_size(size[1], self)
        return window_counts(size, (self.kernel, self.kernel), self.stride, self.pad)

    @property
    def format(self) -> int:
        """Padding is new."""
        return 3 if any(self.pad) else 1

    def form_problems(self) -> Iterator[str]:
        """Windows that see nothing of the map."""
        yield from super().form_problems()
        yield from pool_problems(self.name, self.kernel, self.stride, self.pad)
        if self.ceil and any(self.pad):
            yield (
                f"{self.name}: pads {self.pad} in ceil mode; pad more at the bottom and right "
                "instead"
            )
        if self.ceil and self.kernel < self.stride:
            yield (
                f"{self.name}: kernel {self.kernel} at stride {self.stride} may miss the map in "
                "ceil mode"
            )


def pool_size(size: int, pool: MaxPool) -> int:
    """Windows along a side of ``size`` pixels, without padding."""
    span = size - pool.kernel
    return (-(-span // pool.stride) if pool.ceil else span // pool.stride) + 1
