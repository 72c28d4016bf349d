"""Quantisation after training: a float graph and some frames become integers.

Weights get one symmetric scale an output channel, activations one scale a tensor, chosen so that
clipping and rounding together make the smallest mean square error over the calibration frames.
What rounding the weights adds on average to each channel is taken off its bias.

A first layer that pads does so with the code nearest to the mean. That is at most half a code from
what the float network pads with, and touches border pixels only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from gen.calibrate import Statistics, observe
from gen.classes import choose_labels
from gen.errors import FirebrickError
from gen.fixed_point import fixed_point
from gen.graph import FloatAdd, FloatConv, FloatGraph, FloatOp
from gen.images import Normalisation, default_preprocessing
from gen.network import (
    INPUT,
    Add,
    Concat,
    Conv,
    MaxPool,
    Op,
    Preprocessing,
    QuantizedNetwork,
    Tensor,
    check,
)

CLIPS = np.linspace(0.4, 1.0, 61)
"""Weight clipping ranges to try, as parts of the channel's largest weight."""

WEAKEST = 2.0**-9
"""Smallest weight scale of a channel as a part of the layer's largest: keeps multipliers exact."""

BIAS_LIMIT = 1 << 24


def quantise(
    graph: FloatGraph,
    frames: np.ndarray,
    *,
    normalisation: Normalisation,
    weight_bits: int | Mapping[str, int] = 8,
    labels: tuple[str, ...] | None = None,
    preprocessing: Preprocessing | None = None,
    progress: Callable[[int, int], None] | None = None,
    source: Mapping[str, str] | None = None,
) -> QuantizedNetwork:
    """Quantise a float network.

    Parameters
    ----------
    graph : FloatGraph
    frames : uint8 array (N, H, W, 3)
        Calibration frames, raw RGB, of the network's input size.
    normalisation : Normalisation
        What the float network expects; folded into the first layer.
    weight_bits : int or mapping
        2 to 8, for all layers or by layer name (8 for layers that are not named).
    labels : tuple of str or None
        Class names; else those in the model's metadata, else numbers.
    preprocessing : Preprocessing or None
    progress : callable or None
        Told calibration frames done and frames in all.
    source : mapping or None
        Notes for people, kept with the network.

    Raises
    ------
    FirebrickError
        If frames, widths or labels do not fit the network.
    """
    if frames.ndim != 4 or frames.shape[1:] != graph.input_shape or not len(frames):
        raise FirebrickError(
            f"calibration frames of shape {frames.shape} for a network of input {graph.input_shape}"
        )
    widths = _widths(graph, weight_bits)
    graph = graph.fold_input(normalisation)
    shapes = graph.shapes()
    statistics = observe(graph, frames, progress)
    tensors = _tensors(graph, statistics)
    ops = tuple(_integers(op, tensors, statistics, widths) for op in graph.ops)
    height, width, _ = graph.input_shape
    network = QuantizedNetwork(
        name=graph.name,
        ops=ops,
        tensors=tensors,
        labels=choose_labels(shapes[ops[-1].name][2], graph.metadata, labels),
        preprocessing=preprocessing or default_preprocessing(height, width),
        source={"quantised": f"after training, on {len(frames)} frames", **(source or {})},
    )
    check(network)
    return network


def _widths(graph: FloatGraph, weight_bits: int | Mapping[str, int]) -> dict[str, int]:
    names = [op.name for op in graph.ops if isinstance(op, FloatConv)]
    if isinstance(weight_bits, int):
        widths = dict.fromkeys(names, weight_bits)
    else:
        unknown = sorted(weight_bits.keys() - set(names))
        if unknown:
            raise FirebrickError(f"weight bits for unknown layers: {', '.join(unknown)}")
        widths = {name: weight_bits.get(name, 8) for name in names}
    for name, bits in widths.items():
        if not 2 <= bits <= 8:
            raise FirebrickError(f"{name}: weights of {bits} bits; 2 to 8 are supported")
    return widths


def _tensors(graph: FloatGraph, statistics: Statistics) -> dict[str, Tensor]:
    """Every tensor with its scale; what a pool or a concat joins has one scale together."""
    group = {op.name: op.name for op in graph.ops} | {INPUT: INPUT}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for op in graph.ops:
        if isinstance(op, MaxPool | Concat):
            for name in op.inputs:
                group[root(name)] = root(op.name)
    nonnegative = graph.nonnegative()
    members: dict[str, list[str]] = {}
    for name in statistics.histograms:
        members.setdefault(root(name), []).append(name)
    scales: dict[str, tuple[float, bool]] = {root(INPUT): (1.0, False)}
    for key, names in members.items():
        signed = not all(nonnegative[name] for name in names)
        histogram = statistics.histograms[names[0]]
        for name in names[1:]:
            histogram.merge(statistics.histograms[name])
        scales[key] = (histogram.best_scale(127 if signed else 255), signed)
    shapes = graph.shapes()
    tensors = {}
    for name in (INPUT, *(op.name for op in graph.ops[:-1])):
        scale, signed = scales[root(name)]
        tensors[name] = Tensor(name, shapes[name], scale, signed)
    last = graph.ops[-1]
    height, width, _ = shapes[last.inputs[0]]
    scale = tensors[last.inputs[0]].scale / (height * width)
    tensors[last.name] = Tensor(last.name, shapes[last.name], scale, signed=True, bits=32)
    return tensors


def _integers(
    op: FloatOp, tensors: dict[str, Tensor], statistics: Statistics, widths: dict[str, int]
) -> Op:
    try:
        if isinstance(op, FloatConv):
            return _convolution(op, tensors, statistics, widths[op.name])
        if isinstance(op, FloatAdd):
            y = tensors[op.name]
            factors = np.array([tensors[name].scale / y.scale for name in op.inputs])
            (a, b), shift = fixed_point(factors)
            low = 0 if op.relu else y.low
            return Add(op.name, op.inputs, (int(a), int(b)), shift, low, y.high)
    except ValueError as error:
        raise FirebrickError(f"{op.name}: {error}") from None
    return op


def _convolution(
    op: FloatConv, tensors: dict[str, Tensor], statistics: Statistics, bits: int
) -> Conv:
    x, y = tensors[op.inputs[0]], tensors[op.name]
    weights = op.weights.astype(np.float64)
    floor = np.abs(op.bias) / (x.scale * BIAS_LIMIT)
    scale = weight_scales(weights, bits, floor)
    codes = round_weights(weights, scale, bits)
    error = codes * scale[:, None, None, None] - weights
    bias = op.bias - (error * statistics.means[op.inputs[0]]).sum(axis=(1, 2, 3))
    multiplier, shift = fixed_point(x.scale * scale / y.scale)
    integer_bias = np.floor(bias / (x.scale * scale) + 0.5)
    pad = np.floor(np.array(op.pad_value or np.zeros(x.shape[2])) / x.scale + 0.5)
    return Conv(
        name=op.name,
        inputs=op.inputs,
        weights=codes.astype(np.int8),
        weight_bits=bits,
        weight_scale=scale,
        bias=np.clip(integer_bias, 1 - 2**31, 2**31 - 1).astype(np.int32),
        multiplier=multiplier,
        shift=shift,
        low=0 if op.relu else y.low,
        high=y.high,
        stride=op.stride,
        pad=op.pad,
        pad_code=tuple(int(code) for code in np.clip(pad, x.low, x.high)),
    )


def round_weights(weights: np.ndarray, scale: np.ndarray, bits: int) -> np.ndarray:
    """Codes of weights (Cout, K, K, Cin), to the nearest, symmetric around zero."""
    high = (1 << (bits - 1)) - 1
    codes = np.floor(weights / scale[:, None, None, None] + 0.5)
    return np.clip(codes, -high, high)


def weight_scales(weights: np.ndarray, bits: int, floor: np.ndarray) -> np.ndarray:
    """Scale of each output channel with the smallest mean square error of its codes.

    Parameters
    ----------
    weights : float array (Cout, K, K, Cin)
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
