"""ONNX networks put together by hand, imported, and held against ONNX Runtime."""

from __future__ import annotations

import numpy as np

from gen.formats.onnx_float import import_float
from gen.ir.graph import FloatGraph
from gen.ir.ops import GlobalSum
from gen.quantise.calibrate import float_logits
from sim import reference
from tests.graphs import NORMALISATION, Net, pictures

SIZE = (12, 10)


def net() -> Net:
    return Net(SIZE, seed=3)


def constant(made: Net, name: str, *values: int) -> str:
    return made.constant(name, np.array(values, np.int64))


def compare(made: Net, y: str, *, softmax: bool = False, last: bool = False) -> FloatGraph:
    """Import what gives ``y``, and hold it against the runtime; ``last``: colours come last."""
    shape = (1, *SIZE, 3) if last else (1, 3, *SIZE)
    model = made.model(y, shape=shape)
    graph = import_float(model, "test")
    frames = pictures(SIZE, 5)
    expected = reference.logits(reference.session(model), frames, NORMALISATION)
    got = float_logits(graph.fold_input(NORMALISATION), frames)
    if softmax:
        got = np.exp(got) / np.exp(got).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    assert isinstance(graph.ops[-1], GlobalSum)
    assert not any(isinstance(op, GlobalSum) for op in graph.ops[:-1])
    return graph


def body(made: Net, stride: int = 2) -> str:
    return made.layer("data", "conv1", 3, 6, 3, stride=stride)


def flatten(made: Net, x: str) -> str:
    return made.node("Flatten", [x], "flat")
