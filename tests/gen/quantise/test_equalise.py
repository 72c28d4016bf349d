from dataclasses import replace

import numpy as np
import pytest

from gen.formats.onnx_float import import_float
from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatConv, GlobalSum
from gen.quantise.calibrate import float_logits, run_float
from gen.quantise.equalise import MOST, equalise
from gen.quantise.hessian import MomentSums
from tests.gen.onnx_models import frames, squeezenet


@pytest.mark.parametrize("bypass", [False, True])
def test_the_function_stays_as_it_is(bypass):
    graph = import_float(squeezenet(bypass=bypass), "test")
    pictures = frames(6)
    convs = {op.name for op in graph.ops if isinstance(op, FloatConv)}
    other = equalise(graph, pictures, convs)
    wanted = float_logits(graph, pictures)
    np.testing.assert_allclose(float_logits(other, pictures), wanted, rtol=1e-4, atol=1e-4)
    before, after = ({op.name: y for op, y in run_float(g, pictures)} for g in (graph, other))
    added = {name for op in graph.ops if type(op).__name__ == "FloatAdd" for name in op.inputs}
    assert bool(added) == bypass
    changed = {name for name, y in before.items() if not np.allclose(y, after[name], rtol=1e-3)}
    assert not changed & added
    assert changed >= {op.name for op in graph.ops if "squeeze" in op.name}


def test_a_tensor_that_another_layer_reads_too_stays():
    graph = import_float(squeezenet(bypass=False), "test")
    convs = {op.name for op in graph.ops if isinstance(op, FloatConv)}
    pictures = frames(2)
    other = equalise(graph, pictures, convs - {"fire2_expand1x1"})
    before, after = ({op.name: y for op, y in run_float(g, pictures)} for g in (graph, other))
    np.testing.assert_allclose(after["fire2_squeeze"], before["fire2_squeeze"], rtol=1e-4)
    assert not np.allclose(after["fire3_squeeze"], before["fire3_squeeze"], rtol=1e-3)
    assert equalise(graph, pictures, set()) is graph


def two_layers(rng) -> FloatGraph:
    """Four channels between two pointwise layers, of different sizes and differently used."""
    first = FloatConv(
        "first", ("input",), np.zeros((4, 1, 1, 3), np.float32), np.full(4, 9.0, np.float32)
    )
    first.weights[:3, 0, 0] = np.eye(3)
    first.weights[3, 0, 0] = (0, 0, 0.5)
    second = replace(
        first,
        name="second",
        inputs=("first",),
        weights=(rng.normal(0, 1, (64, 1, 1, 4)) * (1, 1.5, 2, 1)).astype(np.float32),
        bias=np.zeros(64, np.float32),
    )
    return FloatGraph("two", (1, 1, 3), (first, second, GlobalSum("sums", ("second",))))


def test_factors_lessen_the_error_of_rounding():
    rng = np.random.default_rng(1)
    graph = two_layers(rng)
    pixels = np.stack(
        [rng.integers(0, top, (4000, 1, 1)) for top in (256, 256, 60)], axis=3
    ).astype(np.uint8)

    def error(graph: FloatGraph) -> float:
        """Mean square error at the output of weights with a random error of their row's size."""
        first, second, _ = graph.ops
        assert isinstance(first, FloatConv)
        assert isinstance(second, FloatConv)
        outputs = pixels.reshape(-1, 3) @ first.weights[:, 0, 0].T
        rows = np.sqrt((second.weights**2).mean(axis=3, keepdims=True))
        off = rng.normal(0, 0.1, second.weights.shape) * rows
        return float((((outputs - outputs.mean(0)) @ off[:, 0, 0].T) ** 2).mean())

    assert error(equalise(graph, pixels, {"second"})) < 0.95 * error(graph)


def test_factors_have_a_limit_and_channels_of_nothing_none():
    rng = np.random.default_rng(2)
    graph = two_layers(rng)
    first, second, _ = graph.ops
    first.weights[0] *= 1e4
    first.weights[1] = 0
    second.weights[..., 2] = 0
    other = equalise(graph, rng.integers(0, 256, (100, 1, 1, 3), dtype=np.uint8), {"second"}).ops[0]
    kept = first.weights.any(axis=(1, 2, 3))
    factors = first.weights[kept].sum(axis=(1, 2, 3)) / other.weights[kept].sum(axis=(1, 2, 3))
    assert np.isfinite(other.weights).all()
    assert factors.max() == pytest.approx(MOST)
    assert factors[1] == 1  # the third channel, which nobody reads


def test_free_variance_is_what_the_others_leave():
    rng = np.random.default_rng(3)
    pixels = rng.normal(0, (1, 2, 3), (5000, 3)).astype(np.float32)
    pixels[:, 2] += 2 * pixels[:, 0]
    sums = MomentSums(3, 0)
    for part in np.split(pixels, 5):
        sums.add(part, part[:, :0])
    others = np.column_stack([pixels[:, :2], np.ones(5000)])
    left = np.linalg.lstsq(others, pixels[:, 2], rcond=None)[1][0] / 5000
    assert sums.free_variances()[2] == pytest.approx(left, rel=0.05)  # damped by 1 % of the mean
