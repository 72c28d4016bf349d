"""Batch norms and arithmetic with constants in QDQ graphs."""

from __future__ import annotations

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from tests.gen.formats.qdq_nets import QdqNet, compare
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
