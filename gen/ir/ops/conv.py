"""Convolutions in integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.ops.layer import Requantising
from gen.ir.ops.tensor import Shape, Tensor
from gen.ir.ops.windows import window_counts, window_problems


@dataclass(frozen=True, eq=False)
class Conv(Requantising):
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
    envelope : tuple of int or None
        Bits of the accumulators and of the biases that its hardware has, whatever its weights: then
        weights, biases and multipliers are contents, which may be replaced in a running board. None
        makes them part of the hardware, with the bits that they need.
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
    envelope: tuple[int, int] | None = None

    left_out: ClassVar[dict[str, Any]] = {"groups": 1}

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

    def accumulator_bits(self, x: Tensor) -> int:
        """Bits of an accumulator, in two's complement; ``x`` is the input."""
        if self.envelope is not None:
            return self.envelope[0]
        return signed_bits(*self.accumulator_bounds(x))

    @property
    def bias_bits(self) -> int:
        """Bits of a bias, in two's complement."""
        if self.envelope is not None:
            return self.envelope[1]
        return signed_bits(min(int(self.bias.min()), -1), int(self.bias.max()))

    @property
    def symmetric(self) -> bool:
        """No weight is the most negative code, nor could one be that replaces it."""
        values = self.weights
        if self.envelope is not None and self.codebook is not None:
            values = self.codebook
        return bool(values.min() > -(1 << (self.weight_bits - 1)))

    def without_contents(self) -> Self:
        """The same without its contents, if it has an envelope: what hardware it is."""
        if self.envelope is None:
            return self
        channels = np.zeros(self.channels, np.int8)
        return replace(
            self,
            weights=np.zeros_like(self.weights),
            weight_scale=channels,
            bias=channels,
            multiplier=channels,
        )

    def factors(self, inputs: np.ndarray) -> np.ndarray:
        """One a channel."""
        return self.weight_scale * inputs[0]

    def requantised(self, multiplier: np.ndarray, shift: int, low: int, high: int) -> Self:
        """The same with other integers.

        Parameters
        ----------
        multiplier, shift, low, high
        """
        return replace(self, multiplier=multiplier, shift=shift, low=low, high=high)

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """A pixel a window, and its own channels."""
        height, width, _ = inputs[0]
        counts = window_counts((height, width), self.kernel_size, self.stride, self.pad)
        return *counts, self.channels

    @property
    def format(self) -> int:
        """Envelopes are newer than groups and oblong kernels, and these than codebooks."""
        if self.envelope is not None:
            return 6
        if self.groups > 1 or self.kernel_size[0] != self.kernel_size[1]:
            return 3
        return 1 if self.codebook is None else 2

    def form_problems(self) -> Iterator[str]:
        """Weights without kernels, and kernels that see nothing."""
        yield from super().form_problems()
        if not _is_array(self.weights, np.int8, 4):
            yield f"{self.name}: weights must be int8 of shape (Cout, KH, KW, Cin / groups)"
        yield from window_problems(self.name, self.kernel_size, self.stride, self.pad)

    def problems(self, inputs: Sequence[Tensor], y: Tensor) -> Iterator[str]:
        """Its arrays, besides.

        Parameters
        ----------
        inputs, y : sequence of Tensor, Tensor
        """
        yield from self._weight_problems(inputs[0].shape)
        if self.codebook is not None:
            yield from self._codebook_problems(self.codebook)
        yield from self._channel_problems(inputs[0])
        yield from self.envelope_problems(inputs[0])
        yield from super().problems(inputs, y)

    def _weight_problems(self, shape: Shape) -> Iterator[str]:
        """Weights that are too wide, or for another input."""
        cout, _, _, read = self.weights.shape
        cin, groups = shape[2], self.groups
        if groups != 1 and not groups == cin == cout:
            yield (
                f"{self.name}: {groups} groups for {cin} channels to {cout}; only 1 or all of both"
            )
        if read * groups != cin:
            grouped = f" in {groups} groups" if groups != 1 else ""
            yield f"{self.name}: weights {self.weights.shape}{grouped} do not fit input {shape}"
        if not 2 <= self.weight_bits <= 8:
            yield f"{self.name}: weight_bits {self.weight_bits} is not 2 to 8"
        limit = 1 << (self.weight_bits - 1)
        if self.weights.min() < -limit or self.weights.max() >= limit:
            yield f"{self.name}: weight codes exceed {self.weight_bits} bits"

    def _channel_problems(self, x: Tensor) -> Iterator[str]:
        """What each channel has: bias, multiplier, scale, and code of the padding."""
        kinds = {"bias": np.int32, "multiplier": np.uint16, "weight_scale": np.float64}
        for name, dtype in kinds.items():
            array = getattr(self, name)
            if not _is_array(array, dtype, 1) or array.shape != (self.channels,):
                yield f"{self.name}: {name} must be {np.dtype(dtype)} of shape ({self.channels},)"
        if not ((self.weight_scale >= 0) & (self.weight_scale < np.inf)).all():
            yield f"{self.name}: weight_scale holds something other than numbers from 0 up"
        cin, codes = x.shape[2], self.pad_code
        if len(codes) != cin or any(not x.low <= code <= x.high for code in codes):
            yield f"{self.name}: pad_code must hold {cin} codes of the input tensor"

    def envelope_problems(self, x: Tensor) -> Iterator[str]:
        """Contents that do not fit the envelope, if there is one."""
        if self.envelope is None:
            return
        fixed = replace(self, envelope=None)
        needs = {"accumulators": fixed.accumulator_bits(x), "biases": fixed.bias_bits}
        for (what, bits), room in zip(needs.items(), self.envelope, strict=True):
            if bits > room:
                yield f"{self.name}: its {what} need {bits} bits, and its envelope has {room}"
        if not self.symmetric:
            yield (
                f"{self.name}: a weight is -{1 << (self.weight_bits - 1)}, the most negative code, "
                "which an envelope has no room for"
            )

    def _codebook_problems(self, codebook: np.ndarray) -> Iterator[str]:
        """A codebook that codes and multiplier cannot use, or weights that are not in it."""
        if not _is_array(codebook, np.int8, 1):
            yield f"{self.name}: codebook must be a one-dimensional int8 array"
            return
        bits = self.weight_bits
        if codebook.size not in {1 << width for width in range(2, bits + 1)}:
            yield (
                f"{self.name}: codebook of {codebook.size} levels, not a power of two from 4 to "
                f"2**weight_bits = {1 << bits}"
            )
        low, high, limit = int(codebook.min()), int(codebook.max()), 1 << (bits - 1)
        if (codebook[1:] < codebook[:-1]).any() or low < -limit or high >= limit:
            yield f"{self.name}: codebook levels must ascend within {bits} bits"
        elif not np.isin(self.weights, codebook).all():
            yield f"{self.name}: weights that are not in its codebook"


def signed_bits(low: int, high: int) -> int:
    """Bits of a two's complement number between ``low`` and ``high``."""
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


def _is_array(value: Any, dtype: Any, dimensions: int) -> bool:
    return isinstance(value, np.ndarray) and (value.dtype, value.ndim) == (dtype, dimensions)
