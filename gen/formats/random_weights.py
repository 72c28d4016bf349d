"""Weights for networks that have none, for what depends on their shape alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatConv, FloatOp


def with_random_weights(outline: FloatGraph, seed: int) -> FloatGraph:
    """A network with weights after He et al., from a generator of that seed, and biases of 0.

    So activations are about as large everywhere. The weights of ``outline`` may be zeros that take
    no memory, see :func:`blank`.
    """
    rng = np.random.default_rng(seed)

    def drawn(op: FloatOp) -> FloatOp:
        if not isinstance(op, FloatConv):
            return op
        gain = 2 if op.relu else 1  # a ReLU halves the power of what is symmetric
        spread = np.float32(np.sqrt(gain / op.weights[0].size))
        weights = spread * rng.standard_normal(op.weights.shape, np.float32)
        return replace(op, weights=weights, bias=np.array(op.bias))

    return replace(outline, ops=tuple(map(drawn, outline.ops)))


def blank(
    name: str, x: str, shape: tuple[int, int, int, int], *, stride: int = 1, pad: int = 0
) -> FloatConv:
    """A convolution with a ReLU, whose weights are zeros that take no memory.

    Parameters
    ----------
    name, x : str
        Of the layer and of the tensor that it reads.
    shape : tuple of int
        Of the weights.
    stride, pad : int
    """
    zero = np.zeros((), np.float32)
    weights, bias = np.broadcast_to(zero, shape), np.broadcast_to(zero, shape[:1])
    return FloatConv(name, (x,), weights, bias, stride, (pad,) * 4, relu=True)
