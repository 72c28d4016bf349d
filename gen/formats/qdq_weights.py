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
            "can be stored; quantise weights symmetrically (QInt8, zero point 0)",
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
