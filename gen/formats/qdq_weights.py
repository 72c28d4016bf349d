"""Weights of quantised ONNX networks: their codes, and in how many bits they are stored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from gen.formats.onnx_node import refuse
from gen.formats.qdq_scales import code_bits

NARROWEST, WIDEST = 2, 8


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a DequantizeLinear makes of constants.

    Attributes
    ----------
    steps : int64 array
        Codes without their zero points.
    scale : float array
        Of one step.
    bits : int
        Width of the codes in the file.
    """

    steps: np.ndarray
    scale: np.ndarray
    bits: int


def decoded(codes: np.ndarray, zero: np.ndarray, scale: np.ndarray) -> Decoded:
    """Codes of a file without their zero points.

    Parameters
    ----------
    codes, zero : integer array
        The latter is broadcast.
    scale : float array
    """
    bits = code_bits(codes.dtype) or 64
    return Decoded(codes.astype(np.int64) - zero.astype(np.int64), scale, bits)


def in_8_bits(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights of 9 bits as sums of such of 8, for a layer that reads some channels once more.

    Parameters
    ----------
    weights : int64 array (Cout, KH, KW, Cin)

    Returns
    -------
    weights : int64 array (Cout, KH, KW, Cin + N)
        The same as the given ones where these have 8 bits, or more than 9.
    again : int array (N,)
        The channels that the last of them are for.
    """
    end = 1 << (WIDEST - 1)
    parts, again = [weights.clip(-end, end - 1)], [np.zeros(0, int)]
    rest = weights - parts[0]
    if np.abs(weights).max() >= 2 * end:
        return weights, again[0]
    while rest.any():
        channels = np.flatnonzero(rest.any(axis=(0, 1, 2)))
        again.append(channels)
        parts.append(rest[..., channels].clip(-end, end - 1))
        rest = rest - rest.clip(-end, end - 1)
    return np.concatenate(parts, axis=3), np.concatenate(again)


def stored_width(node: onnx.NodeProto, weights: Decoded) -> tuple[int, np.ndarray | None]:
    """Bits that a multiplier takes of weights, and their codebook.

    The fewest bits that hold all of them. Where these are more than the file's, since zero points
    are off the middle, a codebook of all steps that the file's codes stand for keeps its width. So
    does one of the multiples of a power of two, where all weights are such.

    Returns
    -------
    bits : int
    codebook : int8 array (2**file's bits,) or None

    Raises
    ------
    FirebrickError
        If they do not fit a multiplier of 8 bits.
    """
    least, most = int(weights.steps.min()), int(weights.steps.max())
    bits = max(NARROWEST, (max(most, -least - 1)).bit_length() + 1)
    if bits > WIDEST:
        refuse(
            node,
            f"its weights are {least} to {most} steps from their zero points, but only -128 to 127 "
            "can be stored of it; quantise weights symmetrically (QInt8, zero point 0)",
        )
    coarse = int(np.gcd.reduce(weights.steps, axis=None))
    shared = max(min((coarse & -coarse).bit_length() - 1, bits - NARROWEST), 0)
    if shared:
        end = 1 << (bits - shared - 1)
        return bits, (np.arange(-end, end) << shared).astype(np.int8)
    if not NARROWEST <= weights.bits < bits or most - least >= 1 << weights.bits:
        return bits, None
    first = max(least, most + 1 - (1 << weights.bits))
    return bits, np.arange(first, first + (1 << weights.bits)).clip(max=127).astype(np.int8)
