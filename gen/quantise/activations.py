"""What the integers make of some frames, and how near that is to the float network's values."""

from __future__ import annotations

import numpy as np

from gen.ir.activations import DIGITS, Activations, decibels
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Tensor
from gen.quantise.calibrate import run_float
from gen.quantise.kinds import integer_layer
from gen.quantise.layers import batches

FRAMES = 8
"""Frames of a calibration set that are enough: each has many pixels."""


def spread_out(frames: np.ndarray, count: int) -> np.ndarray:
    """At most so many of the frames, at even distances."""
    count = min(count, len(frames))
    return frames[np.arange(count) * len(frames) // count]


def measure_activations(
    network: QuantizedNetwork, frames: np.ndarray, graph: FloatGraph | None = None
) -> Activations:
    """What a network's tensors hold for some frames.

    Parameters
    ----------
    network : QuantizedNetwork
    frames : uint8 array (N, H, W, C)
        One at least.
    graph : FloatGraph or None
        What it was quantised from, on the same pixels and with the same sizes of its channels, if
        that is known.
    """
    counts = {name: np.zeros(1 << t.bits, np.int64) for name, t in _coded(network).items()}
    squares = {op.name: np.zeros(2) for op in graph.ops} if graph is not None else {}
    for batch in batches(len(frames), frames.shape[1:]):
        codes = run_integers(network, frames[batch])
        for name, tensor in _coded(network).items():
            counts[name] += _counted(codes[name], tensor)
        if graph is not None:
            for op, real in run_float(graph, frames[batch]):
                squares[op.name] += signal_and_noise(network.tensors[op.name], codes[op.name], real)
    ratios = {name: decibels(*map(float, pair)) for name, pair in squares.items()}
    return Activations(
        len(frames),
        {name: tuple(map(int, row)) for name, row in counts.items()},
        {name: round(ratio, DIGITS) for name, ratio in ratios.items() if ratio is not None},
    )


def run_integers(network: QuantizedNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """All tensors of a network, by name: codes, and of the class sums int64."""
    codes = {INPUT: frames}
    for op in network.ops[:-1]:
        x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
        codes[op.name] = integer_layer(op, [codes[name] for name in op.inputs], x, y)
    last = network.ops[-1]
    codes[last.name] = codes[last.inputs[0]].sum(axis=(1, 2), keepdims=True, dtype=np.int64)
    return codes


def signal_and_noise(tensor: Tensor, codes: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Sums of squares of real values, and of what codes differ from them.

    Parameters
    ----------
    tensor : Tensor
    codes : array of integers
    real : float array of the same shape
        The float network's.
    """
    got = (codes.astype(np.int64) - tensor.zero) * tensor.scale
    signal = np.square(real, dtype=np.float64).sum()
    return float(signal), float(np.square(got - real).sum())


def _coded(network: QuantizedNetwork) -> dict[str, Tensor]:
    """Tensors that hold codes: all but the class sums."""
    sums = network.output.name
    return {name: tensor for name, tensor in network.tensors.items() if name != sums}


def _counted(codes: np.ndarray, tensor: Tensor) -> np.ndarray:
    """How often each code occurs, the lowest first."""
    bytes_ = codes.reshape(-1).view(np.uint8) ^ np.uint8(0x80 if tensor.signed else 0)
    return np.bincount(bytes_, minlength=256)
