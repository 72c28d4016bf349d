"""What quantised networks are made of: tensors and the ops between them.

Numerics, in full in :mod:`gen.ir.network`: codes are exact two's complement integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gen.common.errors import FirebrickError

INPUT = "input"
"""Name of the tensor of raw pixels."""
BOARD = "board"
"""Where a plan has the costs of what is no layer, link, shell and clock: no op has this name."""


@dataclass(frozen=True)
class Tensor:
    """An activation tensor: ``shape`` is (height, width, channels), real value = code * scale."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    signed: bool = False
    bits: int = 8

    @property
    def low(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True, eq=False)
class Conv:
    """A convolution with bias and requantisation; its ReLU, if any, is the clamp.

    Attributes
    ----------
    name : str
        Also the name of the tensor it produces.
    inputs : tuple of str
        One tensor.
    weights : int8 array (Cout, KH, KW, Cin / groups)
        As they are multiplied; where there is a codebook, each is one of its levels.
    weight_bits : int
        2 to 8, what the multiplier takes; weights are in [-2**(bits-1), 2**(bits-1) - 1].
    weight_scale : float64 array (Cout,)
    bias : int32 array (Cout,)
        In units of input scale * weight scale.
    multiplier : uint16 array (Cout,)
    shift : int
        1 to 47.
    low, high : int
        The clamp.
    stride : int
    pad : tuple of int
        Top, left, bottom, right, in pixels.
    pad_code : tuple of int
        Code of a padding pixel, one a channel (zeros but in a first layer that pads: the mean).
    codebook : int8 array (2**code_bits,) or None
        Levels in ascending order, shared by the layer's channels, of which ``code_bits``-bit codes
        are stored. None stores the weights themselves.
    groups : int
        1, or the number of input and of output channels: each of these reads one of those only.
    """

    name: str
    inputs: tuple[str, ...]
    weights: np.ndarray
    weight_bits: int
    weight_scale: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: int
    low: int
    high: int
    stride: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_code: tuple[int, ...] = ()
    codebook: np.ndarray | None = None
    groups: int = 1

    @property
    def code_bits(self) -> int:
        """Bits a weight that are stored: those of a code, at most ``weight_bits``."""
        if self.codebook is None:
            return self.weight_bits
        return int(self.codebook.size).bit_length() - 1

    @property
    def codes(self) -> np.ndarray:
        """What is stored, int16, shaped as the weights: unsigned with a codebook, else these."""
        if self.codebook is None:
            return self.weights.astype(np.int16)
        return np.searchsorted(self.codebook, self.weights).astype(np.int16)

    @property
    def kernel_size(self) -> tuple[int, int]:
        """Rows and columns of the kernel."""
        _, rows, columns, _ = self.weights.shape
        return rows, columns

    @property
    def kernel(self) -> int:
        """Side of a square kernel.

        Raises
        ------
        FirebrickError
            If it is not square.
        """
        rows, columns = self.kernel_size
        if rows != columns:
            raise FirebrickError(f"{self.name} (Conv): its kernel of {rows}x{columns} has no side")
        return rows

    @property
    def channels(self) -> int:
        """Output channels."""
        return int(self.weights.shape[0])

    def accumulator_bounds(self, x: Tensor) -> tuple[int, int]:
        """Smallest and largest value any partial sum of weight * activation can take.

        The worst case over all inputs that tensor ``x`` can hold, for the weights as they are;
        the bias is not included.
        """
        w = self.weights.reshape(self.channels, -1).astype(np.int64)
        positive = np.where(w > 0, w, 0).sum(axis=1)
        negative = np.where(w < 0, w, 0).sum(axis=1)
        high = positive * x.high + negative * x.low
        low = negative * x.high + positive * x.low
        return int(min(low.min(), 0)), int(max(high.max(), 0))


@dataclass(frozen=True)
class MaxPool:
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


@dataclass(frozen=True)
class AveragePool:
    """``y = clamp((sum * multiplier + 2**(shift-1)) >> shift, low, high)`` of each window's sum.

    Padding (top, left, bottom, right) has code 0; the divisor, always ``kernel**2``, is inside the
    multiplier.
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


@dataclass(frozen=True)
class Concat:
    """Concatenation along channels of tensors that share one scale."""

    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Add:
    """``y = clamp((a * multiplier[0] + b * multiplier[1] + 2**(shift-1)) >> shift, low, high)``."""

    name: str
    inputs: tuple[str, ...]
    multiplier: tuple[int, int]
    shift: int
    low: int
    high: int


@dataclass(frozen=True)
class GlobalSum:
    """Sum of each channel over the whole map: the class sums. The host divides."""

    name: str
    inputs: tuple[str, ...]


Op = Conv | MaxPool | AveragePool | Concat | Add | GlobalSum


def output_shape(op: Op, inputs: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Shape (height, width, channels) that ``op`` makes of input shapes ``inputs``."""
    height, width, channels = inputs[0]
    if isinstance(op, Conv):
        return *window_counts((height, width), op.kernel_size, op.stride, op.pad), op.channels
    if isinstance(op, MaxPool | AveragePool):
        return *pool_counts((height, width), op), channels
    if isinstance(op, Concat):
        return height, width, sum(shape[2] for shape in inputs)
    if isinstance(op, Add):
        return height, width, channels
    return 1, 1, channels


def window_counts(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: int,
    pad: tuple[int, int, int, int],
) -> tuple[int, int]:
    """How many whole windows a map has, down and across.

    Parameters
    ----------
    size, kernel : tuple of int
        Rows and columns.
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    """
    top, left, bottom, right = pad
    rows = (size[0] + top + bottom - kernel[0]) // stride + 1
    return rows, (size[1] + left + right - kernel[1]) // stride + 1


class Pooling(Protocol):
    """What pools of all kinds have, in floats and integers."""

    @property
    def kernel(self) -> int:
        """Side of the window."""

    @property
    def stride(self) -> int:
        """Pixels from a window to the next."""

    @property
    def pad(self) -> tuple[int, int, int, int]:
        """Top, left, bottom, right."""


def pool_counts(size: tuple[int, int], pool: Pooling) -> tuple[int, int]:
    """How many windows a pool has on a map of ``size``, down and across."""
    if isinstance(pool, MaxPool) and pool.ceil:
        return pool_size(size[0], pool), pool_size(size[1], pool)
    return window_counts(size, (pool.kernel, pool.kernel), pool.stride, pool.pad)


def pool_size(size: int, pool: MaxPool) -> int:
    """Windows along a side of ``size`` pixels, without padding."""
    span = size - pool.kernel
    return (-(-span // pool.stride) if pool.ceil else span // pool.stride) + 1
