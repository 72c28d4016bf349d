"""Quantised files of more than Fire modules, against ONNX Runtime node by node as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_qdq import import_qdq
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Add, AveragePool, Conv, GlobalSum
from gen.ir.preprocessing import Normalisation
from sim import golden, reference
from tests.gen.onnx_models import CLASSES, OnnxBuilder, QdqBuilder
from tests.graphs import pictures

SIZE = (12, 12)
FRAMES = pictures(SIZE, 12)
RAW = Normalisation()


class QdqNet(QdqBuilder):
    """Quantised layers whose scales suit what they really give.

    ``channels_last`` feeds colours last; the first convolution wants a Transpose then.
    """

    def __init__(self, channels_last: bool = False):
        super().__init__()
        self.last = channels_last
        self.units: dict[str, float] = {}
        self.x = self.settle("data", "data", scale=1.0)

    def model(self, y: str) -> onnx.ModelProto:
        shape = (1, *SIZE, 3) if self.last else (1, 3, *SIZE)
        return self.net.model(y, shape=shape)

    def run(self, y: str) -> np.ndarray:
        return reference.logits(reference.session(self.model(y), optimise=False), FRAMES, RAW)

    def settle(self, x: str, name: str, *, signed: bool = False, scale: float | None = None) -> str:
        """Quantise a tensor, and give its real value again."""
        if scale is None:
            scale = float(np.abs(self.run(x)).max()) / (127 if signed else 255)
        y = self.quantise(x, name, scale, self.symmetric_zero if signed else self.unsigned_zero)
        self.units[y] = scale
        return y

    def pass_on(self, kind: str, x: str, name: str, *more: str, **values: Any) -> str:
        """A node that keeps numbers as they are."""
        y = self.net.node(kind, [x, *more], name, **values)
        self.units[y] = self.units[x]
        return y

    def layer(
        self,
        x: str,
        name: str,
        cin: int,
        cout: int,
        kernel: int = 1,
        *,
        signed: bool = False,
        **values: Any,
    ) -> str:
        y = self.conv(x, name, cin, cout, kernel, self.units[x], pads=[kernel // 2] * 4, **values)
        return self.settle(y if signed else self.net.relu(y, name), name, signed=signed)

    def weighed(
        self, x: str, name: str, inputs: int, outputs: int, *, axis: int = 0, bias: bool = True
    ) -> str:
        """A Gemm of weights (outputs, inputs), or with axis 1 the other way round, per channel."""
        net, rng = self.net, self.net.rng
        shape = (outputs, inputs) if axis == 0 else (inputs, outputs)
        codes = net.constant(f"{name}_w", rng.integers(-127, 128, shape).astype(np.int8))
        scale = rng.uniform(0.5, 1.0, outputs).astype(np.float32) * 0.02
        given = net.constant(f"{name}_ws", scale)
        parts = [x, net.node("DequantizeLinear", [codes, given], f"{name}_w_dq", axis=axis)]
        if not bias:
            if axis == 0:
                parts[1] = net.node("Transpose", [parts[1]], f"{name}_turn", perm=[1, 0])
            return net.node("MatMul", parts, name)
        values = rng.integers(-3000, 3000, outputs).astype(np.int32)
        unit = net.constant(f"{name}_u", scale * np.float32(self.units[x]))
        parts.append(
            net.node("DequantizeLinear", [net.constant(f"{name}_b", values), unit], axis=0)
        )
        return net.node("Gemm", parts, name, transB=1 - axis)

    def flat(self, x: str) -> str:
        return self.pass_on("Flatten", x, "flat")

    def imported(self, y: str) -> QuantizedNetwork:
        return import_qdq(self.model(y), "qdq")


def compare(net: QdqNet, y: str, most: float = 2.0) -> QuantizedNetwork:
    """The network of the file, whose sums of codes differ from the runtime's by at most so many."""
    network = net.imported(y)
    sums = golden.class_sums(network, FRAMES)
    away = np.abs(net.run(y) / network.output.scale - sums)
    assert away.max() <= most
    assert np.median(away) < 2.1
    return network


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


def clip(net: OnnxBuilder, x: str, low: float, high: float) -> str:
    limits = [
        net.constant(f"{end}", np.array(value, np.float32))
        for end, value in (("lowest", low), ("highest", high))
    ]
    return net.node("Clip", [x, *limits], "clip")


def test_depthwise_layers_with_ceilings():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = net.conv(x, "dw", 1, 6, 3, net.units[x], pads=[1] * 4, group=6)
    most = float(np.abs(net.run(y)).max())
    y = net.settle(clip(net.net, y, 0.0, most * 0.4), "dw", scale=most / 255)
    y = net.layer(y, "conv10", 6, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=8)
    layer = network.op("dw")
    assert isinstance(layer, Conv)
    assert (layer.groups, layer.low, layer.high) == (6, 0, 102)


@pytest.mark.parametrize("kind", ["conv", "add"])
def test_signed_codes_in_front_of_a_relu(kind):
    """As ONNX Runtime's symmetric quantisation leaves a ReLU: between two scales."""
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = net.conv(x, "a", 6, 6, 3, net.units[x], pads=[1] * 4)
    if kind == "add":
        y = net.net.node("Add", [net.settle(y, "a", signed=True), x], "add")
    y = net.settle(y, "raw", signed=True)
    limit = 127 * net.units[y]
    y = net.settle(net.net.relu(y, "act"), "act")
    scale = net.units[y]
    y = net.layer(y, "conv10", 6, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=60)
    layer = network.op("a" if kind == "conv" else "add")
    assert isinstance(layer, Conv | Add)
    assert (layer.low, layer.high) == (0, min(255, round(limit / scale)))
    assert not network.tensors[layer.name].signed


def test_a_relu_behind_signed_codes_that_have_one_already_is_left_out():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = net.net.relu(net.conv(x, "a", 6, 6, 3, net.units[x], pads=[1] * 4), "a")
    y = net.pass_on("Relu", net.settle(y, "a", signed=True), "again")
    y = net.layer(y, "conv10", 6, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=8)
    layer = network.op("a")
    assert isinstance(layer, Conv)
    assert (layer.low, layer.high) == (0, 127)


def test_signed_codes_that_are_read_without_the_relu_too():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = net.settle(net.conv(x, "a", 6, 6, 3, net.units[x], pads=[1] * 4), "raw", signed=True)
    both = net.net.node("Add", [y, x], "add")
    net.settle(net.net.relu(y, "act"), "act")
    with pytest.raises(FirebrickError, match=r"'act_relu' \(Relu\): cannot be merged into 'a'"):
        net.imported(net.settle(both, "add", signed=True))


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


@pytest.mark.parametrize("clipped", [0.0, 1.0])
def test_a_clip_that_cuts_nothing_behind_codes_is_left_out(clipped):
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    x = net.pass_on("Relu", x, "again") if not clipped else x
    if clipped:
        y = clip(net.net, x, 0.0, net.units[x] * 255)
        net.units[y] = net.units[x]
        x = y
    y = net.layer(x, "conv10", 6, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=8)
    assert len(network.ops) == 3


def clipped(net: QdqNet, x: str, name: str, bits: int) -> str:
    """Quantise behind a ReLU to fewer codes than the type has, as Brevitas writes it."""
    scale = float(np.abs(net.run(x)).max()) / (2**bits - 1)
    given = [net.net.constant(f"{name}_s", np.array(scale, np.float32)),
             net.net.constant(f"{name}_z", np.array(0, np.uint8))]  # fmt: skip
    codes = net.net.node("QuantizeLinear", [x, *given], f"{name}_q")
    limits = [net.net.constant(f"{name}_{end}", np.array(code, np.uint8))
              for end, code in (("low", 0), ("high", 2**bits - 1))]  # fmt: skip
    codes = net.net.node("Clip", [codes, *limits], f"{name}_clip")
    y = net.net.node("DequantizeLinear", [codes, *given], f"{name}_dq")
    net.units[y] = scale
    return y


def test_activations_of_fewer_bits_than_their_type():
    net = QdqNet()
    x = net.conv(net.x, "conv1", 3, 6, 3, 1.0, strides=[2, 2])
    x = clipped(net, net.net.relu(x, "conv1"), "conv1", 4)
    x = net.pass_on("MaxPool", x, "pool", kernel_shape=[2, 2], strides=[2, 2])
    y = net.conv(x, "c", 6, 8, 3, net.units[x], pads=[1] * 4)
    y = clipped(net, net.net.relu(y, "c"), "c", 3)
    y = net.layer(y, "conv10", 8, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=8)
    assert [network.op(name).high for name in ("conv1", "c")] == [15, 7]


def test_codes_that_others_read_too_are_not_cut():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    net.net.node("MaxPool", [x], "pool", kernel_shape=[2, 2], strides=[2, 2])
    limits = [
        net.net.constant(name, np.array(code, np.uint8)) for name, code in (("l", 0), ("h", 9))
    ]
    y = net.net.node("Clip", [net.codes["conv1"], *limits], "cut")
    with pytest.raises(
        FirebrickError, match=r"'cut' \(Clip\): cannot be merged into 'conv1', whose"
    ):
        net.imported(y)


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


def folding(net: QdqNet, y: str, kind: str) -> str:
    """Something affine of a layer's six channels, in the form that a trainer leaves."""
    rng = net.net.rng
    if kind == "BatchNormalization":
        return net.net.batch_norm(y, "norm", 6)
    if kind == "Add":
        values = rng.normal(0, 90, (1, 6, 1, 1)).astype(np.float32)
    else:
        values = np.array([0.5, 2, -1, -0.01, 0.2, 1], np.float32).reshape(1, 6, 1, 1)
    return net.net.node(kind, [y, net.net.constant("values", values)], "by")


@pytest.mark.parametrize("kind", ["BatchNormalization", "Add", "Mul", "Div"])
def test_affine_functions_behind_a_layer(kind):
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = folding(net, net.conv(x, "a", 6, 6, 3, net.units[x], pads=[1] * 4), kind)
    y = net.settle(net.net.relu(y, "a"), "a")
    y = net.layer(y, "conv10", 6, CLASSES, signed=True)
    y = net.net.node("GlobalAveragePool", [y], "sums")
    network = compare(net, net.net.node("Flatten", [y], "end"), most=8)
    assert len(network.convs) == 3


def test_affine_functions_elsewhere_are_refused():
    net = QdqNet()
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    y = net.settle(folding(net, x, "Mul"), "moved", signed=True)
    with pytest.raises(FirebrickError, match=r"'by' \(Mul\): is supported only directly behind"):
        net.imported(y)
