"""Quantisation after training: a float graph and some frames become integers.

Weights get one symmetric scale an output channel, activations one scale a tensor, chosen so that
clipping and rounding together make the smallest mean square error over the calibration frames.
What rounding the weights adds on average to each channel is taken off its bias. How weights are
rounded is a choice: see :func:`quantise`. At the end, some of the frames are run once more, to note
what the activations are and how near to the float network's (:mod:`gen.quantise.activations`).

A first layer that pads does so with the code nearest to the mean. That is at most half a code from
what the float network pads with, and touches border pixels only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from threadpoolctl import threadpool_limits

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Part, Progress
from gen.frames.images import with_mirror_images
from gen.ir.check import check
from gen.ir.envelope import in_envelope
from gen.ir.graph import FloatGraph
from gen.ir.labels import choose_labels
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import FloatConv, Op, SharedConv, Tensor
from gen.ir.preprocessing import Normalisation, Preprocessing, default_preprocessing
from gen.ir.widths import WIDEST, Width, check_width
from gen.quantise.activations import FRAMES, measure_activations, spread_out
from gen.quantise.calibrate import observe
from gen.quantise.equalise import equalise
from gen.quantise.fisher import channel_couplings
from gen.quantise.integers import (
    clipped_weights,
    integer_conv,
    levels_of,
    round_weights,
    weight_scale_range,
    weight_scales,
    with_contents,
)
from gen.quantise.kinds import integer_op
from gen.quantise.layer_by_layer import conv_of, frames_in_memory, quantise_in_sequence
from gen.quantise.matching import matched
from gen.quantise.scales import free_scales, scales_as_built

Rounding = Literal["nearest", "gptq", "shared"]
"""What weights are rounded to.

Each to the nearest code, which is right for weights that were trained to be rounded. All of a layer
together, so that errors make up for one another and for those of earlier layers
(:mod:`gen.quantise.layer_by_layer`), which is right for all others; mirror images of the frames
then count as well, since weights must not suit a few hundred frames only. Or by layer the values
that its weights share (:class:`~gen.ir.ops.SharedConv`), which then become its codebook.
"""

OBSERVED = 0.3
"""Part of the time that looking at activations and gradients takes, where that is not all."""
CLIPPED = "clipped"
"""Note of a network that was made like another, where weights had to be cut off for that."""
COUPLED_BITS = 5
"""Up to this width the channels of a layer make up for one another; beyond, errors are too small
to be worth the time."""


def quantise(
    graph: FloatGraph,
    frames: np.ndarray,
    *,
    normalisation: Normalisation,
    weight_bits: int | Width | Mapping[str, int | Width] = 8,
    rounding: Rounding = "nearest",
    labels: tuple[str, ...] | None = None,
    preprocessing: Preprocessing | None = None,
    source: Mapping[str, str] | None = None,
    like: QuantizedNetwork | None = None,
    progress: Progress = SILENT,
) -> QuantizedNetwork:
    """Quantise a float network.

    Parameters
    ----------
    graph : FloatGraph
    frames : uint8 array (N, H, W, C)
        Calibration frames, raw pixels, of the network's input size.
    normalisation : Normalisation
        What the float network expects; folded into the first layer.
    weight_bits : int, Width or mapping
        2 to 8, or a width with a codebook (only if rounded together), for all layers or by layer
        name (8 for layers that are not named).
    rounding : "nearest", "gptq" or "shared"
        Of weights, see :data:`Rounding`.
    labels : tuple of str or None
        Class names; else those in the model's metadata, else numbers.
    preprocessing : Preprocessing or None
    source : mapping or None
        Notes for people, kept with the network.
    like : QuantizedNetwork or None
        What an updatable board is built for. Then the network becomes one that this board can be
        given: all but weights, biases, multipliers and scales is that one's, ``weight_bits`` too.
    progress : Progress
        Told how much is done.

    Raises
    ------
    FirebrickError
        If frames, normalisation, widths, rounding or labels do not fit the network, or its scales
        are too far apart to requantise; or if it does not fit what ``like`` is built for.
    """
    _check_frames(graph, frames)
    graph = graph.fold_input(normalisation)
    if like is not None:
        graph, weight_bits = _matched(graph, like, rounding)
    widths = _widths(graph, weight_bits, rounding)
    # BLAS adds up in another order on another number of cores, which changes codes.
    with threadpool_limits(1):
        coded = {name for name, width in widths.items() if width.levels is not None}
        graph = equalise(graph, frames, coded)
        tensors, ops = _integers(graph, frames, widths, rounding, like, progress)
        network = QuantizedNetwork(
            name=graph.name,
            ops=ops,
            tensors=tensors,
            labels=labels or choose_labels(graph.classes, graph.metadata),
            preprocessing=preprocessing or default_preprocessing(*graph.input_shape),
            source={"quantised": _frames_told(graph, len(frames), rounding), **(source or {})},
        )
        if like is not None:
            network = _fitted(graph, network, like)
        check(network)
        measured = measure_activations(network, spread_out(frames, FRAMES), graph)
    return replace(network, activations=measured)


def _check_frames(graph: FloatGraph, frames: np.ndarray) -> None:
    """Refuse calibration frames that are not of the network's input, or none."""
    if frames.ndim != 4 or frames.shape[1:] != graph.input_shape or not len(frames):
        raise FirebrickError(
            f"calibration frames of shape {frames.shape} for a network of input {graph.input_shape}"
        )


def _matched(
    graph: FloatGraph, like: QuantizedNetwork, rounding: Rounding
) -> tuple[FloatGraph, dict[str, int | Width]]:
    """A graph with the names of another network's layers, and the widths of these."""
    if rounding == "shared":
        raise FirebrickError("weights that stay shared do not fit hardware without codebooks")
    return matched(graph, like), {op.name: op.weight_bits for op in like.convs}


def _fitted(
    graph: FloatGraph, network: QuantizedNetwork, like: QuantizedNetwork
) -> QuantizedNetwork:
    """The network as the board holds it, with a note of what that took."""
    network = in_envelope(like, network)
    return replace(network, source=network.source | _fit_told(graph, network))


def _fit_told(graph: FloatGraph, network: QuantizedNetwork) -> dict[str, str]:
    """What it took to make a network like another one, for people."""
    clipped = {
        op.name: clipped_weights(op, made)
        for op, made in zip(graph.convs, network.convs, strict=True)
    }
    count = sum(int(found.sum()) for found in clipped.values())
    if not count:
        return {}
    channels = sum(np.count_nonzero(found) for found in clipped.values())
    worst = max(clipped, key=lambda name: int(clipped[name].sum()))
    return {
        CLIPPED: f"{count} weights of {channels} channels, most in {worst}, whose scales need "
        "larger multipliers than the board's shifts leave"
    }


def _frames_told(graph: FloatGraph, count: int, rounding: Rounding) -> str:
    """How many frames were looked at, for people."""
    rounded = frames_in_memory(graph, count) if rounding == "gptq" else count
    fewer = f", {rounded} of them for rounding weights" if rounded < count else ""
    return f"after training, on {count} frames{fewer}"


def _integers(
    graph: FloatGraph,
    frames: np.ndarray,
    widths: dict[str, Width],
    rounding: Rounding,
    like: QuantizedNetwork | None,
    progress: Progress,
) -> tuple[dict[str, Tensor], tuple[Op, ...]]:
    """Every tensor with its scale, and all ops."""
    observed = OBSERVED / 2 if rounding == "gptq" else 1.0
    statistics = observe(graph, frames, progress=Part(progress, 0.0, observed))
    if like is None:
        tensors = free_scales(graph, statistics)
    else:
        tensors = scales_as_built(graph, statistics, like)
    if rounding == "gptq":
        return tensors, _together(graph, frames, tensors, widths, like, progress)
    shared = rounding == "shared"
    return tensors, _to_nearest(graph, tensors, statistics.means, widths, shared, like)


def _together(
    graph: FloatGraph,
    frames: np.ndarray,
    tensors: dict[str, Tensor],
    widths: dict[str, Width],
    like: QuantizedNetwork | None,
    progress: Progress,
) -> tuple[Op, ...]:
    """The ops, each rounded on what those before it really give."""
    narrow = {name for name, width in widths.items() if width.bits <= COUPLED_BITS}
    looking = Part(progress, OBSERVED / 2, OBSERVED)
    couplings = channel_couplings(graph, frames, narrow, progress=looking)
    rest = Part(progress, OBSERVED, 1.0)
    count = frames_in_memory(graph, len(frames))
    both = with_mirror_images(spread_out(frames, count))
    return quantise_in_sequence(graph, both, tensors, widths, couplings, build=like, progress=rest)


def _widths(
    graph: FloatGraph, weight_bits: int | Width | Mapping[str, int | Width], rounding: Rounding
) -> dict[str, Width]:
    names = [op.name for op in graph.convs]
    if isinstance(weight_bits, int | Width):
        widths = dict.fromkeys(names, Width.of(weight_bits))
    else:
        unknown = sorted(weight_bits.keys() - set(names))
        if unknown:
            raise FirebrickError(f"weight bits for unknown layers: {', '.join(unknown)}")
        widths = {name: Width.of(weight_bits.get(name, WIDEST)) for name in names}
    for name, width in widths.items():
        check_width(width, name)
        if width.levels is not None and rounding != "gptq":
            raise FirebrickError(f"{name}: a codebook for weights that are rounded {rounding!r}")
    return widths


def _to_nearest(
    graph: FloatGraph,
    tensors: Mapping[str, Tensor],
    means: Mapping[str, np.ndarray],
    widths: Mapping[str, Width],
    shared: bool,
    like: QuantizedNetwork | None,
) -> tuple[Op, ...]:
    """All ops in integers, every weight rounded to the nearest code on its own.

    With ``shared`` it is the shared values that are rounded, not the weights, to one scale a layer.
    """
    ops: list[Op] = []
    for op in graph.ops:
        if not isinstance(op, FloatConv):
            ops.append(integer_op(op, tensors) if like is None else like.op(op.name))
            continue
        bits, build = widths[op.name].bits, conv_of(like, op.name)
        x, y = tensors[op.inputs[0]], tensors[op.name]
        floor, top = weight_scale_range(op, build, tensors)
        if shared:
            codes, scale = _shared_codes(op, bits, floor)
        else:
            weights = op.weights.astype(np.float64)
            scale = weight_scales(weights, bits, floor, top)
            codes = round_weights(weights, scale, bits)
        rounded = codes * scale[:, None, None, None]
        mean = means[x.name]
        seen = mean if op.groups == 1 else mean[:, None, None, None]
        bias = op.bias - ((rounded - op.weights) * seen).sum(axis=(1, 2, 3))
        if build is not None:
            bias -= rounded.sum(axis=(1, 2, 3)) * x.zero * x.scale
            ops.append(with_contents(build, codes, scale, bias, x, y))
        else:
            codebook = levels_of(codes) if shared else None
            ops.append(integer_conv(op, codes, scale, bias, bits, tensors, codebook))
    return tuple(ops)


def _shared_codes(op: FloatConv, bits: int, floor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Integers that a layer's shared values become, shaped as its weights, and scale (Cout,)."""
    if not isinstance(op, SharedConv):
        raise FirebrickError(f"{op.name}: its weights are not shared, so there are none to keep")
    used = np.bincount(op.codes.reshape(-1), minlength=len(op.values)) > 0
    values = np.where(used, op.values, 0).astype(np.float64)[None, None, None]
    scale = weight_scales(values, bits, floor.max(keepdims=True))
    levels = round_weights(values, scale, bits).reshape(-1)
    return levels[op.codes], np.repeat(scale, len(op.codes))
