"""ReLUs, ceilings and cut codes in QDQ graphs."""

from __future__ import annotations

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.ir.ops import Add, Conv
from tests.gen.formats.qdq_nets import QdqNet, clip, compare
from tests.gen.onnx_models import CLASSES


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
