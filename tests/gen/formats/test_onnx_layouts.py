"""Layouts, padding and what is folded into layers of float networks, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float, load_onnx
from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatAdd, FloatAveragePool, FloatConv, MaxPool
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim import golden, reference
from tests.gen.formats.compared import SIZE, body, compare, constant, flatten, net
from tests.graphs import CLASSES, NORMALISATION, Net, pictures
from tests.paths import SHARED

# Layouts and padding


def test_channels_last_at_the_input_and_around_every_layer():
    """As tf2onnx leaves a network without its optimiser: a Transpose on both sides of a layer."""
    made = net()

    def turned(x: str, name: str, cin: int, cout: int, stride: int = 1, act: str = "Relu") -> str:
        x = made.node("Transpose", [x], f"{name}_in", perm=[0, 3, 1, 2])
        y = made.layer(x, name, cin, cout, 3, stride=stride, act="")
        return made.act(made.node("Transpose", [y], f"{name}_out", perm=[0, 2, 3, 1]), name, act)

    x = turned("data", "conv1", 3, 6, stride=2)
    x = made.node("Concat", [turned(x, "a", 6, 4), turned(x, "b", 6, 2)], "cat", axis=3)
    y = made.relu(made.node("Add", [turned(x, "c", 6, 6, act=""), x], "add"), "add")
    y = made.node("ReduceMean", [y], "average", axes=[1, 2], keepdims=0)
    graph = compare(made, made.gemm(y, "fc", 6, CLASSES), last=True)
    assert [op.name for op in graph.ops][-2:] == ["fc", "average"]


def test_a_convolution_of_colours_that_come_last_is_refused():
    made = net()
    with pytest.raises(FirebrickError, match=r"'conv1' \(Conv\): .* must be channels first"):
        compare(made, made.classify(body(made), 6), last=True)


@pytest.mark.parametrize("old", [False, True])
def test_pads_in_front_of_layers(old):
    made = net()
    made.opset = 10 if old else 13

    def pad(x: str, name: str, *sides: int) -> str:
        top, left, bottom, right = sides
        pads = [0, 0, top, left, 0, 0, bottom, right]
        if old:
            return made.node("Pad", [x], name, pads=pads)
        return made.node("Pad", [x, constant(made, f"{name}_p", *pads)], name)

    def valid(x: str, name: str, cin: int, cout: int, **values) -> str:
        return made.relu(made.conv(x, name, cin, cout, 3, **values), name)

    x = valid(pad("data", "pad1", 0, 0, 1, 1), "conv1", 3, 6, stride=2)
    x = made.node("MaxPool", [pad(x, "pad2", 1, 1, 1, 1)], "pool", kernel_shape=[3, 3])
    x = made.node("AveragePool", [pad(x, "pad3", 1, 0, 0, 1)], "mean", kernel_shape=[2, 2])
    x = valid(pad(x, "pad4", 1, 0, 1, 2), "conv2", 6, 4, pad=1)
    graph = compare(made, made.classify(x, 4))
    by_name = {op.name: op for op in graph.ops}
    assert by_name["conv1"].pad == (0, 0, 1, 1)
    assert by_name["conv2"].pad == (2, 1, 2, 3)
    assert isinstance(by_name["pool"], MaxPool)
    assert by_name["mean"] == FloatAveragePool("mean", ("pool",), 2, 1, (1, 0, 0, 1))


def test_a_pad_around_values_below_zero_is_no_max_pools():
    made = net()
    x = made.layer("data", "conv1", 3, 6, 3, act="")
    x = made.node("Pad", [x, constant(made, "p", 0, 0, 1, 1, 0, 0, 1, 1)], "pad")
    x = made.node("MaxPool", [x], "pool", kernel_shape=[3, 3])
    with pytest.raises(FirebrickError, match=r"'pool' \(MaxPool\): reads zeros of a Pad around"):
        compare(made, made.classify(x, 6))


@pytest.mark.parametrize("upper", ["SAME_UPPER", "SAME_LOWER"])
def test_automatic_padding(upper):
    made = net()
    x = made.relu(made.conv("data", "conv1", 3, 6, 3, stride=2, auto_pad=upper), "conv1")
    x = made.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2], auto_pad=upper)
    compare(made, made.classify(x, 6))


# What is folded into layers


def test_batch_norms_behind_layers_of_all_kinds():
    made = net()
    x = made.relu(made.batch_norm(made.conv("data", "conv1", 3, 6, 3), "bn1", 6), "conv1")
    x = made.relu(made.batch_norm(made.conv(x, "dw", 1, 6, 3, group=6), "bn2", 6), "dw")
    y = flatten(made, made.node("GlobalAveragePool", [x], "average"))
    y = made.batch_norm(made.gemm(y, "fc", 6, CLASSES), "bn3", CLASSES)
    graph = compare(made, y)
    assert [op.name for op in graph.ops] == ["conv1", "dw", "fc", "average"]


@pytest.mark.parametrize("shape", [(1, 6, 1, 1), (6, 1, 1), (1,), ()])
def test_sums_and_products_with_constants(shape):
    made = net()
    x = made.layer("data", "conv1", 3, 6, 3, act="")
    for kind in ("Mul", "Add", "Sub", "Div"):
        value = np.abs(made.rng.normal(1, 0.2, shape)).astype(np.float32)
        x = made.node(kind, [x, made.constant(f"k{kind}", value)], kind)
    value = made.constant("other", made.rng.normal(1, 0.2, shape).astype(np.float32))
    x = made.relu(made.node("Mul", [value, x], "mul"), "conv1")
    graph = compare(made, made.classify(x, 6))
    assert len(graph.ops) == 3


@pytest.mark.parametrize("kind", ["Sub", "Div"])
def test_constants_that_come_first(kind):
    made = net()
    x = made.layer("data", "conv1", 3, 6, 3, act="")
    y = made.classify(made.node(kind, [made.constant("k", np.array(2, np.float32)), x], "it"), 6)
    if kind == "Sub":
        compare(made, y)
    else:
        with pytest.raises(FirebrickError, match=r"'it' \(Div\): divides a constant by a map; "):
            compare(made, y)


def test_arithmetic_behind_a_pool_of_pixels():
    made = net()
    x = made.pool("data", "pool", 2, 2)
    x = made.node("Mul", [x, made.constant("k", np.array(2, np.float32))], "it")
    compare(made, made.classify(made.layer(x, "conv1", 3, 6, 3), 6))


def test_ceilings_go_through_pools_and_concatenations():
    made = net()
    x = made.layer("data", "conv1", 3, 6, 3, act="", gain=4)
    parts = [made.layer(x, name, 6, 4, act="") for name in ("a", "b")]
    x = made.pool(made.cat("cat", *parts), "pool", 2, 2)
    x = made.clip(made.clip(x, "six", 6.0), "one", 1.0)
    graph = compare(made, made.classify(x, 8))
    ends = {op.name: (op.relu, op.ceiling) for op in graph.ops if isinstance(op, FloatConv)}
    assert ends["a"] == ends["b"] == (True, 1.0)
    assert ends["conv1"] == (False, None)


def test_a_relu_behind_a_concatenation_where_one_part_has_its_own_already():
    made = net()
    x = body(made)
    y = made.relu(made.cat("cat", x, made.layer(x, "a", 6, 4, act="")), "cat")
    graph = compare(made, made.classify(y, 10))
    assert graph.nonnegative()["a"]


def test_operators_of_other_domains_are_refused():
    made = net()
    x = body(made)
    made.nodes[-1].domain = "my.custom"
    with pytest.raises(FirebrickError, match=r"\(Relu\): is an operator of domain 'my.custom'"):
        import_float(made.model(made.classify(x, 6), shape=(1, 3, *SIZE)), "test")


# Whole families


def mobilenet(made: Net) -> str:
    """MobileNet v1: a strided convolution, blocks of two layers, average, one more layer."""
    x, cin = made.layer("data", "conv1", 3, 8, 3, stride=2, act="Relu6", gain=4), 8
    for index, (cout, stride) in enumerate(((12, 1), (16, 2), (16, 1))):
        for name, out, kernel, group in (("dw", cin, 3, cin), ("pw", cout, 1, 1)):
            label = f"b{index}_{name}"
            step = stride if name == "dw" else 1
            x = made.layer(x, label, cin, out, kernel, stride=step, group=group, act="")
            x = made.clip(made.batch_norm(x, f"{label}_bn", out), f"{label}_six", 6.0)
            cin = out
    y = made.node("GlobalAveragePool", [x], "average")
    return made.gemm(flatten(made, y), "fc", cin, CLASSES)


def inverted_residuals(made: Net) -> str:
    """MobileNet v2: a linear bottleneck, and a sum around it."""
    x = made.layer("data", "conv1", 3, 6, 3, stride=2, act="Relu6")
    y = made.layer(x, "expand", 6, 12, act="Relu6")
    y = made.layer(y, "dw", 12, 12, 3, act="Relu6", group=12)
    x = made.plus("add", x, made.layer(y, "project", 12, 6, act=""))
    return made.classify(x, 6)


def ds_cnn(made: Net) -> str:
    """DS-CNN: a rectangular first kernel, depthwise blocks, dropout, an average pool, Gemm."""
    x, cin = made.layer("data", "conv1", 3, 8, (5, 3), stride=2), 8
    for index in range(2):
        x = made.layer(x, f"dw{index}", cin, cin, 3, group=cin)
        x = made.layer(x, f"pw{index}", cin, cin)
    x = made.node("AveragePool", [made.dropout(x)], "average", kernel_shape=[6, 5])
    return made.node("Softmax", [made.gemm(flatten(made, x), "fc", cin, CLASSES)], "p", axis=1)


@pytest.mark.parametrize("build", [mobilenet, inverted_residuals, ds_cnn])
def test_families_follow_their_float_networks(build):
    made = net()
    graph = compare(made, build(made), softmax=build is ds_cnn)
    assert any(isinstance(op, FloatConv) and op.groups > 1 for op in graph.ops)
    network = quantise(graph, pictures(SIZE, 16), normalisation=NORMALISATION, rounding="gptq")
    frames = pictures(SIZE, 16, seed=9)
    expected = float_logits(graph.fold_input(NORMALISATION), frames)
    got = golden.class_sums(network, frames) * network.output.scale
    assert np.square(got - expected).sum() < 0.02 * np.square(expected).sum()


@pytest.mark.parametrize("suffix", ["", "_nhwc"])
def test_resnet8_of_mlperf_tiny(suffix):
    path = SHARED / f"models/mlperf_tiny_resnet8{suffix}.onnx"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    graph = load_onnx(path)
    assert isinstance(graph, FloatGraph)
    assert sum(isinstance(op, FloatAdd) for op in graph.ops) == 3
    raw = Normalisation.preset("raw")
    frames = np.random.default_rng(1).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    expected = reference.logits(reference.session(path), frames, raw)
    folded = graph.fold_input(raw)
    got = float_logits(folded, frames)
    got = np.exp(got) / np.exp(got).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, expected, atol=1e-4)
