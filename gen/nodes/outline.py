"""Whether there is hardware for a float network, told before it is quantised."""

from __future__ import annotations

import numpy as np

from gen.ir.graph import FloatAdd, FloatAveragePool, FloatConv, FloatGraph, FloatOp
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Add, AveragePool, Conv, Op, Tensor
from gen.ir.preprocessing import default_preprocessing
from gen.nodes.graph import Graph


def check_hardware(graph: FloatGraph) -> None:
    """Check that there is hardware for a float network, once it is quantised.

    Raises
    ------
    FirebrickError
        As :meth:`gen.nodes.graph.Graph.of` does.
    """
    shapes = graph.shapes()
    height, width, _ = graph.input_shape
    outline = QuantizedNetwork(
        name=graph.name,
        ops=tuple(map(_outline, graph.ops)),
        tensors={name: Tensor(name, shape, scale=1.0) for name, shape in shapes.items()},
        labels=(),
        preprocessing=default_preprocessing(height, width),
    )
    Graph.of(outline)


def _outline(op: FloatOp) -> Op:
    """The quantised op, as far as it is known before its integers are."""
    if isinstance(op, FloatAdd):
        return Add(op.name, op.inputs, multiplier=(1, 1), shift=1, low=0, high=255)
    if isinstance(op, FloatAveragePool):
        return AveragePool(op.name, op.inputs, op.kernel, op.stride, 1, 1, 0, 255, op.pad)
    if not isinstance(op, FloatConv):
        return op
    channels = np.ones(op.weights.shape[0])
    return Conv(
        name=op.name,
        inputs=op.inputs,
        weights=np.zeros(op.weights.shape, np.int8),
        weight_bits=8,
        weight_scale=channels,
        bias=channels.astype(np.int32),
        multiplier=channels.astype(np.uint16),
        shift=1,
        low=0,
        high=255,
        stride=op.stride,
        pad=op.pad,
        groups=op.groups,
    )
