import re

import numpy as np
import onnx
import pytest
from onnx import helper

from gen.calibrate import float_logits
from gen.errors import FirebrickError
from gen.graph import FloatGraph
from gen.images import Normalisation
from gen.importer import import_float, load_onnx
from gen.network import INPUT, Concat, MaxPool, QuantizedNetwork
from sim import golden, reference
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


def refused(build, message: str) -> None:
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 4, 3), "conv1")
    y = build(net, x)
    y = net.node("Flatten", [net.node("GlobalAveragePool", [y], "pool10")], "flat")
    with pytest.raises(FirebrickError, match=message):
        import_float(net.model(y), "test")


@pytest.mark.parametrize(("build", "message"), [
    (lambda n, x: n.node("Sigmoid", [x], "act"), r"node 'act' \(Sigmoid\): unsupported operator"),
    (lambda n, x: n.conv(x, "c", 4, 4, 3, dilations=[2, 2]), r"node 'c' \(Conv\): dilations"),
    (lambda n, x: n.conv(x, "c", 2, 4, group=2), r"node 'c' \(Conv\): group 2"),
    (lambda n, x: n.node("MaxPool", [x], "p", kernel_shape=[3, 3], strides=[2, 2],
                         pads=[1, 1, 1, 1]), r"node 'p' \(MaxPool\): pads"),
    (lambda n, x: n.node("MaxPool", [x], "p", kernel_shape=[3, 2], strides=[2, 2]),
     r"kernel \[3, 2\] is not square"),
    (lambda n, x: n.node("MaxPool", [x], "p", kernel_shape=[3, 3], strides=[2, 1]),
     "strides .* differ"),
    (lambda n, x: n.node("Concat", [x, x], "cat", axis=2), "along axis 2"),
    (lambda n, x: n.node("Add", [x, n.constant("k", np.ones((1, 4, 1, 1), np.float32))], "a"),
     r"node 'a' \(Add\): adding a constant"),
    (lambda n, x: n.batch_norm(x, "bn", 4), r"node 'bn' \(BatchNormalization\): supported only"),
    (lambda n, x: n.node("AveragePool", [x], "avg", kernel_shape=[2, 2]), "only whole maps"),
])  # fmt: skip
def test_unsupported_is_named(build, message):
    refused(build, message)


def test_value_read_before_and_after_relu_is_refused():
    def build(net: OnnxBuilder, x: str) -> str:
        y = net.conv(x, "c", 4, 4)
        return net.node("Add", [net.relu(y, "c"), y], "sum")

    refused(build, "merged with a ReLU")


def test_no_cnn():
    net = OnnxBuilder()
    y = net.node("Flatten", [net.node("GlobalAveragePool", ["data"], "pool")], "flat")
    with pytest.raises(FirebrickError, match="averages the input itself"):
        import_float(net.model(y), "test")
    y = net.node("Gemm", [y, net.constant("w", np.ones((3, 2), np.float32))], "fc")
    net.nodes = net.nodes[-1:]
    with pytest.raises(FirebrickError, match="is this a network on images"):
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
    with pytest.raises(FirebrickError, match="this is no network on images"):
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
        (lambda m: m.graph.node[4].input.pop(), "needs scale, bias, mean"),
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


class _Qdq:
    """Write a QDQ model by hand, with a choice of zero points and of branch scales."""

    def __init__(self, signed_codes: bool = False):
        self.net = OnnxBuilder(13)
        self.codes: dict[str, str] = {}
        self.unsigned_zero = np.int8(-128) if signed_codes else np.uint8(0)
        self.symmetric_zero = np.int8(0) if signed_codes else np.uint8(128)

    def quantise(self, x: str, name: str, scale: float, zero) -> str:
        net = self.net
        inputs = [net.constant(f"{name}_s", np.float32(scale).reshape(())),
                  net.constant(f"{name}_z", np.asarray(zero))]  # fmt: skip
        self.codes[name] = net.node("QuantizeLinear", [x, *inputs], f"{name}_q")
        return net.node("DequantizeLinear", [self.codes[name], *inputs], f"{name}_dq")

    def conv(self, x: str, name: str, cin: int, cout: int, kernel: int, unit: float, **pads) -> str:
        net, rng = self.net, self.net.rng
        codes = rng.integers(-127, 128, (cout, cin, kernel, kernel)).astype(np.int8)
        scale = rng.uniform(0.5, 1.0, cout).astype(np.float32) * 0.02
        bias = rng.integers(-3000, 3000, cout).astype(np.int32)
        inputs = [
            net.node("DequantizeLinear", [
                net.constant(f"{name}_{part}", values), net.constant(f"{name}_{part}_s", scales),
            ], f"{name}_{part}_dq", axis=0)
            for part, values, scales in (("w", codes, scale), ("b", bias, scale * np.float32(unit)))
        ]  # fmt: skip
        return net.node("Conv", [x, *inputs], name, **pads)


def qdq_squeezenet(signed_codes: bool = False) -> tuple[onnx.ModelProto, dict[str, str]]:
    """A Fire module with bypass, branches with scales of their own, a linear classifier."""
    q = _Qdq(signed_codes)
    zero = q.unsigned_zero
    x = q.quantise("data", "data", 1.0, zero)
    x = q.quantise(q.net.relu(q.conv(x, "conv1", 3, 8, 3, 1.0, strides=[2, 2]), "conv1"),
                   "conv1", 5.0, zero)  # fmt: skip
    x = q.net.node("MaxPool", [x], "pool1", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = q.quantise(x, "pool1", 5.0, zero)
    s = q.quantise(q.conv(x, "squeeze", 8, 5, 1, 5.0), "squeeze", 6.0, zero)
    e1 = q.quantise(q.conv(s, "expand1x1", 5, 4, 1, 6.0), "expand1x1", 8.0, zero)
    e3 = q.quantise(q.conv(s, "expand3x3", 5, 4, 3, 6.0, pads=[1] * 4), "expand3x3", 20.0, zero)
    y = q.quantise(q.net.node("Concat", [e1, e3], "cat", axis=1), "cat", 20.0, zero)
    y = q.quantise(q.net.node("Add", [y, x], "add"), "add", 22.7, zero)
    y = q.quantise(q.conv(y, "conv10", 8, CLASSES, 1, 22.7), "conv10", 60.0, q.symmetric_zero)
    y = q.quantise(q.net.node("GlobalAveragePool", [y], "pool10"), "pool10", 10.0, zero)
    return q.net.model(q.net.node("Flatten", [y], "flat")), q.codes


@pytest.mark.parametrize("signed_codes", [False, True])
def test_qdq_codes_agree_with_onnx_runtime(tmp_path, signed_codes):
    model, codes = qdq_squeezenet(signed_codes)
    path = tmp_path / "qdq.onnx"
    onnx.save(model, path)
    network = load_onnx(path)
    assert isinstance(network, QuantizedNetwork)
    names = {"conv1", "pool1", "squeeze", "cat", "add", "conv10"}
    model.graph.output.extend(
        helper.make_tensor_value_info(codes[n], 0, None) for n in sorted(names)
    )
    for value in model.graph.output[1:]:
        value.ClearField("type")
    runtime = reference.session(model, optimise=False)
    for picture in frames(4)[:, None]:
        fed = reference.normalise(picture, Normalisation())
        outputs = runtime.run([codes[n] for n in sorted(names)], {"data": fed})
        expected = dict(zip(sorted(names), outputs, strict=True))
        tensors = {INPUT: picture}
        for op in network.ops:  # each op on the reference's inputs, where these are known
            codes_in = [tensors[name] for name in op.inputs]
            tensors[op.name] = golden.apply(network, op, codes_in)
            if op.name in names:
                offset = (-128 if op.name == "conv10" else 0) + (128 if signed_codes else 0)
                reference_codes = expected[op.name].transpose(0, 2, 3, 1).astype(int) + offset
                difference = tensors[op.name] - reference_codes
                assert np.abs(difference).max() <= 1, op.name
                twice_rounded = op.name == "cat"  # in the file, whose branch has its own scale
                assert np.mean(difference != 0) < (0.08 if twice_rounded else 0.02), op.name
                tensors[op.name] = reference_codes.astype(tensors[op.name].dtype)


def test_qdq_keeps_integers_and_branch_range():
    model, _ = qdq_squeezenet()
    network = import_qdq_model(model)
    initialisers = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for conv in network.convs:
        codes = initialisers[f"{conv.name}_w"].transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(conv.weights, codes)
        np.testing.assert_array_equal(conv.bias, initialisers[f"{conv.name}_b"])
    assert network.op("expand1x1").high == round(255 * 8 / 20)
    assert network.op("expand3x3").high == 255
    assert network.tensors["expand1x1"].scale == network.tensors["cat"].scale == 20.0
    assert network.tensors["conv10"].signed


def import_qdq_model(model: onnx.ModelProto) -> QuantizedNetwork:
    from gen.qdq import import_qdq

    return import_qdq(model, "qdq")


@pytest.mark.parametrize(("tensor", "value", "message"), [
    ("data_s", np.float32(0.02), "are not the raw pixels"),
    ("squeeze_z", np.uint8(7), "zero point 7 of uint8"),
    ("pool1_s", np.float32(4.0), "has scale 5 already, not 4"),
])  # fmt: skip
def test_qdq_refusals(tensor, value, message):
    model, _ = qdq_squeezenet()
    for initialiser in model.graph.initializer:
        if initialiser.name == tensor:
            initialiser.CopyFrom(onnx.numpy_helper.from_array(np.asarray(value), tensor))
    with pytest.raises(FirebrickError, match=re.escape(message)):
        import_qdq_model(model)


def test_operator_format_is_refused(tmp_path):
    net = OnnxBuilder()
    inputs = [net.constant(f"k{i}", np.array(1, np.uint8)) for i in range(7)]
    y = net.node("QLinearConv", ["data", *inputs], "qconv")
    with pytest.raises(FirebrickError, match=r"'qconv' \(QLinearConv\): .*QDQ"):
        import_qdq_model(net.model(y))
