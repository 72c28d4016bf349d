"""All integers of a convolution, and what they compute."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from amaranth.hdl import Shape, signed, unsigned
from numpy.lib.stride_tricks import sliding_window_view

from hw.layers.folding import DepthwisePlan, EnginePlan
from hw.layers.requantise import requantise_model
from hw.layers.window_geometry import WindowGeometry


@dataclass(frozen=True, eq=False)
class ConvIntegers:
    """All integers of a convolution.

    Attributes
    ----------
    weights : int array (Cout, KH, KW, Cin / groups)
    weight_bits : int
    bias, multiplier : int array (Cout,)
    shift, low, high : int
        Of the requantiser.
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    pad_code : tuple of int
        Code of a padding pixel, one a channel.
    size : tuple of int
        Height and width of the input map, without padding.
    signed_input, signed_output : bool
    accumulator_bits, bias_bits : int
        Of an accumulator and of a bias, in two's complement.
    codebook : int array or None
        Ascending levels that all weights are of, where codes are stored.
    groups : int
        Into which the channels are divided; each output channel sees those of its group. As many
        as channels in a depthwise convolution.
    writable : bool
        Weights, biases and multipliers are what memories begin with, which may be written.
    """

    weights: np.ndarray
    weight_bits: int
    bias: np.ndarray
    multiplier: np.ndarray
    shift: int
    low: int
    high: int
    stride: int
    pad: tuple[int, int, int, int]
    pad_code: tuple[int, ...]
    size: tuple[int, int]
    signed_input: bool
    signed_output: bool
    accumulator_bits: int
    bias_bits: int
    codebook: np.ndarray | None = None
    groups: int = 1
    writable: bool = False

    @property
    def i_shape(self) -> Shape:
        """Of an input code."""
        return code_shape(self.signed_input)

    @property
    def o_shape(self) -> Shape:
        """Of an output code."""
        return code_shape(self.signed_output)

    @property
    def accumulator_shape(self) -> Shape:
        """Holds every partial sum."""
        return signed(self.accumulator_bits)

    @property
    def channels(self) -> tuple[int, int]:
        """Input and output channels."""
        return self.weights.shape[3] * self.groups, self.weights.shape[0]

    @property
    def depthwise(self) -> bool:
        """Each channel is convolved by itself."""
        return (self.groups, self.groups) == self.channels

    def geometry(self, plan: EnginePlan | DepthwisePlan) -> WindowGeometry:
        """The windows that an engine of folding ``plan`` reads."""
        height, width = self.padded_size
        return WindowGeometry(
            height,
            width,
            chunks=-(-self.channels[0] // plan.simd),
            kernel=self.weights.shape[1:3],
            stride=self.stride,
            folds=1 if isinstance(plan, DepthwisePlan) else -(-self.channels[1] // plan.pe),
            channelwise=isinstance(plan, DepthwisePlan),
        )

    @property
    def padded_size(self) -> tuple[int, int]:
        """Height and width of the input map with its padding."""
        top, left, bottom, right = self.pad
        return self.size[0] + top + bottom, self.size[1] + left + right

    def widened(self, lanes: int) -> ConvIntegers:
        """The same on words of so many lanes, whose last one in a pixel may have spare channels."""
        spare = -self.channels[0] % lanes
        return replace(
            self,
            weights=np.pad(self.weights, ((0, 0), (0, 0), (0, 0), (0, spare))),
            pad_code=(*self.pad_code, *(0,) * spare),
        )

    def model(self, frame: np.ndarray) -> np.ndarray:
        """Codes of a frame (height, width, Cin): (rows, columns, Cout)."""
        (height, width), (top, left, _, _), groups = self.size, self.pad, self.groups
        cin, cout = self.channels
        padded = np.broadcast_to(np.array(self.pad_code), (*self.padded_size, cin)).copy()
        padded[top : top + height, left : left + width] = frame
        taps = self.weights.shape[1:3]
        windows = sliding_window_view(padded, taps, axis=(0, 1))
        windows = windows[:: self.stride, :: self.stride]
        rows, columns = windows.shape[:2]
        sums = np.einsum(
            "yxgcij,gdijc->yxgd",
            windows.reshape(rows, columns, groups, -1, *taps),
            self.weights.astype(np.int64).reshape(groups, cout // groups, *taps, -1),
        )
        scale = self.bias, self.multiplier, self.shift, self.low, self.high
        return requantise_model(sums.reshape(rows, columns, cout), *scale)


def code_shape(is_signed: bool) -> Shape:
    """Shape of an 8-bit activation."""
    return signed(8) if is_signed else unsigned(8)
