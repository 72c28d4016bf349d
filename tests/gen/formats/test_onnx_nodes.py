"""Reading ONNX files node by node, each function by itself."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_nodes import (
    MAX_FOLDED,
    MOST_PIXELS,
    MOST_SIDE,
    Nodes,
    attributes,
    read_ceiling,
    read_model,
    refuse,
)
from tests.gen.onnx_models import HEIGHT, WIDTH, OnnxBuilder

SHAPE = (7, 6, 2)


def refusal(function, *arguments) -> str:
    with pytest.raises(FirebrickError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def node(kind: str, inputs: Any = ("x",), name: Any = "it", **values: Any) -> onnx.NodeProto:
    return helper.make_node(kind, list(inputs), ["y"], name, **values)


def nodes(net: OnnxBuilder, shape=(1, 3, HEIGHT, WIDTH)) -> Nodes:
    return Nodes(net.model(net.nodes[-1].output[0] if net.nodes else "y", shape=shape))


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


# Files


def test_a_model_is_read(tmp_path):
    net = OnnxBuilder()
    model = net.model(net.conv("data", "conv1", 3, 4))
    onnx.save(model, tmp_path / "net.onnx")
    for path in (tmp_path / "net.onnx", str(tmp_path / "net.onnx")):
        assert read_model(path) == model


def test_files_that_are_no_models(tmp_path):
    missing = tmp_path / "none.onnx"
    assert refusal(read_model, missing) == (
        f"{missing}: no such model file; give an ONNX file or a network.npz"
    )
    assert refusal(read_model, tmp_path) == (
        f"{tmp_path}: a folder, not a model file; give an ONNX file or a network.npz"
    )
    text = tmp_path / "text.onnx"
    text.write_bytes(b"no\nmodel\n" * 100)
    assert refusal(read_model, text).startswith(f"{text}: not a readable ONNX model (")
    assert refusal(read_model, text).endswith("); download or export it again")
    empty = tmp_path / "empty.onnx"
    empty.write_bytes(b"")
    assert refusal(read_model, empty) == (
        f"{empty}: not an ONNX model with any layers in it; export it again"
    )


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


# The model's input


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


def test_the_one_input():
    net = OnnxBuilder()
    net.constant("weights", np.ones(3, np.float32))
    model = net.model("y", shape=(4, 3, 8, 9))
    # Old exporters list initialisers among the inputs.
    old = helper.make_tensor_value_info("weights", TensorProto.FLOAT, (3,))
    model.graph.input.insert(0, old)
    found = Nodes(model)
    assert (found.input_name, found.batch, found.input_shape()) == ("data", 4, (8, 9, 3))
    other = helper.make_tensor_value_info("mask", TensorProto.FLOAT, (3,))
    model.graph.input.append(other)
    expected = "node 'data, mask' (input): is not the only one, there are 2; export one input"
    assert refusal(lambda: Nodes(model).input_name) == expected
    assert refusal(Nodes(model).input_shape) == expected
    del model.graph.input[:]
    expected = "node 'none' (input): is not the only one, there are 0; export one input"
    assert refusal(lambda: Nodes(model).batch) == expected


@pytest.mark.parametrize("batch", ["N", None, 0, 1])
def test_one_frame_at_once_where_the_batch_is_open(batch):
    assert nodes(OnnxBuilder(), (batch, 3, 8, 9)).batch == 1


@pytest.mark.parametrize(("shape", "message"), [
    ((1, 10), "node 'data' (input): has 2 dimensions; a network on images has four"),
    ((1, 3, 8, 8, 8), "node 'data' (input): has 5 dimensions; a network on images has four"),
    ((1, 2, 8, 9), "node 'data' (input): has shape [1, 2, 8, 9]; it must be (batch, channels, "
                   "height, width) or (batch, height, width, channels), with 1, 3 or 4 channels"),
    ((1, 3, "H", 9), "node 'data' (input): has no fixed height and width; give them with "
                     "--input-size H,W"),
    ((1, 3, 8, "W"), "has no fixed height and width; give them with --input-size H,W"),
    ((1, 3, MOST_SIDE + 1, 1), f"sides of {MOST_SIDE} pixels: export the model with smaller ones"),
    ((1, 3, 1, MOST_SIDE + 1), f"sides of {MOST_SIDE} pixels: export the model with smaller ones"),
    ((1, 3, MOST_PIXELS // 3 // 4096 + 1, 4096), f"a frame may have {MOST_PIXELS} bytes and"),
])  # fmt: skip
def test_inputs_that_are_no_pictures(shape, message: str):
    assert message in refusal(nodes(OnnxBuilder(), shape).input_shape)


def test_colours_last():
    found = nodes(OnnxBuilder(), (1, 8, 9, 3))
    assert (found.input_layout, found.input_shape()) == ("NHWC", (8, 9, 3))
    both = nodes(OnnxBuilder(), (1, 3, 9, 3))
    assert (both.input_layout, both.input_shape()) == ("NCHW", (9, 3, 3))


@pytest.mark.parametrize(("shape", "expected"), [
    ((1, 1, 8, 9), ("NCHW", (8, 9, 1))), ((1, 4, 8, 9), ("NCHW", (8, 9, 4))),
    ((1, 8, 9, 1), ("NHWC", (8, 9, 1))), ((1, 8, 9, 4), ("NHWC", (8, 9, 4))),
    ((1, 4, 8, 3), ("NHWC", (4, 8, 3))), ((1, 1, 8, 1), ("NCHW", (8, 1, 1))),
])  # fmt: skip
def test_grey_and_four_channels(shape, expected):
    found = nodes(OnnxBuilder(), shape)
    assert (found.input_layout, found.input_shape()) == expected


@pytest.mark.parametrize("shape", [
    (1, 1, 3), (MOST_SIDE, 1, 3), (1, MOST_SIDE, 3), (MOST_PIXELS // 3 // 4096, 4096, 3),
])  # fmt: skip
def test_the_largest_and_smallest_inputs(shape):
    height, width, channels = shape
    assert nodes(OnnxBuilder(), (1, channels, height, width)).input_shape() == shape


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


# Ceilings


@pytest.mark.parametrize(("low", "high", "expected"), [
    (0, 6, 6.0), (0, None, None), (0, np.inf, None), (0, np.finfo(np.float32).max, None),
])  # fmt: skip
@pytest.mark.parametrize("opset", [6, 11])
def test_ceilings(opset: int, low, high, expected):
    net = OnnxBuilder(opset)
    given = {key: value for key, value in (("min", low), ("max", high)) if value is not None}
    if opset < 11:
        made = node("Clip", **{key: float(value) for key, value in given.items()})
    else:
        made = node("Clip", ("x", *given))
        for key, value in given.items():
            net.constant(key, np.array(value, np.float32))
    net.nodes.append(made)
    found = nodes(net)
    assert read_ceiling(found, found.layers[0]) == expected


@pytest.mark.parametrize(
    "limits", [{"min": -1.0, "max": 1.0}, {"max": 6.0}, {"min": 0.0, "max": 0.0}]
)
def test_other_clips_are_refused(limits):
    net = OnnxBuilder(6)
    net.nodes.append(node("Clip", **limits))
    found = nodes(net)
    message = refusal(read_ceiling, found, found.layers[0])
    assert message.endswith("Clip(0, c) with c above 0 is supported")
