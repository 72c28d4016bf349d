"""QONNX files, as Brevitas exports them, against an executor of our own for their operator."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from bench.qonnx_reference import QonnxSession
from gen.common.errors import FirebrickError
from gen.formats.onnx_float import load_onnx
from gen.formats.onnx_qdq import import_qdq
from gen.formats.qdq_export import to_qdq
from gen.ir.graph import FloatGraph
from gen.ir.preprocessing import PRESETS, Expected
from sim import golden, reference
from tests.gen.formats.qonnx_models import DOMAIN, Net, network
from tests.gen.formats.statically import FRAMES
from tests.gen.onnx_models import CLASSES

UNIT = PRESETS["unit"]


def logits(model: onnx.ModelProto, pictures: np.ndarray) -> np.ndarray:
    return reference.logits(QonnxSession(model), pictures, UNIT)


@pytest.mark.parametrize(("bits", "act_bits", "step", "norm"), [
    (4, 8, 0.01, False), (4, 8, 0.01, True), (3, 4, 0.1, True), (2, 2, 0.4, False),
])  # fmt: skip
def test_networks_of_few_bits(bits, act_bits, step, norm):
    """Also with what trainers leave: batch norms, and biases with a scale of their own."""
    model = network(bits=bits, act_bits=act_bits, step=step, norm=norm)
    made = import_qdq(model, "test")
    assert [op.code_bits for op in made.convs] == [8, bits, bits, bits, 8]
    assert made.op("squeeze").high == 2**act_bits - 1
    assert not made.preprocessing.tables
    expected = logits(model, FRAMES[:8])
    got = golden.class_sums(made, FRAMES[:8]) * made.output.scale
    assert expected.std() > 0.05
    away = np.abs(got - expected)
    assert np.median(away) < 2e-3
    assert away.max() < 0.12 * step + 0.01  # a code of an inner layer in some of the pixels
    np.testing.assert_array_equal(got.argmax(axis=1), expected.argmax(axis=1))


def test_narrow_weights_stay_narrow_in_an_exported_file():
    made = import_qdq(network(bits=2, act_bits=2, step=0.4), "test")
    assert [op.weight_bits > op.code_bits for op in made.convs].count(True) >= 2
    again = import_qdq(to_qdq(made), "test")
    assert [op.code_bits for op in again.convs] == [op.code_bits for op in made.convs]
    for op, other in zip(made.convs, again.convs, strict=True):
        np.testing.assert_array_equal(op.weights, other.weights)
        np.testing.assert_array_equal(op.bias, other.bias)


def edited(**said: Any) -> onnx.ModelProto:
    """With other attributes at an activation's Quant."""
    model = network()
    node = next(n for n in model.graph.node if n.name == "squeeze_act")
    for name, value in said.items():
        left = [a for a in node.attribute if a.name != name]
        del node.attribute[:]
        node.attribute.extend([*left, helper.make_attribute(name, value)])
    return model


def constant(model: onnx.ModelProto, name: str, value: Any) -> onnx.ModelProto:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(value, np.float32), name))
    return model


@pytest.mark.parametrize(("model", "message"), [
    (edited(rounding_mode="FLOOR"), r"'squeeze_act' \(Quant\): rounds activations by FLOOR; ROUND"),
    (edited(rounding_mode="ODD"), r"\(Quant\): has the unknown rounding_mode ODD; ROUND is"),
    (constant(network(), "squeeze_act_bits", 16), r"\(Quant\): makes activations of 16 bits;"),
    (constant(network(), "squeeze_act_bits", 3.5), r"\(Quant\): has a bit width of 3.5; whole"),
    (constant(network(), "squeeze_act_z", 0.5), r"\(Quant\): has a zero point that is no code;"),
])  # fmt: skip
def test_what_a_board_cannot_round_is_refused(model, message):
    with pytest.raises(FirebrickError, match=message):
        import_qdq(model, "test")


def test_narrow_codes_lack_their_last():
    made = import_qdq(edited(narrow=1), "test")
    assert (made.op("squeeze").low, made.op("squeeze").high) == (0, 254)


def test_weights_alone_make_a_float_network(tmp_path):
    model = network()
    for node in list(model.graph.node):
        if node.op_type == "Quant" and "weight" not in node.name:
            node.CopyFrom(helper.make_node("Identity", node.input[:1], node.output, node.name))
    onnx.save(model, tmp_path / "weights.onnx")
    graph = load_onnx(tmp_path / "weights.onnx")
    assert isinstance(graph, FloatGraph)
    parts = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    scale = parts["squeeze_weight_quant_s"]
    expected = np.rint(parts["squeeze.weight"] / scale) * scale
    np.testing.assert_allclose(graph.convs[1].weights, expected.transpose(0, 2, 3, 1), rtol=1e-6)


def test_one_bit_weights_have_two_values():
    net = Net(17)
    x = net.quant("data", "input", 1 / 255, 8, signed=0)
    weight = net.rng.normal(0, 1, (CLASSES, 3, 3, 3)).astype(np.float32)
    parts = [net.constant("w", weight), net.constant("w_s", np.full((), 0.2, "f4"))]
    y = net.node("Conv", [x, net.node("BipolarQuant", parts, "two", domain=DOMAIN)], "conv")
    y = net.quant(net.relu(y, "conv"), "act", 0.02, 8, signed=0)
    made = import_qdq(net.model(net.node("GlobalAveragePool", [y], "mean")), "test")
    (conv,) = made.convs
    assert conv.weight_bits == 2
    np.testing.assert_array_equal(conv.weights, np.where(weight >= 0, 1, -1).transpose(0, 2, 3, 1))


def test_signed_codes_of_pixels_are_a_table():
    model = network()
    node = next(n for n in model.graph.node if n.name == "input")
    next(a for a in node.attribute if a.name == "signed").i = 1
    constant(model, "input_s", 1 / 128)
    made = import_qdq(model, "test", expected=Expected(UNIT))
    (red, green, blue) = made.preprocessing.tables
    assert red == green == blue
    assert [red[pixel] for pixel in (0, 1, 2, 128, 255)] == [128, 129, 129, 192, 255]
