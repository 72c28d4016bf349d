"""Channels brought to sizes at which rounding the weights that read them does least harm.

A channel that is made smaller by a factor, and its weights in the next layers larger by it, leaves
the network's function as it is, since convolutions, ReLU, max pooling and concatenation all pass a
positive factor on (M. Nagel et al., "Data-free quantization through weight equalization and bias
correction", 2019). But the weights of a layer share their codebook, and an error in a weight costs
as much as its input varies. Errors follow the size of all the weights, so that they come to about

    sum of s² r² over the channels, times sum of h / s² over the channels,

with r² the mean square of the channel's weights, h the variance of the channel that others do not
explain, and s the factor. It is least with s² = sqrt(h / r²).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatConv, FloatOp
from gen.quantise.calibrate import run_float
from gen.quantise.hessian import MomentSums
from gen.quantise.layers import batches

MOST = 2.0
"""Largest factor: activations have 8 bits for channels of all sizes."""
FRAMES = 64
"""Calibration frames that are looked at, at most."""


def equalise(graph: FloatGraph, frames: np.ndarray, names: Collection[str]) -> FloatGraph:
    """The same function with other sizes of the channels that some convolutions read.

    Channels that a depthwise layer, an addition or any other layer reads as well stay as they are,
    and so do those below a ceiling.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    frames : uint8 array (N, H, W, C)
    names : collection of str
        Of the convolutions.
    """
    makers = {op.name: op for op in graph.ops}
    readers: dict[str, list[FloatOp]] = {}
    for op in graph.ops:
        for name in op.inputs:
            readers.setdefault(name, []).append(op)
    sources = {}
    for name, taking in readers.items():
        found = _sources(name, makers, readers)
        if found is not None and all(_weighs(op, names) for op in taking):
            sources[name] = found
    if not sources:
        return graph
    free = _free_variances(graph, frames[:FRAMES], sources)
    factors = {name: _factors(readers[name], free[name]) for name in sources}
    gains = {
        conv: factors[name][start:stop]
        for name, parts in sources.items()
        for conv, start, stop in parts
    }
    return replace(graph, ops=tuple(_scaled(op, factors, gains) for op in graph.ops))


def _weighs(op: FloatOp, names: Collection[str]) -> bool:
    """Whether an op is a convolution of ``names`` that has a weight for each channel it reads."""
    return isinstance(op, FloatConv) and op.groups == 1 and op.name in names


def _sources(
    name: str, makers: dict[str, FloatOp], readers: dict[str, list[FloatOp]]
) -> list[tuple[str, int, int]] | None:
    """Convolutions whose outputs are a tensor's channels, each with its first and last of them.

    None if something else takes part.
    """
    op = makers.get(name)
    if isinstance(op, FloatConv) and op.ceiling is None:
        return [(name, 0, len(op.weights))]
    if op is None or not op.passes or any(len(readers[x]) > 1 for x in op.inputs):
        return None
    parts, start = [], 0
    for x in op.inputs:
        own = _sources(x, makers, readers)
        if own is None:
            return None
        parts += [(conv, start + first, start + last) for conv, first, last in own]
        start = parts[-1][2]
    return parts


def _free_variances(
    graph: FloatGraph, frames: np.ndarray, names: Iterable[str]
) -> dict[str, np.ndarray]:
    """Of tensors' channels, the variance (C,) that the other channels of a pixel do not explain."""
    shapes = graph.shapes()
    sums = {name: MomentSums(shapes[name][2], 0) for name in names}
    for batch in batches(len(frames), frames.shape[1:]):
        for op, y in run_float(graph, frames[batch]):
            if op.name in sums:
                pixels = y.reshape(-1, y.shape[3])
                sums[op.name].add(pixels, pixels[:, :0])
    return {name: total.free_variances() for name, total in sums.items()}


def _factors(readers: Iterable[FloatOp], free: np.ndarray) -> np.ndarray:
    """What a tensor's channels (C,) are divided by, and their weights multiplied."""
    square = np.zeros(len(free))
    for op in readers:
        assert isinstance(op, FloatConv)
        weights = op.weights.astype(np.float64) ** 2
        rows = weights.mean(axis=(1, 2, 3), keepdims=True)
        square += (weights / np.where(rows > 0, rows, 1.0)).mean(axis=(0, 1, 2))
    used = square > 0
    factors = np.ones(len(free))
    factors[used] = (free[used] / square[used]) ** 0.25
    factors[used] /= np.exp(np.log(factors[used]).mean())
    return np.clip(factors, 1 / MOST, MOST)


def _scaled(op: FloatOp, factors: dict[str, np.ndarray], gains: dict[str, np.ndarray]) -> FloatOp:
    if not isinstance(op, FloatConv):
        return op
    weights, bias = op.weights, op.bias
    if op.inputs[0] in factors:
        weights = weights * factors[op.inputs[0]]
    if op.name in gains:
        gain = 1 / gains[op.name]
        weights, bias = weights * gain[:, None, None, None], bias * gain
    return replace(op, weights=weights.astype(np.float32), bias=bias.astype(np.float32))
