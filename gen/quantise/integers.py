"""Layers in integers: from codes, scales and real biases to what the hardware computes with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.fixed_point import fixed_point, real_scale
from gen.ir.ops import (
    Computed,
    Conv,
    FloatConv,
    Tensor,
)
from gen.quantise.robust_multipliers import robust_multipliers

CLIPS = np.linspace(0.4, 1.0, 61)
"""Weight clipping ranges to try, as parts of the channel's largest weight."""

WEAKEST = 2.0**-9
"""Smallest weight scale of a channel as a part of the layer's largest: keeps multipliers exact."""

BIAS_LIMIT = 1 << 24


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
    multiplier = robust_multipliers(multiplier, shift, low, high)
    scale = np.where(multiplier > 0, real_scale(multiplier, shift, x, y), scale)
    integer_bias = np.floor(bias / (x.scale * scale) + 0.5)
    return Conv(
        name=op.name,
        inputs=op.inputs,
        weights=codes.astype(np.int8),
        weight_bits=bits,
        weight_scale=scale,
        bias=np.clip(integer_bias, 1 - 2**31, 2**31 - 1).astype(np.int32),
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


def clamp(op: Computed, y: Tensor) -> tuple[int, int]:
    """Lowest and highest code that a layer's ReLU and ceiling leave of those of its output."""
    low, high = 0 if op.relu else y.low, y.high
    if op.ceiling is not None:
        high = min(high, max(low, int(np.floor(op.ceiling / y.scale + 0.5))))
    return low, high


def border_codes(op: FloatConv, x: Tensor) -> tuple[int, ...]:
    """Code of a padding pixel, one a channel."""
    pad = np.floor(np.array(op.pad_value or np.zeros(x.shape[2])) / x.scale + 0.5)
    return tuple(int(code) for code in np.clip(pad, x.low, x.high))


def scale_floor(op: FloatConv, x: Tensor) -> np.ndarray:
    """Smallest weight scale (Cout,) with which each channel's bias still is an integer in range."""
    return np.abs(op.bias) / (x.scale * BIAS_LIMIT)


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


def weight_scales(weights: np.ndarray, bits: int, floor: np.ndarray) -> np.ndarray:
    """Scale of each output channel with the smallest mean square error of its codes.

    Parameters
    ----------
    weights : float array (Cout, KH, KW, Cin / groups)
    bits : int
    floor : float array (Cout,)
        Scales are at least these, and at least a small part of the layer's largest.
    """
    high = (1 << (bits - 1)) - 1
    largest = np.abs(weights).max(axis=(1, 2, 3))
    if largest.max() == 0:
        largest = np.ones_like(largest)
    full = np.maximum(largest / high, np.maximum(floor, largest.max() / high * WEAKEST))
    best, least = full, np.full(len(full), np.inf)
    for clip in CLIPS if bits < 8 else CLIPS[-1:]:
        scale = np.maximum(full * clip, floor)
        codes = round_weights(weights, scale, bits)
        error = ((codes * scale[:, None, None, None] - weights) ** 2).sum(axis=(1, 2, 3))
        best = np.where(error < least, scale, best)
        least = np.minimum(error, least)
    return best
