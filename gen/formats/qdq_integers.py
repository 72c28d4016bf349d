"""From the scales of a QDQ file to multipliers, shifts and clamps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx

from gen.common.errors import FirebrickError
from gen.formats.qdq_scales import Scale
from gen.ir.fixed_point import fixed_point
from gen.ir.ops import Conv, Op, Requantising, Tensor

LARGEST_DEAD, SMALLEST_DEAD = 2.0, 2.0**-12
"""A dead channel's scale as a part of the layer's largest live one: kept in between."""

BIAS_END = 1 << 31
COARSEST = 1.0
"""Codes of output by which rounding a multiplier to an integer may at most move a channel: what one
of 7 bits may where the channel uses the whole range."""


@dataclass
class Layer:
    """An op whose final scale is not known before all nodes are read.

    ``own`` is the scale that the file gives its output, None until a QuantizeLinear is met;
    ``final`` replaces it where a concat has another. ``ceiling`` is the real value at which a Clip
    cuts its output. ``behind`` is the QuantizeLinear behind a global average, which has a scale of
    its own only if it turns out not to be the end.
    """

    op: Op
    relu: bool = False
    ceiling: float | None = None
    behind: onnx.NodeProto | None = None
    own: Scale | None = None
    final: Scale | None = None


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
    FirebrickError
        If scales are too far apart to requantise.
    """
    op, own, final = layer.op, layer.own, layer.final or layer.own
    if not isinstance(op, Requantising) or own is None or final is None:
        return op
    low, high = _limits(layer, own, final)
    factor = op.factors(np.array([tensors[name].scale / final.scale for name in op.inputs]))
    try:
        multiplier, shift = fixed_point(factor)
    except ValueError as error:
        raise FirebrickError(f"{op.name}: {error}") from None
    scaled = op.requantised(multiplier, shift, low, high)
    if not isinstance(scaled, Conv):
        return scaled.centred([tensors[name].zero for name in op.inputs], final.zero)
    scaled = _centred(scaled, final.zero)
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


def _centred(op: Conv, zero: int) -> Conv:
    """The same for an output whose code of zero is another: the bias gives it."""
    if not zero:
        return op
    bias = op.bias + np.floor(zero * 2.0**op.shift / np.maximum(op.multiplier, 1) + 0.5)
    if not ((op.multiplier > 0) & (np.abs(bias) < BIAS_END)).all():
        raise FirebrickError(
            f"node {op.name!r} (Conv): its multipliers are too small for a code of zero other than "
            "0; quantise its output symmetrically (zero point 0 of signed codes)"
        )
    return replace(op, bias=bias.astype(np.int32))


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
