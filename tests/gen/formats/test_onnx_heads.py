"""Ends of float networks, as exporters write them, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.ir.ops import FloatAveragePool, FloatConv, GlobalSum
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim import golden, reference
from tests.gen.formats.compared import SIZE, body, compare, constant, flatten, net
from tests.graphs import CLASSES, NORMALISATION, Net, pictures

# Fully connected layers


def reshape(made: Net, x: str) -> str:
    return made.node("Reshape", [x, constant(made, "to", 1, -1)], "flat")


def squeeze(made: Net, x: str) -> str:
    return made.node("Squeeze", [x, constant(made, "axes", 2, 3)], "flat")


def channels_last(made: Net, x: str) -> str:
    return flatten(made, made.node("Transpose", [x], "turn", perm=[0, 2, 3, 1]))


@pytest.mark.parametrize("flat", [flatten, reshape, squeeze, channels_last])
@pytest.mark.parametrize("softmax", [False, True])
def test_a_fully_connected_layer_behind_the_average_moves_in_front_of_it(flat, softmax):
    made = net()
    y = made.node("GlobalAveragePool", [body(made)], "average")
    y = made.gemm(flat(made, y), "fc", 6, CLASSES)
    y = made.node("Softmax", [y], "prob", axis=1) if softmax else y
    graph = compare(made, y, softmax=softmax)
    assert [op.name for op in graph.ops] == ["conv1", "fc", "average"]
    moved = graph.ops[1]
    assert isinstance(moved, FloatConv)
    assert moved.weights.shape == (CLASSES, 1, 1, 6)
    assert graph.shapes()["fc"] == (6, 5, CLASSES)


def test_its_bias_is_that_of_every_pixel():
    made = net()
    y = made.node("GlobalAveragePool", [body(made)], "average")
    graph = compare(made, made.gemm(flatten(made, y), "fc", 6, CLASSES))
    given = {t.name: onnx.numpy_helper.to_array(t) for t in made.tensors}
    moved = graph.ops[1]
    assert isinstance(moved, FloatConv)
    np.testing.assert_array_equal(moved.bias, given["fc.bias"])
    network = quantise(graph, pictures(SIZE, 8), normalisation=NORMALISATION)
    frames = pictures(SIZE, 8, seed=9)
    expected = float_logits(graph.fold_input(NORMALISATION), frames)
    got = golden.class_sums(network, frames) * network.output.scale
    assert np.abs(got - expected).max() < 0.02 * np.abs(expected).max()


def mean(made: Net, x: str) -> str:
    return made.node("ReduceMean", [x], "average", axes=[2, 3], keepdims=0)


def mean_of_channels_last(made: Net, x: str) -> str:
    x = made.node("Transpose", [x], "turn", perm=[0, 2, 3, 1])
    return made.node("ReduceMean", [x], "average", axes=[1, 2], keepdims=0)


@pytest.mark.parametrize("average", [mean, mean_of_channels_last])
def test_means_of_either_layout(average):
    made = net()
    graph = compare(made, made.gemm(average(made, body(made)), "fc", 6, CLASSES))
    assert [op.name for op in graph.ops] == ["conv1", "fc", "average"]


def test_a_convolution_behind_the_average_moves_too():
    made = net()
    y = made.node("GlobalAveragePool", [body(made)], "average")
    graph = compare(made, flatten(made, made.layer(y, "fc", 6, CLASSES, act="")))
    assert [op.name for op in graph.ops] == ["conv1", "fc", "average"]


def test_two_linear_layers_behind_the_average_move_both():
    made = net()
    y = flatten(made, made.node("GlobalAveragePool", [body(made)], "average"))
    graph = compare(made, made.gemm(made.gemm(y, "fc1", 6, 4), "fc2", 4, CLASSES))
    assert [op.name for op in graph.ops] == ["conv1", "fc1", "fc2", "average"]


def test_matmul_and_add_and_factors():
    made = net()
    y = flatten(made, made.node("GlobalAveragePool", [body(made)], "average"))
    weight = made.constant("w", made.rng.normal(0, 1, (6, CLASSES)).astype(np.float32))
    bias = made.constant("b", made.rng.normal(0, 1, CLASSES).astype(np.float32))
    y = made.node("Add", [made.node("MatMul", [y, weight], "fc"), bias], "plus")
    graph = compare(made, y)
    assert [op.name for op in graph.ops] == ["conv1", "fc", "average"]
    made = net()
    y = flatten(made, made.node("GlobalAveragePool", [body(made)], "average"))
    made.gemm(y, "fc", 6, CLASSES)
    made.nodes[-1].attribute.extend(
        [helper.make_attribute("alpha", 0.5), helper.make_attribute("beta", 2.0)]
    )
    compare(made, made.nodes[-1].output[0])


@pytest.mark.parametrize("flat", [flatten, reshape, channels_last])
def test_a_flattened_map_takes_a_kernel_of_its_own_size(flat):
    made = net()
    y = made.relu(made.gemm(flat(made, body(made)), "fc1", 6 * 6 * 5, 8), "fc1")
    graph = compare(made, made.gemm(y, "fc2", 8, CLASSES))
    first, second, end = graph.ops[-3:]
    assert isinstance(first, FloatConv)
    assert isinstance(second, FloatConv)
    assert first.weights.shape == (8, 6, 5, 6)
    assert first.relu
    assert second.weights.shape == (CLASSES, 1, 1, 8)
    assert end == GlobalSum("sums", ("fc2",))


def test_matmul_of_every_pixel():
    made = net()
    x = made.node("Transpose", [body(made)], "turn", perm=[0, 2, 3, 1])
    weight = made.constant("w", made.rng.normal(0, 1, (6, CLASSES)).astype(np.float32))
    x = made.node("MatMul", [x, weight], "fc")
    x = made.node("Transpose", [x], "back", perm=[0, 3, 1, 2])
    graph = compare(made, made.average(x))
    assert graph.shapes()["fc"] == (6, 5, CLASSES)


# Averages in the middle


def test_an_average_in_the_middle_is_a_pool():
    made = Net((12, 12), seed=3)
    y = flatten(made, made.node("GlobalAveragePool", [body(made)], "average"))
    y = made.relu(made.gemm(y, "fc1", 6, 8), "fc1")
    model = made.model(made.gemm(y, "fc2", 8, CLASSES), shape=(1, 3, 12, 12))
    graph = import_float(model, "test")
    assert graph.ops[1] == FloatAveragePool("average", ("conv1",), 6, 6)
    frames = pictures((12, 12), 5)
    expected = reference.logits(reference.session(model), frames, NORMALISATION)
    got = float_logits(graph.fold_input(NORMALISATION), frames)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    network = quantise(graph, frames, normalisation=NORMALISATION)
    assert network.tensors["average"].scale < network.tensors["conv1"].scale


def test_a_relu_behind_an_average_is_the_pools():
    made = Net((12, 12), seed=3)
    x = made.layer("data", "conv1", 3, 6, 3, stride=2, act="")
    y = made.relu(made.node("GlobalAveragePool", [x], "average"), "average")
    y = flatten(made, made.layer(y, "fc", 6, CLASSES, act=""))
    graph = import_float(made.model(y, shape=(1, 3, 12, 12)), "test")
    assert graph.ops[1] == FloatAveragePool("average", ("conv1",), 6, 6, relu=True)
    assert graph.ops[-1] == GlobalSum("sums", ("fc",))


def test_an_average_in_the_middle_of_a_map_that_is_not_square_is_refused():
    made = net()
    y = flatten(made, made.node("GlobalAveragePool", [body(made)], "average"))
    y = made.relu(made.gemm(y, "fc1", 6, 8), "fc1")
    with pytest.raises(FirebrickError, match=r"node 'average' .*map of 6x5 in the middle"):
        compare(made, made.gemm(y, "fc2", 8, CLASSES))


def test_ends_that_are_none():
    made = net()
    with pytest.raises(FirebrickError, match="ends in 'conv1', a map of 6x5 pixels"):
        compare(made, body(made))
    made = net()
    x = made.average(body(made))
    prob = made.node("Softmax", [x], "prob", axis=1)
    with pytest.raises(FirebrickError, match=r"'back' \(Gemm\): unsupported behind the prob"):
        compare(made, made.gemm(prob, "back", 6, CLASSES))
    made = net()
    model = made.model(made.average(body(made)), shape=(1, 3, *SIZE))
    model.graph.output.append(helper.make_tensor_value_info("t1_0", 1, None))
    with pytest.raises(FirebrickError, match="there must be one, behind the global average"):
        import_float(model, "test")


@pytest.mark.parametrize(("build", "message"), [
    (lambda m, x: m.gemm(x, "fc", 6, 4), r"'fc' \(Gemm\): its input of shape .* is neither"),
    (lambda m, x: m.gemm(flatten(m, x), "fc", 6, 4),
     r"'fc' \(Gemm\): weights for 6 inputs, but there are 180"),
    (lambda m, x: m.node("MatMul", [flatten(m, x), m.constant("k", np.ones((2, 2, 2), "f4"))],
                         "fc"), r"'fc' \(MatMul\): its weights have shape \[2, 2, 2\]"),
    (lambda m, x: m.node("Gemm", [flatten(m, x), m.constant("k", np.ones((180, 4), "f4"))], "fc",
                         transA=1), r"'fc' \(Gemm\): transA is not supported; transpose"),
    (lambda m, x: m.node("MatMul", [flatten(m, x), flatten(m, x)], "fc"),
     r"'fc' \(MatMul\): its input .* must be a constant"),
])  # fmt: skip
def test_matrices_that_do_not_fit_are_named(build, message):
    made = net()
    with pytest.raises(FirebrickError, match=message):
        compare(made, build(made, body(made)))


def test_what_the_output_does_not_need_is_left_out():
    made = net()
    x = body(made)
    made.layer(x, "unused", 6, 4)
    graph = compare(made, made.classify(x, 6))
    assert [op.name for op in graph.ops] == ["conv1", "conv10", "sums"]
