"""Batch norms and arithmetic with constants in QDQ graphs."""

from __future__ import annotations

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from sim import golden
from tests.gen.formats.qdq_nets import FRAMES, QdqNet, compare
from tests.gen.onnx_models import CLASSES


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


def averaged(net: QdqNet, factor: np.ndarray, kind: str = "Mul") -> str:
    """A global average of six channels, and something affine of it that is quantised."""
    x = net.layer(net.x, "conv1", 3, 6, 3, strides=[2, 2])
    x = net.net.node("GlobalAveragePool", [x], "average")
    return net.net.node(kind, [x, net.net.constant("factor", factor.astype(np.float32))], "by")


@pytest.mark.parametrize(("kind", "factor"), [("Mul", 0.75), ("Div", 1.25)])
def test_averages_times_a_constant(kind, factor):
    net = QdqNet()
    x = net.settle(averaged(net, np.array(factor), kind), "average")
    compare(net, net.settle(net.weighed(net.flat(x), "fc", 6, CLASSES), "fc", signed=True))
    end = QdqNet()
    x = end.settle(averaged(end, np.array(factor), kind), "average")
    y = end.flat(x)
    network = end.imported(y)
    got = golden.class_sums(network, FRAMES) * network.output.scale
    assert np.abs(got - end.run(y)).max() <= end.units[x]


@pytest.mark.parametrize(("kind", "factor"), [
    ("Mul", np.array(-1.0)), ("Add", np.array(1.0)), ("Mul", np.arange(1, 7).reshape(1, 6, 1, 1)),
])  # fmt: skip
def test_other_arithmetic_behind_an_average_is_refused(kind, factor):
    net = QdqNet()
    y = net.settle(averaged(net, factor, kind), "average", scale=1.0)
    with pytest.raises(FirebrickError, match=rf"'by' \({kind}\): behind the global average only a"):
        net.imported(net.flat(y))
