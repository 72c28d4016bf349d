"""Quantising layer by layer, each on what the layers before it really give.

The float network and the integers made so far run side by side over the calibration frames. Each
convolution gets the weights and the bias that bring its outputs, for the integers that will reach
it, closest to the float network's outputs; only then are they rounded. So a layer makes up for
the errors of those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from gen.common.progress import SILENT, Progress
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Conv, FloatConv, Op, Tensor
from gen.ir.widths import Width
from gen.quantise.codebook import round_to_levels
from gen.quantise.gptq import largest_code, round_by_gptq
from gen.quantise.hessian import LayerMoments, MomentSums
from gen.quantise.integers import (
    WEAKEST,
    border_codes,
    integer_conv,
    weight_scale_range,
    with_contents,
)
from gen.quantise.kinds import float_layer, integer_layer, integer_op
from gen.quantise.layers import batches, before_relu, by_group, clamped, patches
from gen.quantise.rate import Step, bits_for, round_to_step

MEMORY = 3 << 30
"""Most bytes that activations may take; fewer frames are used if they would take more."""

THREADS = 2
"""How many work on batches at once. Always as many: sums are rounded as they are added up."""


def frames_in_memory(graph: FloatGraph, count: int) -> int:
    """How many of ``count`` frames, one at least, fit :data:`MEMORY` with their mirror images."""
    return max(1, min(count, MEMORY // (2 * _frame_bytes(graph))))


def quantise_in_sequence(
    graph: FloatGraph,
    frames: np.ndarray,
    tensors: Mapping[str, Tensor],
    widths: Mapping[str, Width],
    couplings: Mapping[str, np.ndarray],
    *,
    build: QuantizedNetwork | None = None,
    progress: Progress = SILENT,
) -> tuple[Op, ...]:
    """All ops in integers.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    frames : uint8 array (N, H, W, C)
        Twice :func:`frames_in_memory`, at most.
    tensors : mapping
        Every tensor with its scale.
    widths : mapping
        By convolution.
    couplings : mapping
        Of the channels' errors, float64 (Cout, Cout), for any convolutions; see
        :mod:`gen.quantise.fisher`.
    build : QuantizedNetwork or None
        Whose ops they are to be, with other contents.
    progress : Progress
        Told multiply-accumulates done and in all, of a frame.

    Raises
    ------
    FirebrickError
        If scales are too far apart to requantise.
    """
    real, codes = {INPUT: frames}, {INPUT: frames}
    last = {name: i for i, op in enumerate(graph.ops) for name in op.inputs}
    work = _work(graph)
    ops: list[Op] = []
    for i, op in enumerate(graph.ops[:-1]):
        if isinstance(op, FloatConv):
            x, like = tensors[op.inputs[0]], conv_of(build, op.name)
            border = border_codes(op, x) if like is None else like.pad_code
            moments, real[op.name] = _measure(op, real[x.name], codes[x.name], x, border)
            coupling = couplings.get(op.name)
            ops.append(_convolution(op, moments, widths[op.name], coupling, tensors, like))
        else:
            real[op.name] = _run(partial(float_layer, op), [real[name] for name in op.inputs])
            ops.append(integer_op(op, tensors) if build is None else build.op(op.name))
        layer = partial(integer_layer, ops[-1], x=tensors[op.inputs[0]], y=tensors[op.name])
        codes[op.name] = _run(layer, [codes[name] for name in op.inputs])
        for name in set(op.inputs):
            if last[name] == i:
                del real[name], codes[name]
        progress.advance(sum(work[: i + 1]), sum(work))
    return (*ops, integer_op(graph.ops[-1], tensors))


def conv_of(build: QuantizedNetwork | None, name: str) -> Conv | None:
    """A convolution of a build, if there is a build."""
    op = None if build is None else build.op(name)
    return op if isinstance(op, Conv) else None


def _frame_bytes(graph: FloatGraph) -> int:
    """Bytes a frame of what is live at the fullest moment: float32 and codes side by side."""
    sizes = {name: 5 * int(np.prod(shape)) for name, shape in graph.shapes().items()}
    sizes[INPUT] = 2 * int(np.prod(graph.input_shape))
    last = {name: i for i, op in enumerate(graph.ops) for name in op.inputs}
    live, most = {INPUT}, 0
    for i, op in enumerate(graph.ops):
        live.add(op.name)
        most = max(most, sum(sizes[name] for name in live))
        live -= {name for name in live if last.get(name, len(graph.ops)) <= i}
    return most


def _work(graph: FloatGraph) -> list[int]:
    shapes = graph.shapes()
    return [
        op.weights.size * shapes[op.name][0] * shapes[op.name][1]
        if isinstance(op, FloatConv)
        else 0
        for op in graph.ops
    ]


def _run(layer: Callable[[list[np.ndarray]], np.ndarray], inputs: list[np.ndarray]) -> np.ndarray:
    """What a layer gives for all frames."""
    return _fill(lambda thread, batch: layer([x[batch] for x in inputs]), inputs[0])


def _measure(
    op: FloatConv, real: np.ndarray, codes: np.ndarray, x: Tensor, border: Sequence[int]
) -> tuple[LayerMoments, np.ndarray]:
    """Moments of the codes that reach a convolution, and what it gives in the float network."""
    weights = op.weights.reshape(len(op.weights), -1).astype(np.float64)
    mean = codes[0].mean(axis=(0, 1), dtype=np.float32)
    taps = op.weights.shape[1] * op.weights.shape[2]
    origin = np.tile(mean, taps) if op.groups == 1 else np.repeat(mean[:, None], taps, axis=1)
    outputs = len(weights) // op.groups
    sums = [MomentSums(weights.shape[1], outputs, origin, op.groups) for _ in range(THREADS)]

    def measured(thread: int, batch: slice) -> np.ndarray:
        wanted = before_relu(op, real[batch])
        windows = patches(op, codes[batch], border).astype(np.float32)
        flat = wanted.reshape(-1, len(weights))
        sums[thread].add(by_group(op, windows), flat.T[..., None] if op.groups > 1 else flat)
        return clamped(op, wanted)

    given = _fill(measured, codes)
    for other in sums[1:]:
        sums[0].merge(other)
    return sums[0].layer_moments(weights, x.scale), given


def _fill(outputs: Callable[[int, slice], np.ndarray], frames: np.ndarray) -> np.ndarray:
    """Outputs for all ``frames``, made batch by batch in threads.

    ``outputs`` gets the number of the thread and the batch. Which thread has which batch depends
    on nothing but the number of frames.
    """
    parts = list(batches(len(frames), frames.shape[1:]))
    first = outputs(0, parts[0])
    whole = np.empty((len(frames), *first.shape[1:]), first.dtype)
    whole[parts[0]] = first

    def fill(thread: int) -> None:
        for batch in parts[1 + thread :: THREADS]:
            whole[batch] = outputs(thread, batch)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(fill, range(THREADS)))
    return whole


def _convolution(
    op: FloatConv,
    moments: LayerMoments,
    width: Width,
    coupling: np.ndarray | None,
    tensors: Mapping[str, Tensor],
    build: Conv | None,
) -> Conv:
    weights = moments.best_weights(op.weights.reshape(len(op.weights), -1).astype(np.float64))
    weakest = np.abs(weights).max() / largest_code(width.operand) * WEAKEST
    least, top = weight_scale_range(op, build, tensors)
    floor = np.minimum(np.maximum(least, weakest or 1.0), top)
    operand, hessian = width.operand, moments.hessian
    if isinstance(width, Step):
        codes, scale = round_to_step(weights, hessian, width, floor)
        operand, codebook = bits_for(codes), None
    elif width.levels is None:
        codes, scale = round_by_gptq(weights, hessian, width.bits, floor, coupling, top)
        codebook = None
    else:
        codes, scale, codebook = round_to_levels(
            weights, hessian, width.bits, width.levels, floor, coupling
        )
    bias = moments.best_bias(codes * scale[:, None])
    codes = codes.reshape(op.weights.shape)
    if build is not None:
        return with_contents(build, codes, scale, bias, tensors[op.inputs[0]], tensors[op.name])
    return integer_conv(op, codes, scale, bias, operand, tensors, codebook)
