"""Random convolutions of any kernel and grouping for the engines' tests."""

import numpy as np

from gen.ir.ops.conv import signed_bits
from hw.layers.conv_integers import ConvIntegers
from hw.layers.window_geometry import WindowGeometry


def random_conv(
    size,
    weights_shape,
    *,
    groups=1,
    stride=1,
    pad=(0, 0, 0, 0),
    pad_code=0,
    weight_bits=8,
    code_bits=None,
    signed_input=False,
    signed_output=False,
    seed=1,
):
    """A convolution whose codes spread over their range and clamp now and then.

    ``weights_shape`` is (Cout, KH, KW, Cin / groups); with ``code_bits`` the weights come from a
    codebook of ``2**code_bits`` levels.
    """
    rng = np.random.default_rng(seed)
    half, channels = 1 << (weight_bits - 1), weights_shape[0]
    codebook = None
    if code_bits is None:
        weights = rng.integers(-half, half, weights_shape)
    else:
        codebook = np.sort(rng.choice(np.arange(-half, half), 1 << code_bits, replace=False))
        weights = rng.choice(codebook, weights_shape)
    low, high = (-128, 127) if signed_input else (0, 255)
    reach = np.minimum(weights * low, weights * high), np.maximum(weights * low, weights * high)
    spread = np.abs(weights).sum(axis=(1, 2, 3)).max() * 64 + 1
    bias = rng.integers(-spread // 4, spread // 4 + 1, channels)
    return ConvIntegers(
        weights=weights,
        weight_bits=weight_bits,
        bias=bias,
        multiplier=rng.integers(30000, 65536, channels),
        shift=max(1, 16 + int(np.log2(spread / 150))),
        low=-128 if signed_output else 0,
        high=127 if signed_output else 255,
        stride=stride,
        pad=pad,
        pad_code=(pad_code,) * (weights_shape[3] * groups),
        size=size,
        signed_input=signed_input,
        signed_output=signed_output,
        accumulator_bits=signed_bits(
            int(np.minimum(reach[0], 0).sum(axis=(1, 2, 3)).min()),
            int(np.maximum(reach[1], 0).sum(axis=(1, 2, 3)).max()),
        ),
        bias_bits=signed_bits(int(min(bias.min(), -1)), int(bias.max())),
        codebook=codebook,
        groups=groups,
    )


def frames_for(conv: ConvIntegers, count: int, seed: int = 2) -> np.ndarray:
    """Frames of codes: noise, and for the last two the lowest and the highest code all over."""
    low, high = (-128, 127) if conv.signed_input else (0, 255)
    shape = (count, *conv.size, conv.channels[0])
    frames = np.random.default_rng(seed).integers(low, high + 1, shape)
    frames[-2], frames[-1] = low, high
    return frames


def roomy_pixels(geometry: WindowGeometry) -> int:
    """Pixels of a window memory in which frames follow one another without a bubble."""
    return max(-(-(geometry.span + geometry.longest_step) // geometry.chunks), 4)
