"""ONNX files that are models, and files that are none."""

import onnx
import pytest
from onnx import helper

from gen.formats.onnx_file import read_model, without_functions
from tests.gen.formats.single_nodes import refusal
from tests.gen.onnx_models import OnnxBuilder


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


def with_function(times: int, inputs: int) -> onnx.ModelProto:
    """A model with a function of one input, which is given some times, and used with some."""
    net = OnnxBuilder()
    net.node("Own", ["data"] * inputs, "it", domain="mine")
    model = net.model(net.nodes[-1].output[0])
    model.opset_import.append(helper.make_opsetid("mine", 1))
    inner = [helper.make_node("Relu", ["x"], ["y"])]
    versions = [helper.make_opsetid("", 13)]
    made = helper.make_function("mine", "Own", ["x"], ["y"], inner, versions)
    model.functions.extend([made] * times)
    return model


def test_functions_are_written_out():
    assert [n.op_type for n in without_functions(with_function(1, 1)).graph.node] == ["Relu"]


@pytest.mark.parametrize(("times", "inputs", "told"), [
    (1, 2, "Number of actual"), (2, 1, "Model contains multiple local functions"),
])  # fmt: skip
def test_functions_that_do_not_fit(times, inputs, told):
    message = refusal(without_functions, with_function(times, inputs))
    assert message.startswith(f"its local functions cannot be written out ({told}")
    assert message.endswith("); export it without them")
