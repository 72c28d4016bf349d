"""A quantised member of the family to plan with, without photographs.

What a plan depends on are shapes, widths, and how large accumulators and biases can become. Weights
drawn at random decide that as trained ones do, within a bit or so, so nothing has to be computed on
any frame: codes come from the drawn weights, as the quantiser would round them, and activations
are taken to be as large as He et al.'s initialisation makes them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from gen.formats.family import Family
from gen.ir.check import check
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, FloatAdd, FloatConv, FloatOp, Op, Tensor
from gen.ir.preprocessing import ASSUMED, Normalisation, default_preprocessing
from gen.ir.widths import WIDEST, Width, Widths
from gen.quantise.integers import integer_conv, round_weights, weight_scales
from gen.quantise.kinds import integer_op

SAMPLE = (32, 1, 1, 256)
"""Weights that tell the usual scale of narrow ones."""
ACTIVATION_STEP = 1 / 50
"""Real value of a step of an activation whose root mean square is about 1."""
SUM_GROWTH = 1.3
"""How much larger a bypass's sum is than the larger of what it adds."""
BIAS_SPREAD = 1 / 64
"""Root mean square of biases, of which trained SqueezeNets have small ones."""
SUM_BITS = 32


def drawn_network(family: Family, width: Width, seed: int = 0) -> QuantizedNetwork:
    """The member in integers, with weights and biases drawn at random.

    Parameters
    ----------
    family : Family
    width : Width
        Of all weights, but that the first layer keeps 8 bits where others have few.
    seed : int
        Of all that is drawn.

    Raises
    ------
    FirebrickError
        If some layer has nothing left to compute on.
    """
    return drawn_integers(family.graph(seed=seed), width, seed)


def drawn_integers(graph: FloatGraph, width: Width, seed: int = 0) -> QuantizedNetwork:
    """A network of random weights in integers, with biases drawn at random.

    Parameters
    ----------
    graph : FloatGraph
    width : Width
        As for :func:`drawn_network`.
    seed : int
        Of the biases.

    Raises
    ------
    FirebrickError
        If some layer has nothing left to compute on.
    """
    rng = np.random.default_rng(seed)
    graph = graph.fold_input(Normalisation.preset(ASSUMED[graph.input_shape[2]]))
    tensors, widths = _tensors(graph), Widths(width).of(graph)
    ops = tuple(_integer(op, tensors, widths, rng) for op in graph.ops)
    classes = tensors[graph.ops[-1].name].shape[2]
    network = QuantizedNetwork(
        name=graph.name,
        ops=ops,
        tensors=tensors,
        labels=tuple(f"class {index}" for index in range(classes)),
        preprocessing=default_preprocessing(*graph.input_shape),
        source={"quantised": "not at all: drawn to be planned with"},
    )
    check(network)
    return network


def _tensors(graph: FloatGraph) -> dict[str, Tensor]:
    """Every tensor, with a scale that what is joined or pooled shares."""
    shapes, nonnegative = graph.shapes(), graph.nonnegative()
    scales = {INPUT: 1.0}
    for op in graph.ops:
        before = max(scales[name] for name in op.inputs)
        if isinstance(op, FloatAdd):
            scales[op.name] = SUM_GROWTH * before
        else:
            scales[op.name] = before if op.passes else ACTIVATION_STEP
    tensors = {
        name: Tensor(name, shapes[name], scale, signed=not nonnegative[name])
        for name, scale in scales.items()
    }
    last = graph.ops[-1].name
    return tensors | {last: replace(tensors[last], signed=True, bits=SUM_BITS)}


def _integer(
    op: FloatOp, tensors: dict[str, Tensor], widths: dict[str, Width], rng: np.random.Generator
) -> Op:
    if not isinstance(op, FloatConv):
        return integer_op(op, tensors)
    width = widths[op.name]
    codes, scale, codebook = _codes(op.weights.astype(np.float64), width)
    bias = op.bias + BIAS_SPREAD * rng.standard_normal(len(codes))
    return integer_conv(op, codes, scale, bias, width.operand, tensors, codebook)


def _codes(weights: np.ndarray, width: Width) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """What is multiplied (Cout, K, K, Cin), its scales (Cout,), and the codebook, if any."""
    bits, count = width.operand, len(weights)
    if bits == WIDEST:  # the largest weight of each channel has the largest code
        scale = weight_scales(weights, bits, np.zeros(count))
    else:
        scale = np.full(count, np.sqrt(np.square(weights).mean()) * _usual_scale(bits))
    codes = round_weights(weights, scale, bits)
    if width.levels is None:
        return codes, scale, None
    high = (1 << (bits - 1)) - 1
    levels = np.rint(np.linspace(-high, high, 1 << width.bits))
    return levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, codes)], scale, levels


@cache
def _usual_scale(bits: int) -> float:
    """Scale that the quantiser finds for normally distributed weights of variance 1."""
    weights = np.random.default_rng(0).standard_normal(SAMPLE)
    return float(weight_scales(weights, bits, np.zeros(len(weights))).mean())
