"""Ends and layouts of float networks, as exporters write them, against ONNX Runtime."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float, load_onnx
from gen.ir.graph import FloatAdd, FloatAveragePool, FloatConv, FloatGraph
from gen.ir.ops import GlobalSum, MaxPool
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim import golden, reference
from tests.graphs import CLASSES, NORMALISATION, Net, pictures
from tests.paths import SHARED

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


# Fully connected layers


def flatten(made: Net, x: str) -> str:
    return made.node("Flatten", [x], "flat")


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
def test_constants_that_come_first_are_refused(kind):
    made = net()
    x = made.layer("data", "conv1", 3, 6, 3, act="")
    x = made.node(kind, [made.constant("k", np.array(2, np.float32)), x], "it")
    with pytest.raises(FirebrickError, match=rf"node 'it' \({kind}\): takes a map from a constant"):
        compare(made, made.classify(x, 6))


def test_arithmetic_on_the_pixels_is_refused_with_a_remedy():
    made = net()
    x = made.node("Mul", ["data", made.constant("k", np.array(2, np.float32))], "it")
    with pytest.raises(FirebrickError, match=r"'it' \(Mul\): computes on the pixels .*metadata"):
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
