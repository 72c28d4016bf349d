"""A graph's constants, the layers that remain, and their names."""

import numpy as np
import pytest
from onnx import helper

from gen.formats.onnx_nodes import MAX_FOLDED, Nodes
from tests.gen.formats.single_nodes import node, nodes, refusal
from tests.gen.onnx_models import OnnxBuilder

# Constants


def test_constants_are_evaluated_in_chains_and_layers_remain_in_order():
    net = OnnxBuilder()
    two = net.constant("two", np.array([2.0, 3.0], np.float32))
    three = net.node("Constant", [], "three", value_float=3.0)
    six = net.node("Mul", [two, three], "mul")
    last = net.node("Neg", [six], "neg")
    net.node("Relu", ["data"], "first")
    net.node("Mul", ["data", last], "second")
    found = nodes(net)
    assert [layer.name for layer in found.layers] == ["first", "second"]
    np.testing.assert_array_equal(found.constants[two], [2, 3])
    np.testing.assert_array_equal(found.constants[six], [6, 9])
    np.testing.assert_array_equal(found.constants[last], [-6, -9])


def test_every_output_of_a_folded_node_is_a_constant():
    net = OnnxBuilder()
    net.node("Split", [net.constant("both", np.arange(4.0, dtype=np.float32))], "cut", outputs=2)
    first, second = net.nodes[-1].output
    found = nodes(net)
    np.testing.assert_array_equal(found.constants[first], [0, 1])
    np.testing.assert_array_equal(found.constants[second], [2, 3])


def test_optional_inputs_and_outputs_may_be_left_out():
    net = OnnxBuilder()
    net.constant("x", np.array([-3.0, 9.0], np.float32))
    net.constant("most", np.array(5.0, np.float32))
    clipped = net.node("Clip", ["x", "", "most"], "clip")
    net.nodes.append(
        helper.make_node("TopK", ["x", net.constant("one", np.array([1]))], ["", "at"])
    )
    found = nodes(net)
    np.testing.assert_array_equal(found.constants[clipped], [-3, 5])
    np.testing.assert_array_equal(found.constants["at"], [1])
    assert "" not in found.constants


def test_quantised_weights_stay_layers():
    net = OnnxBuilder()
    codes = net.constant("codes", np.array([1, 2], np.int8))
    scale = net.constant("scale", np.array(0.5, np.float32))
    y = net.node("DequantizeLinear", [codes, scale], "dq")
    found = nodes(net)
    assert [layer.name for layer in found.layers] == ["dq"]
    assert y not in found.constants


def test_a_node_without_outputs_is_no_constant():
    net = OnnxBuilder()
    net.nodes.append(helper.make_node("Constant", [], [], "none", value_float=3.0))
    assert [layer.name for layer in Nodes(net.model("y")).layers] == ["none"]


def test_constants_that_cannot_be_folded_name_the_node():
    net = OnnxBuilder()
    two, three = (net.constant(f"c{n}", np.ones(n, np.float32)) for n in (2, 3))
    net.node("Add", [two, three], "sum")
    message = refusal(nodes, net)
    assert message.startswith("node 'sum' (Add): cannot be folded into a constant (")


def test_constants_too_large_to_fold():
    net = OnnxBuilder()
    x = net.constant("x", np.zeros(MAX_FOLDED + 1, bool))
    net.node("Not", [x], "not")
    expected = "node 'not' (Not): computes on constants of more than 16777216 numbers; fold"
    assert refusal(nodes, net).startswith(expected)


def test_constant_inputs():
    net = OnnxBuilder()
    net.constant("k", np.array([7]))
    found = nodes(net)
    layer = node("Some", ("data", "k", ""))
    np.testing.assert_array_equal(found.constant(layer, 1), [7])
    assert found.constant(layer, 2) is None
    assert found.constant(layer, 3) is None
    assert refusal(found.constant, layer, 0) == (
        "node 'it' (Some): its input 'data' must be a constant"
    )


@pytest.mark.parametrize(("values", "expected"), [
    ({}, [1, 5, 3, 2]), ({"start": 1}, [5, 3, 2]), ({"end": 2}, [1, 5]),
    ({"start": -3, "end": -1}, [5, 3]), ({"start": 3, "end": 99}, [2]),
])  # fmt: skip
def test_shapes_become_constants(values, expected):
    found = nodes(OnnxBuilder())
    found.fold_shape(node("Shape", **values), (1, 5, 3, 2))
    np.testing.assert_array_equal(found.constants["y"], expected)
    assert found.constants["y"].dtype == np.int64


@pytest.mark.parametrize(("layer", "expected"), [
    (node("Flatten"), (1, 5)),
    (node("Flatten", axis=-1), (5, 1)),
    (node("Reshape", ("x", "target")), (5, 1)),
    (node("Squeeze", ("x", "axes")), (1, 5)),
    (node("Squeeze", ("x", "")), (5,)),
])  # fmt: skip
def test_shapes_behind_reshaping_nodes(layer, expected):
    net = OnnxBuilder()
    net.constant("target", np.array([-1, 1]))
    net.constant("axes", np.array([-1, -2]))
    assert nodes(net).reshaped(layer, (1, 5, 1, 1)) == expected


def test_reshaping_what_does_not_fit_names_the_node():
    net = OnnxBuilder()
    net.constant("target", np.array([2, 3]))
    layer = node("Reshape", ("x", "target"))
    assert "node 'it' (Reshape): cannot be folded" in refusal(nodes(net).reshaped, layer, (1, 5))
    open_target = node("Reshape", ("x", "z"))
    assert "its input 'z' must be a constant" in refusal(nodes(net).reshaped, open_target, (1, 5))


@pytest.mark.parametrize("opset", [9, 13, 18])
def test_opset(opset: int):
    model = OnnxBuilder(opset).model("y")
    assert Nodes(model).opset == opset
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 99))
    assert Nodes(model).opset == opset
    model.opset_import[0].domain = "ai.onnx"
    assert Nodes(model).opset == opset
    del model.opset_import[:]
    assert Nodes(model).opset == 1


# Names


@pytest.mark.parametrize(("layer", "expected"), [
    (node("Relu", name="relu1"), "relu1"),
    (node("Relu", name="/features/3/Relu"), "features_3"),
    (node("Relu", name="a/Conv"), "a_Conv"),
    (node("Relu", name=""), "y"),
    (node("Relu", name="3"), "relu_3"),
    (node("Relu", name="//"), "y"),
    (node("Relu", name="--"), "relu_"),
    (node("Relu", name="é.b c"), "b_c"),
    (node("Conv", ("x", "fire2.squeeze.weight"), name="/f/Conv"), "fire2_squeeze"),
    (node("Conv", ("x", "onnx::Conv_12"), name="/f/Conv"), "f"),
    (node("Gemm", ("x", "fc.weight"), name="last"), "last"),
    (node("Relu", name="input"), "input_2"),
    (node("Relu", name="board"), "board_2"),
])  # fmt: skip
def test_names_are_identifiers_close_to_the_models(layer, expected: str):
    assert nodes(OnnxBuilder()).new_name(layer) == expected


def test_names_are_unique():
    found = nodes(OnnxBuilder())
    names = [found.new_name(node("Relu", name=name)) for name in ("a", "a", "a_2", "/a", "b")]
    assert names == ["a", "a_2", "a_2_2", "a_3", "b"]
