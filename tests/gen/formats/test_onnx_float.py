import numpy as np
import onnx
import pytest
from onnx import TensorProto

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float, load_onnx
from gen.ir.graph import FloatGraph
from gen.ir.ops import Concat, MaxPool
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from sim import reference
from tests.gen.onnx_models import CLASSES, HEIGHT, WIDTH, OnnxBuilder, frames, squeezenet

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))


def import_and_compare(model: onnx.ModelProto, softmax: bool = False) -> FloatGraph:
    graph = import_float(model, "test")
    pictures = frames(3)
    expected = reference.logits(reference.session(model), pictures, NORMALISATION)
    got = float_logits(graph.fold_input(NORMALISATION), pictures)
    if softmax:
        got, expected = (np.exp(x) / np.exp(x).sum(axis=1, keepdims=True) for x in (got, expected))
    np.testing.assert_allclose(got, expected, rtol=2e-3, atol=2e-3)
    return graph


@pytest.mark.parametrize("opset", [9, 10, 11, 12, 13, 15, 17])
@pytest.mark.parametrize("torch_names", [False, True])
def test_float_equals_onnx_runtime(opset, torch_names):
    graph = import_and_compare(squeezenet(opset, torch_names=torch_names))
    assert graph.ops[0].name == "conv1"
    assert "fire2_expand3x3" in graph.shapes()
    assert graph.shapes()[graph.ops[-1].name] == (1, 1, CLASSES)
    assert [op.ceil for op in graph.ops if isinstance(op, MaxPool)] == [True, True]


@pytest.mark.parametrize("opset", [9, 14])
def test_batch_norm_is_folded(opset):
    graph = import_and_compare(squeezenet(opset, batch_norm=True, bypass=False))
    assert len(graph.ops) == 13


def test_floor_pools_and_linear_classifier():
    graph = import_and_compare(squeezenet(ceil=False, last_relu=False))
    assert not any(op.ceil for op in graph.ops if isinstance(op, MaxPool))
    assert not graph.nonnegative()["conv10"]


@pytest.mark.parametrize(("tail", "opset"), [("reshape", 13), ("mean", 13), ("mean", 18)])
def test_tails(tail, opset):
    import_and_compare(squeezenet(opset, tail=tail), softmax=tail == "reshape")


def test_softmax_tail_keeps_the_order():
    model = squeezenet(tail="softmax")
    graph = import_float(model, "test").fold_input(NORMALISATION)
    expected = reference.logits(reference.session(model), frames(3), NORMALISATION)
    order = np.argsort(float_logits(graph, frames(3)), axis=1)
    np.testing.assert_array_equal(order, np.argsort(expected, axis=1))


def with_tail(build, opset: int = 13, batch: int | str = 1) -> onnx.ModelProto:
    """A small network, from whose globally averaged map ``build`` goes on."""
    net = OnnxBuilder(opset)
    x = net.relu(net.conv("data", "conv1", 3, 4, 3), "conv1")
    x = net.node("GlobalAveragePool", [net.conv(x, "conv2", 4, 5)], "pool")
    return net.model(build(net, x), shape=(batch, 3, HEIGHT, WIDTH))


def integers(net: OnnxBuilder, name: str, *values: int) -> str:
    return net.constant(name, np.array(values, np.int64))


def shape_kept(net: OnnxBuilder, x: str) -> str:
    """A Reshape to the first two of the logits' own dimensions, as exporters write it."""
    shape = net.node("Shape", [x], "shape")
    ends = [integers(net, "from", 0), integers(net, "to", 2), integers(net, "along", 0)]
    return net.node("Reshape", [x, net.node("Slice", [shape, *ends], "slice")], "view")


def shape_of_the_picture(net: OnnxBuilder, x: str) -> str:
    shape = net.node("Shape", ["data"], "shape")
    first = net.node("Gather", [shape, integers(net, "zero", 0)], "gather")
    target = net.node("Concat", [first, integers(net, "rest", -1)], "target", axis=0)
    return net.node("Reshape", [x, target], "view")


@pytest.mark.parametrize("build", [
    lambda n, x: n.node("Identity", [n.dropout(n.node("Flatten", [x], axis=1))]),
    lambda n, x: n.node("Squeeze", [x, integers(n, "axes", 2, 3)]),
    lambda n, x: n.node("Reshape", [x, integers(n, "target", -1, 5)]),
    lambda n, x: n.node("Cast", [n.node("Flatten", [x], axis=-3)], to=TensorProto.FLOAT),
    shape_kept,
    shape_of_the_picture,
])  # fmt: skip
@pytest.mark.parametrize("batch", [1, "N"])
def test_logits_may_be_reshaped(build, batch):
    import_and_compare(with_tail(build, batch=batch))


def softmax(axis: int | None, flat: bool, kind: str = "Softmax"):
    def build(net: OnnxBuilder, x: str) -> str:
        if flat:
            x = net.node("Flatten", [x], "flat")
        y = net.node(kind, [x], "prob", **({} if axis is None else {"axis": axis}))
        return y if flat else net.node("Flatten", [y], "flat")

    return build


@pytest.mark.parametrize(("opset", "axis", "flat"), [
    (13, 1, True), (13, -1, True), (13, None, True), (13, 1, False), (13, -3, False),
    (11, 1, True), (11, -1, True), (11, None, True), (11, 1, False), (11, None, False),
])  # fmt: skip
@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_softmax_over_the_classes(opset, axis, flat, kind):
    model = with_tail(softmax(axis, flat, kind), opset)
    graph = import_float(model, "test").fold_input(NORMALISATION)
    given = reference.logits(reference.session(model), frames(3), NORMALISATION)
    logits = float_logits(graph, frames(3))
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given = np.exp(given) if kind == "LogSoftmax" else given
    np.testing.assert_allclose(given, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("opset", "axis", "flat"), [
    (13, 0, True), (13, 2, False), (13, -1, False), (13, None, False), (11, 2, False),
    (11, -1, False),
])  # fmt: skip
def test_softmax_over_something_else_is_refused(opset, axis, flat):
    model = with_tail(softmax(axis, flat), opset, batch=2)
    with pytest.raises(FirebrickError, match=r"node 'prob' \(Softmax\): .*not over the classes"):
        import_float(model, "test")


@pytest.mark.parametrize(("build", "named"), [
    (lambda n, x: n.node("Gather", [x, integers(n, "order", 4, 3, 2, 1, 0)], "y", axis=1),
     r"'y' \(Gather\): unsupported behind the global average"),
    (lambda n, x: n.node("Slice", [x, *(integers(n, *k) for k in (("a", 1), ("b", 5), ("c", 1)))],
                         "y"), r"'y' \(Slice\)"),
    (lambda n, x: n.node("Concat", [n.constant("k", np.ones((1, 1, 1, 1), np.float32)), x], "y",
                         axis=1), r"'y' \(Concat\)"),
    (lambda n, x: n.node("Cast", [x], "y", to=TensorProto.INT32), r"'y' \(Cast\): rounds"),
    (lambda n, x: n.node("Shape", [x], "y"), "outputs .*must be one, behind the global average"),
])  # fmt: skip
def test_tails_that_change_classes_are_refused(build, named):
    with pytest.raises(FirebrickError, match=named):
        import_float(with_tail(build), "test")


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
def test_auto_pad(auto_pad):
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 4, 3), "conv1")
    x = net.conv(x, "conv2", 4, 5, 3, stride=2, auto_pad=auto_pad)
    import_and_compare(net.model(net.node("Flatten", [net.node("GlobalAveragePool", [x])])))


def test_whole_map_average_pool_and_relu_behind_concat():
    net = OnnxBuilder()
    parts = [net.conv("data", name, 3, 4) for name in ("a", "b")]
    x = net.relu(net.node("Concat", parts, "cat", axis=1), "cat")
    x = net.node("AveragePool", [x], "pool", kernel_shape=[HEIGHT, WIDTH])
    graph = import_and_compare(net.model(net.node("Flatten", [x], "flat")))
    assert all(op.relu for op in graph.ops[:2])
    assert isinstance(graph.ops[2], Concat)


def test_constants_are_folded():
    net = OnnxBuilder()
    x = net.conv("data", "conv1", 3, 4)
    weight = net.tensors[0]
    weight.name = "half"
    double = net.node("Mul", ["half", net.constant("two", np.array(2.0, np.float32))], "mul")
    net.nodes.insert(0, net.nodes.pop())
    net.nodes[1].input[0:2] = ["data", double]
    import_and_compare(net.model(net.node("Flatten", [net.node("GlobalAveragePool", [x])])))


def assert_refused(build, message: str) -> None:
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 4, 3), "conv1")
    y = build(net, x)
    y = net.node("Flatten", [net.node("GlobalAveragePool", [y], "pool10")], "flat")
    with pytest.raises(FirebrickError, match=message):
        import_float(net.model(y), "test")


@pytest.mark.parametrize(("build", "message"), [
    (lambda n, x: n.node("Sigmoid", [x], "act"), r"node 'act' \(Sigmoid\): unsupported operator"),
    (lambda n, x: n.node("HardSwish", [x], "act"),
     r"node 'act' \(HardSwish\): .*nearest one supported is Relu, or Clip\(0, 6\)"),
    (lambda n, x: n.node("ConvTranspose", [x, n.constant("k", np.ones((4, 4, 2, 2), "f4"))], "up"),
     r"node 'up' \(ConvTranspose\): .*nearest"),
    (lambda n, x: n.conv(x, "c", 4, 4, 3, dilations=[2, 2]),
     r"node 'c' \(Conv\): dilations \[2, 2\] are not supported; a larger kernel with zeros"),
    (lambda n, x: n.conv(x, "c", 2, 4, group=2),
     r"node 'c' \(Conv\): group 2 for 4 channels to 4 .*; 1 is, and depthwise: group 4"),
    (lambda n, x: n.conv(x, "c", 1, 8, group=4), r"group 4 for 4 channels to 8 .*depthwise"),
    (lambda n, x: n.conv(x, "c", 5, 4), r"node 'c' \(Conv\): weights for 5 channels, but"),
    (lambda n, x: n.node("MaxPool", [x], "p"),
     r"node 'p' \(MaxPool\): kernel_shape \[\] is not two sides, rows and columns; give both"),
    (lambda n, x: n.node("Clip", [n.conv(x, "c", 4, 4), n.constant("lo", np.array(-1, "f4"))],
                         "clip"),
     r"node 'clip' \(Clip\): clips to -1..inf; Clip\(0, c\)"),
    (lambda n, x: n.node("Mul", [x, x], "square"), r"node 'square' \(Mul\): scales a map by what"),
    (lambda n, x: n.node("Div", [x, n.conv(x, "c", 4, 4)], "div"), "Div of two maps is not"),
    (lambda n, x: n.node("Add", [x, n.conv(x, "c", 4, 4, 3)], "sum"),
     r"node 'sum' \(Add\): adds maps of different shapes"),
    (lambda n, x: n.node("Reshape", [x, integers(n, "to", 1, 2, 2, 23, 19)], "r"),
     r"node 'r' \(Reshape\): .* splits channels, height or width"),
    (lambda n, x: n.node("Transpose", [x], "t", perm=[0, 2, 3, 1]),
     r"node 'pool10' \(GlobalAveragePool\): its input of shape \[1, 23, 19, 4\] is no map"),
    (lambda n, x: n.node("Pad", [x, integers(n, "p", 0, 0, 1, 1, 0, 0, 1, 1),
                                 n.constant("k", np.array(1, "f4"))], "pad"),
     r"node 'pad' \(Pad\): puts something else than zeros around"),
    (lambda n, x: n.node("Pad", [x, integers(n, "p", 0, 0, 1, 1, 0, 0, 1, 1)], "pad"),
     r"node 'pool10' \(GlobalAveragePool\): reads the output of a Pad"),
    (lambda n, x: n.node("MaxPool", [x], "p", kernel_shape=[3, 2], strides=[2, 2]),
     r"kernel \[3, 2\] is not square"),
    (lambda n, x: n.node("MaxPool", [x], "p", kernel_shape=[3, 3], strides=[2, 1]),
     "strides .* differ"),
    (lambda n, x: n.node("Concat", [x, x], "cat", axis=2), "along axis 2"),
    (lambda n, x: n.node("Add", [x, n.constant("k", np.ones((23, 19), np.float32))], "a"),
     r"node 'a' \(Add\): adding or multiplying a constant other than one number a channel"),
    (lambda n, x: n.node("AveragePool", [x], "avg", kernel_shape=[3, 3], auto_pad="SAME_UPPER"),
     r"'avg' \(AveragePool\): pads .* with count_include_pad=0.*; count_include_pad=1, or no"),
    (lambda n, x: n.node("AveragePool", [x], "avg", kernel_shape=[2, 2], strides=[2, 2],
                         ceil_mode=1), r"'avg' \(AveragePool\): ceil_mode cuts its last window"),
    (lambda n, x: n.relu(n.node("GlobalAveragePool", [n.conv(x, "c", 4, 4)], "avg"), "r"),
     r"node 'avg' \(GlobalAveragePool\): averages a map of 23x19 in the middle"),
])  # fmt: skip
def test_unsupported_is_named(build, message):
    assert_refused(build, message)


@pytest.mark.parametrize("variance", [-1.0, np.nan])
def test_batch_norm_without_a_finite_result_is_named(variance):
    net = OnnxBuilder()
    x = net.batch_norm(net.conv("data", "conv1", 3, 4, 3), "bn", 4)
    next(t for t in net.tensors if t.name == "bn.var").CopyFrom(
        named("bn.var", np.array([1.0, variance, 1.0, 1.0]))
    )
    with pytest.raises(FirebrickError, match=r"'bn' \(BatchNormalization\): .*not all finite"):
        import_float(net.model(net.node("GlobalAveragePool", [x])), "test")


def test_more_classes_than_packets_number_are_refused():
    net = OnnxBuilder()
    x = net.conv("data", "conv1", 3, 70_000, 1)
    with pytest.raises(FirebrickError, match="gives 70000 classes; at most 65535"):
        import_float(net.model(net.node("GlobalAveragePool", [x])), "test")


def test_no_layer_gets_the_name_of_the_board():
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "board", 3, 4, 3), "board")
    graph = import_float(net.model(net.node("GlobalAveragePool", [x], "pool")), "test")
    assert [op.name for op in graph.ops] == ["board_2", "pool"]


def test_a_value_may_be_read_before_and_after_its_relu():
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 4, 3), "conv1")
    y = net.conv(x, "c", 4, 4)
    y = net.node("Add", [net.relu(y, "c"), y], "sum")
    graph = import_and_compare(net.model(net.node("GlobalAveragePool", [y], "pool10")))
    assert [op.name for op in graph.ops] == ["conv1", "c", "c_relu", "sum", "pool10"]


def test_no_cnn():
    net = OnnxBuilder()
    y = net.node("Flatten", [net.node("GlobalAveragePool", ["data"], "pool")], "flat")
    with pytest.raises(FirebrickError, match="averages the input itself"):
        import_float(net.model(y), "test")
    y = net.node("Gemm", [y, net.constant("w", np.ones((3, 2), np.float32))], "fc")
    net.nodes = net.nodes[-1:]
    with pytest.raises(FirebrickError, match="is no map of activations"):
        import_float(net.model(y), "test")


def test_no_global_average_and_open_input_size():
    net = OnnxBuilder()
    x = net.conv("data", "conv1", 3, 4)
    with pytest.raises(FirebrickError, match="ends in 'conv1'"):
        import_float(net.model(x), "test")
    with pytest.raises(FirebrickError, match="no fixed height and width"):
        import_float(net.model(x, shape=("N", 3, "H", "W")), "test")
    with pytest.raises(FirebrickError, match="channels first"):
        import_float(net.model(x, shape=(1, 24, 24, 3)), "test")
    with pytest.raises(FirebrickError, match="a frame may have 33554432 bytes"):
        import_float(net.model(x, shape=(1, 3, 20000, 20000)), "test")
    with pytest.raises(FirebrickError, match="a network on images has four"):
        import_float(net.model(x, shape=(1, 10)), "test")


def test_too_small_input():
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 4, 3), "conv1")
    x = net.conv(x, "conv2", 4, 4, 30)
    with pytest.raises(FirebrickError, match="conv2 has nothing left"):
        import_float(net.model(net.node("GlobalAveragePool", [x])), "test")


def test_files_that_are_no_models(tmp_path):
    with pytest.raises(FirebrickError, match="no such model file"):
        load_onnx(tmp_path / "none.onnx")
    for name, data in (("text", b"hello, this is no model"), ("empty", b""), ("zip", b"PK\3\4")):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(FirebrickError, match="not a") as caught:
            load_onnx(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_malformed_models(tmp_path):
    path = tmp_path / "net.onnx"
    for damage, message in (
        (lambda m: m.graph.node[1].ClearField("input"), "cannot be folded"),
        (lambda m: m.graph.node[4].input.pop(), "variance are not of 4 channels"),
        (lambda m: m.graph.node[0].input.__delitem__(slice(1, 3)), "not a two-dimensional"),
        (lambda m: m.graph.initializer.pop(), "must be a constant|no map of activations"),
        (lambda m: m.graph.initializer[1].CopyFrom(named("conv1.bias", np.ones(3))), "bias of"),
        (lambda m: m.graph.initializer[0].CopyFrom(named("conv1.weight", np.ones(3))), "not a two"),
    ):
        model = squeezenet(batch_norm=True, bypass=False)
        damage(model)
        onnx.save(model, path)
        with pytest.raises(FirebrickError, match=message):
            load_onnx(path)


def named(name: str, value: np.ndarray) -> onnx.TensorProto:
    return onnx.numpy_helper.from_array(value.astype(np.float32), name)


def test_load_keeps_metadata(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(squeezenet(metadata={"mean": "1,2,3", "labels": "[]"}), path)
    graph = load_onnx(path)
    assert isinstance(graph, FloatGraph)
    assert graph.name == "net"
    assert graph.metadata["mean"] == "1,2,3"
