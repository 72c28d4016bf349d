"""What one node says, and how it is refused."""

import onnx

from gen.formats.onnx_node import attributes, refuse
from tests.gen.formats.single_nodes import node, refusal


def test_a_refused_node_is_named():
    assert refusal(refuse, node("Relu"), "no") == "node 'it' (Relu): no"
    assert refusal(refuse, node("Relu", name=""), "no") == "node 'y' (Relu): no"
    assert refusal(refuse, onnx.NodeProto(op_type="Relu"), "no") == "node '?' (Relu): no"


def test_attributes_are_python_values():
    made = node("Conv", pads=[1, 2, 3, 4], auto_pad="VALID", group=1, alpha=0.5)
    assert attributes(made) == {
        "pads": [1, 2, 3, 4],
        "auto_pad": b"VALID",
        "group": 1,
        "alpha": 0.5,
    }
    assert attributes(node("Relu")) == {}
