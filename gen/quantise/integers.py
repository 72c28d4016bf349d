"""Layers in integers: from codes, scales and real biases to what the hardware computes with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.fixed_point import MULTIPLIER_BITS, fixed_point, real_scale
from gen.ir.ops import (
    Computed,
    Conv,
    FloatConv,
    Tensor,
)
from gen.quantise.robust_multipliers import REACH, robust_multipliers

CLIPS = np.linspace(0.4, 1.0, 61)
"""Weight clipping ranges to try, as parts of the channel's largest weight."""

WEAKEST = 2.0**-9
"""Smallest weight scale of a channel as a part of the layer's largest: keeps multipliers exact."""

BIAS_LIMIT = 1 << 24
BIAS_PART = 0.75
"""Of a build's biases that the float network's take: what rounding does to weights moves them."""
LARGEST_MULTIPLIER = (1 << MULTIPLIER_BITS) - 1
SMALLEST_MULTIPLIER = 64
"""In a build: one that still is exact to a hundredth."""


def integer_conv(
    op: FloatConv,
    codes: np.ndarray,
    scale: np.ndarray,
    bias: np.ndarray,
    bits: int,
    tensors: Mapping[str, Tensor],
    codebook: np.ndarray | None = None,
) -> Conv:
    """A convolution in integers.

    Parameters
    ----------
    op : FloatConv
    codes : array of integers (Cout, KH, KW, Cin / groups)
        Of its weights, at most ``bits`` wide.
    scale, bias : float array (Cout,)
        Real value of a code, and real bias.
    bits : int
    tensors : mapping
        Has its input and output.
    codebook : array of integers (2**code bits,) or None
        Levels that hold all codes, ascending.

    Raises
    ------
    FirebrickError
        If the scales are too far apart to requantise.
    """
    x, y = tensors[op.inputs[0]], tensors[op.name]
    try:
        multiplier, shift = fixed_point(x.scale * scale / y.scale)
    except ValueError as error:
        raise FirebrickError(f"{op.name}: {error}") from None
    low, high = clamp(op, y)
    made = Conv(
        name=op.name,
        inputs=op.inputs,
        weights=codes.astype(np.int8),
        weight_bits=bits,
        weight_scale=scale,
        bias=np.zeros(len(scale), np.int32),
        multiplier=multiplier,
        shift=shift,
        low=low,
        high=high,
        stride=op.stride,
        pad=op.pad,
        pad_code=border_codes(op, x),
        codebook=None if codebook is None else codebook.astype(np.int8),
        groups=op.groups,
    )
    return with_contents(made, codes, scale, bias, x, y)


def with_contents(
    op: Conv, codes: np.ndarray, scale: np.ndarray, bias: np.ndarray, x: Tensor, y: Tensor
) -> Conv:
    """A convolution with other weights, biases and multipliers, and all else as it is.

    Parameters
    ----------
    op : Conv
    codes : array of integers (Cout, KH, KW, Cin / groups)
        Of its weights.
    scale : float array (Cout,)
        Real value of a code; at most what :func:`weight_scale_range` says.
    bias : float array (Cout,)
        Real bias, for input codes that count from 0.
    x, y : Tensor
        Its input and output.
    """
    multiplier = np.floor(x.scale * scale / y.scale * 2.0**op.shift + 0.5)
    multiplier = np.minimum(multiplier, LARGEST_MULTIPLIER).astype(np.uint16)
    multiplier = robust_multipliers(multiplier, op.shift, op.low, op.high)
    scale = np.where(multiplier > 0, real_scale(multiplier, op.shift, x, y), scale)
    centred = bias + y.zero * y.scale
    integer_bias = np.floor(centred / (x.scale * scale) + 0.5)
    return replace(
        op,
        weights=codes.astype(np.int8),
        weight_scale=scale,
        bias=np.clip(integer_bias, 1 - 2**31, 2**31 - 1).astype(np.int32),
        multiplier=multiplier,
    )


def weight_scale_range(
    op: FloatConv, build: Conv | None, tensors: Mapping[str, Tensor]
) -> tuple[np.ndarray, float]:
    """Smallest weight scales (Cout,) and the largest that a layer's hardware allows.

    With the smallest each channel's bias still is an integer in range. In a build with its shift,
    multipliers are in range as well.

    Parameters
    ----------
    op : FloatConv
    build : Conv or None
        The layer of a build that has to take it.
    tensors : mapping
        Has its input and output.
    """
    x, y = tensors[op.inputs[0]], tensors[op.name]
    if build is None:
        return np.abs(op.bias) / (x.scale * BIAS_LIMIT), np.inf
    unit = y.scale / x.scale * 2.0**-build.shift
    limit = min(BIAS_LIMIT, int(BIAS_PART * (1 << (build.bias_bits - 1))))
    floor = np.abs(op.bias + y.zero * y.scale) / (x.scale * limit)
    top = unit * LARGEST_MULTIPLIER
    return np.clip(floor, unit * SMALLEST_MULTIPLIER, top), top


def clipped_weights(op: FloatConv, made: Conv) -> np.ndarray:
    """How many weights of each channel (Cout,) a fixed shift keeps from having the code they need.

    Those of channels with the largest multiplier that there is.

    Parameters
    ----------
    op : FloatConv
    made : Conv
        The same in integers.
    """
    high = (1 << (made.weight_bits - 1)) - 1
    limits = (high + 0.5) * made.weight_scale[:, None, None, None]
    beyond: np.ndarray = (np.abs(op.weights) > limits).sum(axis=(1, 2, 3))
    return np.where(made.multiplier >= LARGEST_MULTIPLIER - 2 * REACH, beyond, 0)


def clamp(op: Computed, y: Tensor) -> tuple[int, int]:
    """Lowest and highest code that a layer's ReLU and ceiling leave of those of its output."""
    low, high = y.zero if op.relu else y.low, y.high
    if op.ceiling is not None:
        high = min(high, max(low, y.zero + int(np.floor(op.ceiling / y.scale + 0.5))))
    return low, high


def border_codes(op: FloatConv, x: Tensor) -> tuple[int, ...]:
    """Code of a padding pixel, one a channel."""
    pad = np.floor(np.array(op.pad_value or np.zeros(x.shape[2])) / x.scale + 0.5) + x.zero
    return tuple(int(code) for code in np.clip(pad, x.low, x.high))


def round_weights(weights: np.ndarray, scale: np.ndarray, bits: int) -> np.ndarray:
    """Codes of weights, to the nearest, symmetric around zero.

    Parameters
    ----------
    weights : float array (Cout, KH, KW, Cin / groups)
    scale : float array (Cout,)
        Real value of a code.
    bits : int
        Codes are at most so wide.

    Returns
    -------
    float array, shaped as the weights
        Integers.
    """
    high = (1 << (bits - 1)) - 1
    codes = np.floor(weights / scale[:, None, None, None] + 0.5)
    return np.clip(codes, -high, high)


def levels_of(weights: np.ndarray) -> np.ndarray:
    """The codebook of integer weights: their values, ascending, the last one as often as needed.

    The fewest codes of whole bits, two bits at least.
    """
    levels = np.unique(weights)
    size = 1 << max(2, (len(levels) - 1).bit_length())
    return np.pad(levels, (0, size - len(levels)), mode="edge")


def weight_scales(
    weights: np.ndarray, bits: int, floor: np.ndarray, top: float = np.inf
) -> np.ndarray:
    """Scale of each output channel with the smallest mean square error of its codes.

    Parameters
    ----------
    weights : float array (Cout, KH, KW, Cin / groups)
    bits : int
    floor : float array (Cout,)
        Scales are at least these, and at least a small part of the layer's largest.
    top : float
        Scales are at most this.
    """
    high = (1 << (bits - 1)) - 1
    largest = np.abs(weights).max(axis=(1, 2, 3))
    if largest.max() == 0:
        largest = np.ones_like(largest)
    full = np.maximum(largest / high, np.maximum(floor, largest.max() / high * WEAKEST))
    best, least = np.minimum(full, top), np.full(len(full), np.inf)
    for clip in CLIPS if bits < 8 else CLIPS[-1:]:
        scale = np.clip(full * clip, floor, top)
        codes = round_weights(weights, scale, bits)
        error = ((codes * scale[:, None, None, None] - weights) ** 2).sum(axis=(1, 2, 3))
        best = np.where(error < least, scale, best)
        least = np.minimum(error, least)
    return best
