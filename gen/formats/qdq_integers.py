"""From the scales of a QDQ file to multipliers, shifts and clamps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import onnx

from gen.common.errors import FirebrickError, RefusedNode
from gen.formats.qdq_scales import WIDEST, Scale
from gen.ir.fixed_point import MAX_SHIFT, fixed_point
from gen.ir.ops import Conv, Op, Requantising, Tensor

LARGEST_DEAD, SMALLEST_DEAD = 2.0, 2.0**-12
"""A dead channel's scale as a part of the layer's largest live one: kept in between."""

BIAS_END = 1 << 31
COARSEST_BIAS = 1 / 32
"""Codes of output by which rounding a bias may move a channel, as long as weights have the bits."""
COARSEST = 1.0
"""Codes of output by which rounding a multiplier to an integer may at most move a channel: what one
of 7 bits may where the channel uses the whole range."""


@dataclass
class Layer:
    """An op whose final scale is not known before all nodes are read.

    ``bias`` is a convolution's, float64 (Cout,) in steps of its sums, perhaps not whole ones;
    ``bits`` is the width of its weights in the file.
    ``own`` is the scale that the file gives its output, None until a QuantizeLinear is met;
    ``final`` replaces it where a concat has another. ``ceiling`` is the real value at which a Clip
    cuts its output. ``behind`` is the QuantizeLinear behind a global average, which has a scale of
    its own only if it turns out not to be the end; ``gain`` is what the average is multiplied by.
    """

    op: Op
    bias: np.ndarray = field(default_factory=lambda: np.zeros(1))
    bits: int = 8
    relu: bool = False
    ceiling: float | None = None
    behind: onnx.NodeProto | None = None
    gain: float = 1.0
    own: Scale | None = None
    final: Scale | None = None


def never_quantised(layer: Layer) -> FirebrickError:
    """The error of a layer whose output has no scale."""
    return RefusedNode(
        layer.op.name,
        type(layer.op).__name__,
        "its output is never quantised; put QuantizeLinear and DequantizeLinear behind it (behind "
        "the last layer too)",
    )


def usable_scales(codes: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Scales (Cout,) of weights (Cout, ...); a dead channel's that is far off is replaced.

    It gets the largest of the live ones, so that its bias becomes an integer like theirs.

    Quantisers give channels whose weights are all zero any scale (ONNX Runtime 1.0), next to which
    the others' multipliers would have no precision left.
    """
    dead = ~codes.any(axis=tuple(range(1, codes.ndim)))
    if dead.all():
        return scale
    largest = scale[~dead].max()
    near = (scale >= largest * SMALLEST_DEAD) & (scale <= largest * LARGEST_DEAD)
    return np.where(dead & ~near, largest, scale)


def with_integers(layer: Layer, tensors: Mapping[str, Tensor]) -> Op:
    """Multipliers, shift and clamp of an op now that its output's scale is known.

    Raises
    ------
    RefusedNode
        If scales are too far apart to requantise.
    """
    op, own, final = layer.op, layer.own, layer.final or layer.own
    if not isinstance(op, Requantising) or own is None or final is None:
        return op
    low, high = _limits(layer, own, final)
    scales = np.array([tensors[name].scale / final.scale for name in op.inputs])
    factor = op.factors(scales) * layer.gain
    try:
        multiplier, shift = fixed_point(factor)
    except ValueError as error:
        raise RefusedNode(op.name, type(op).__name__, f"{error}; quantise it again") from None
    scaled = op.requantised(multiplier, shift, low, high)
    if not isinstance(scaled, Conv):
        return scaled.centred([tensors[name].zero for name in op.inputs], final.zero)
    scaled, factor = _with_bias(scaled, _centred(scaled, layer.bias, final.zero), factor)
    _check_precision(scaled, tensors[op.inputs[0]], factor)
    return scaled


def _limits(layer: Layer, own: Scale, final: Scale) -> tuple[int, int]:
    """Smallest and largest code that a layer's own scale, its ReLU and its ceiling leave."""
    ratio = own.scale / final.scale
    low = max(final.low, int(np.floor(own.low * ratio + 0.5)))
    high = min(final.high, int(np.floor(own.high * ratio + 0.5)))
    if layer.ceiling is not None:
        high = min(high, int(np.floor(layer.ceiling / final.scale + 0.5)))
    return (max(low, 0) if layer.relu else low) + final.zero, high + final.zero


def _centred(op: Conv, bias: np.ndarray, zero: int) -> np.ndarray:
    """The bias that also gives an output's code of zero, if that is another than 0."""
    if not zero:
        return bias
    centred: np.ndarray = bias + zero * 2.0**op.shift / np.maximum(op.multiplier, 1)
    if not (op.multiplier > 0).all():
        raise FirebrickError(
            f"node {op.name!r} (Conv): its multipliers are too small for a code of zero other than "
            "0; quantise its output symmetrically (zero point 0 of signed codes)"
        )
    return centred


def _with_bias(op: Conv, bias: np.ndarray, factor: np.ndarray) -> tuple[Conv, np.ndarray]:
    """A layer with its bias in integers, and what its multipliers stand for then.

    Where sums count coarse steps, as with weights of 2 bits, rounding the bias to one of these
    would show in the output's codes. Then weights count finer ones, and a codebook keeps them as
    narrow as they are.
    """
    finer = 0
    while op.weight_bits + finer < WIDEST and op.shift + finer < MAX_SHIFT:
        parts = bias * 2.0**finer
        if (np.abs(parts - np.rint(parts)) * factor).max() <= COARSEST_BIAS * 2.0**finer:
            break
        finer += 1
    rounded = np.floor(bias * 2.0**finer + 0.5)
    if not np.abs(rounded).max() < BIAS_END:
        raise FirebrickError(
            f"node {op.name!r} (Conv): its bias does not fit 32 bits; quantise the network again"
        )
    op = replace(op, bias=rounded.astype(np.int32))
    return (op, factor) if not finer else (_finer(op, finer), factor / 2.0**finer)


def _finer(op: Conv, bits: int) -> Conv:
    """The same layer with so many bits behind the point of its weights, which stay as narrow."""
    end = 1 << (op.weight_bits - 1)
    levels = np.arange(-end, end) if op.codebook is None else op.codebook.astype(np.int64)
    return replace(
        op,
        weights=op.weights << bits,
        weight_bits=op.weight_bits + bits,
        weight_scale=op.weight_scale / 2.0**bits,
        codebook=(levels << bits).astype(np.int8),
        shift=op.shift + bits,
    )


def _check_precision(op: Conv, x: Tensor, factor: np.ndarray) -> None:
    """Refuse multipliers so small that their rounding shows in the output's codes."""
    weights = op.weights.reshape(op.channels, -1).astype(np.int64)
    positive, negative = (np.where(weights * s > 0, weights, 0).sum(axis=1) for s in (1, -1))
    highest = (positive * x.high + negative * x.low + op.bias) * factor
    lowest = (negative * x.high + positive * x.low + op.bias) * factor
    reach = np.maximum(np.minimum(highest, op.high), np.minimum(-lowest, -op.low))
    error = reach * np.abs(op.multiplier * 2.0**-op.shift / factor - 1)
    worst = int(error.argmax())
    if error[worst] > COARSEST:
        raise FirebrickError(
            f"node {op.name!r} (Conv): the weight scale of channel {worst}, "
            f"{op.weight_scale[worst]:g}, is so far below the largest, {op.weight_scale.max():g}, "
            f"that its multiplier would be only {op.multiplier[worst]}; quantise with one scale a "
            "layer, or import the float network"
        )
