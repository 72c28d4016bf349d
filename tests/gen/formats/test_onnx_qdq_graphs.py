"""Quantised files of more than Fire modules, against ONNX Runtime node by node as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_qdq import import_qdq
from gen.ir.ops import Add, AveragePool, Conv, GlobalSum
from tests.gen.formats.qdq_nets import QdqNet, clip, compare
from tests.gen.onnx_models import CLASSES


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("turned", [False, True])
def test_fully_connected_layers(axis, turned):
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 4, 3, strides=[2, 2])
    if turned:
        x = net.pass_on("Transpose", x, "turn", perm=[0, 2, 3, 1])
    y = net.net.relu(net.weighed(net.flat(x), "fc1", 144, 8, axis=axis), "fc1")
    y = net.settle(net.weighed(net.settle(y, "fc1"), "fc2", 8, CLASSES), "fc2", signed=True)
    network = compare(net, y)
    assert [op.name for op in network.ops] == ["conv1", "fc1", "fc2", "sums"]
    first = network.op("fc1")
    assert isinstance(first, Conv)
    assert (first.weights.shape, first.low) == ((8, 6, 6, 4), 0)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_matrix_product_without_a_bias(axis):
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 4, 3, strides=[2, 2])
    y = net.settle(net.weighed(net.flat(x), "fc", 144, CLASSES, axis=axis, bias=False), "fc",
                   signed=True)  # fmt: skip
    assert not compare(net, y).convs[-1].bias.any()


def test_a_global_average_in_the_middle_has_the_scale_behind_it():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    x = net.settle(net.net.node("GlobalAveragePool", [x], "average"), "average")
    y = net.settle(net.weighed(net.flat(x), "fc", 6, CLASSES), "fc", signed=True)
    network = compare(net, y)
    assert [type(op) for op in network.ops] == [Conv, AveragePool, Conv, GlobalSum]
    pool = network.op("average")
    assert isinstance(pool, AveragePool)
    assert (pool.kernel, pool.stride, pool.pad) == (6, 6, (0, 0, 0, 0))
    assert network.tensors["average"].scale == pytest.approx(net.units[x])
    probabilities = net.settle(net.net.node("Softmax", [y], "prob", axis=1), "end", scale=1 / 256)
    assert net.imported(probabilities).digest == network.digest


def test_a_global_average_in_the_middle_that_is_not_quantised_is_refused():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    x = net.pass_on("GlobalAveragePool", x, "average")
    y = net.weighed(net.flat(x), "fc", 6, CLASSES)
    with pytest.raises(FirebrickError, match=r"'average' \(GlobalSum\): its output is never"):
        net.imported(y)


@pytest.mark.parametrize("kind", ["AveragePool", "MaxPool"])
def test_pools_that_pad(kind):
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    window: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [1, 1], "pads": [1] * 4}
    if kind == "AveragePool":
        window["count_include_pad"] = 1
    y = net.net.node(kind, [x], "pool", **window)
    y = net.settle(y, "pool", scale=None if kind == "AveragePool" else net.units[x])
    y = net.layer(y, "conv10", 6, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=8)
    assert network.op("pool").pad == (1, 1, 1, 1)


def test_sums_joined_with_other_branches():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    a = net.layer(x, "a", 6, 6, 3, signed=True)
    y = net.settle(net.net.relu(net.net.node("Add", [a, x], "add"), "add"), "add")
    b = net.layer(x, "b", 6, 4)
    scale = max(net.units[y], net.units[b])
    y = net.settle(net.net.node("Concat", [b, y], "cat", axis=1), "cat", scale=scale)
    y = net.layer(y, "conv10", 10, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=30)
    assert isinstance(network.op("add"), Add)
    assert network.tensors["add"].scale == network.tensors["cat"].scale


def test_channels_last_at_the_input():
    net = QdqNet(channels_last=True)
    x = net.pass_on("Transpose", net.x, "turn", perm=[0, 3, 1, 2])
    y = net.layer(net.layer(x, "conv1", 3, 6, 3, strides=[2, 2]), "c", 6, CLASSES, signed=True)
    y = net.net.node("ReduceMean", [y], "sums", axes=[2, 3], keepdims=0)
    compare(net, y, most=8)


def ends(build) -> str:
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    with pytest.raises(FirebrickError) as caught:
        net.imported(build(net, x))
    return str(caught.value)


@pytest.mark.parametrize(("build", "message"), [
    (lambda n, x: x, "ends in 'conv1', a map of 6x6 pixels"),
    (lambda n, x: n.net.node("Sigmoid", [x], "s"), "node 's' (Sigmoid): unsupported in a quant"),
    (lambda n, x: clip(n.net, x, 0.0, 1e-3), "node 'clip' (Clip): cuts 'conv1', which is quant"),
    (lambda n, x: clip(n.net, x, -1.0, 1.0), "node 'clip' (Clip): clips to -1..1; Clip(0, c)"),
    (lambda n, x: n.net.node("Add", [x, n.net.constant("k", np.ones((1, 6, 1, 1), "f4"))], "a"),
     "node 'a' (Add): is supported only directly behind a Conv, Gemm or MatMul, before what"),
    (lambda n, x: n.conv(x, "c", 3, 6, 3, 1.0, group=2),
     "node 'c' (Conv): group 2 for 6 channels to 6 is not supported; 1 is, and depthwise"),
    (lambda n, x: n.weighed(x, "fc", 6, 4), "node 'fc' (Gemm): its input of shape [1, 6, 6, 6]"),
])  # fmt: skip
def test_what_is_not_supported_is_named(build, message):
    assert message in ends(build)


def test_weights_of_a_matrix_need_one_scale_an_output():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = net.weighed(net.flat(x), "fc", 216, 216, axis=1)
    model = net.model(net.settle(y, "fc", signed=True))
    node = next(n for n in model.graph.node if n.name == "fc_w_dq")
    node.attribute[0].i = 0
    with pytest.raises(FirebrickError, match=r"'fc' \(Gemm\): weights must have one scale an out"):
        import_qdq(model, "qdq")
    gemm = next(n for n in model.graph.node if n.name == "fc")
    gemm.attribute.append(helper.make_attribute("alpha", 2.0))
    with pytest.raises(FirebrickError, match="alpha and beta other than 1"):
        import_qdq(model, "qdq")


@pytest.mark.parametrize(("kind", "message"), [
    ("Relu", r"'on_codes' \(Relu\): computes on codes"),
    ("AveragePool", r"'on_codes' \(AveragePool\): computes on codes, or joins codes of different"),
])  # fmt: skip
def test_arithmetic_on_codes_is_refused(kind, message):
    net = QdqNet()
    net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    values: dict[str, Any] = {"kernel_shape": [2, 2]} if kind == "AveragePool" else {}
    y = net.net.node(kind, [net.codes["conv1"]], "on_codes", **values)
    with pytest.raises(FirebrickError, match=message):
        net.imported(y)


@pytest.mark.parametrize("fill", [130, 128])
def test_padding_of_codes_is_of_their_zero_point(fill):
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2], signed=True)
    pads = net.net.constant("pads", np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    value = net.net.constant("fill", np.array(fill, np.uint8))
    padded = net.net.node("Pad", [net.codes["conv1"], pads, value], "pad")
    real = net.net.node("DequantizeLinear", [padded, "conv1_s", "conv1_z"], "real")
    y = net.conv(real, "c", 6, CLASSES, 3, net.units[x])
    y = net.settle(y, "c", signed=True)
    y = net.net.node("Flatten", [net.net.node("GlobalAveragePool", [y], "sums")], "end")
    if fill == 128:
        assert compare(net, y, most=8).convs[-1].pad == (1, 1, 1, 1)
    else:
        with pytest.raises(FirebrickError, match=r"'pad' \(Pad\): puts something else than zeros"):
            net.imported(y)
