import re

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import load_onnx
from gen.formats.onnx_qdq import import_qdq
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT
from gen.ir.preprocessing import Normalisation
from sim import golden, reference
from tests.gen.onnx_models import CLASSES, QdqBuilder, frames, qdq_squeezenet


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
    network = import_qdq(model, "qdq")
    initialisers = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    for conv in network.convs:
        codes = initialisers[f"{conv.name}_w"].transpose(0, 2, 3, 1)
        np.testing.assert_array_equal(conv.weights, codes)
        np.testing.assert_array_equal(conv.bias, initialisers[f"{conv.name}_b"])
    assert network.op("expand1x1").high == round(255 * 8 / 20)
    assert network.op("expand3x3").high == 255
    assert network.tensors["expand1x1"].scale == network.tensors["cat"].scale == 20.0
    assert network.tensors["conv10"].signed


@pytest.mark.parametrize(("tensor", "value", "message"), [
    ("data_s", np.float32(0.02), "are not the raw pixels"),
    ("pool1_s", np.float32(4.0), "has scale 5 already, not 4"),
    ("conv10_s", np.float32(0), "scale 0 is no positive number"),
])  # fmt: skip
def test_qdq_refusals(tensor, value, message):
    model, _ = qdq_squeezenet()
    for initialiser in model.graph.initializer:
        if initialiser.name == tensor:
            initialiser.CopyFrom(onnx.numpy_helper.from_array(np.asarray(value), tensor))
    with pytest.raises(FirebrickError, match=re.escape(message)):
        import_qdq(model, "qdq")


def small_qdq(edit=lambda q, x: None) -> onnx.ModelProto:
    """Two layers and a tail; ``edit`` may put something between the first and its quantisation."""
    q = QdqBuilder()
    x = q.quantise("data", "data", 1.0, q.unsigned_zero)
    x = q.conv(x, "conv1", 3, 8, 3, 1.0, strides=[2, 2])
    x = edit(q, x) or q.quantise(q.net.relu(x, "conv1"), "conv1", 5.0, q.unsigned_zero)
    x = q.conv(x, "conv10", 8, CLASSES, 1, 5.0)
    x = q.quantise(x, "conv10", 6.0, q.symmetric_zero)
    return q.net.model(q.net.node("Flatten", [q.net.node("GlobalAveragePool", [x])], "flat"))


def change(model: onnx.ModelProto, name: str, function) -> None:
    """Replace an initialiser by ``function`` of it."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(numpy_helper.from_array(function(numpy_helper.to_array(tensor)), name))


def assert_runtime_agrees(model: onnx.ModelProto, network: QuantizedNetwork) -> None:
    pictures = frames(12)
    runtime = reference.session(model, optimise=False)
    expected = reference.logits(runtime, pictures, Normalisation())
    sums = golden.class_sums(network, pictures) * network.output.scale
    assert np.sqrt(np.mean((sums - expected) ** 2)) < 0.01 * expected.std()


def at(channel: int, value: float):
    """A function that puts ``value`` into a copy of an array."""

    def function(values: np.ndarray) -> np.ndarray:
        values = values.copy()
        values[channel] = value
        return values

    return function


@pytest.mark.parametrize(("scale", "bias"), [(20.0, 2), (1e-7, 10**8), (0.0, 5)])
def test_a_dead_channel_costs_the_others_no_precision(scale, bias):
    model = small_qdq()
    whole = import_qdq(model, "qdq").convs[0]
    for part, value in (("w", 0), ("w_s", scale), ("b", bias), ("b_s", scale)):
        change(model, f"conv1_{part}", at(2, value))
    network = import_qdq(model, "qdq")
    conv = network.convs[0]
    assert conv.bias[2] == round(bias * scale / conv.weight_scale[2])
    assert conv.multiplier[2] == conv.multiplier.max()
    live = np.arange(8) != 2
    np.testing.assert_array_equal(conv.bias[live], whole.bias[live])
    np.testing.assert_allclose(
        conv.multiplier[live] * 2.0**-conv.shift,
        whole.multiplier[live] * 2.0**-whole.shift,
        rtol=1e-4,
    )
    assert_runtime_agrees(model, network)


def test_dead_channels_with_scales_like_the_others_keep_them():
    model = small_qdq()
    whole = import_qdq(model, "qdq").convs[0]
    change(model, "conv1_w", at(2, 0))
    conv = import_qdq(model, "qdq").convs[0]
    np.testing.assert_array_equal(conv.multiplier, whole.multiplier)
    np.testing.assert_array_equal(conv.bias, whole.bias)


def test_a_live_channel_too_weak_for_its_multiplier_is_refused():
    model = small_qdq()
    for part in ("w_s", "b_s"):
        change(model, f"conv1_{part}", at(2, 1e3))
    with pytest.raises(FirebrickError, match=r"node 'conv1' \(Conv\): the weight scale of chan"):
        import_qdq(model, "qdq")


def test_a_live_channel_that_hardly_moves_the_output_is_kept():
    model = small_qdq()
    change(model, "conv1_w_s", at(2, 1e-6))
    change(model, "conv1_b_s", at(2, 1e-6))
    network = import_qdq(model, "qdq")
    assert network.convs[0].multiplier[2] < 8
    assert_runtime_agrees(model, network)


def test_scales_that_are_not_positive_are_refused():
    model = small_qdq()
    change(model, "conv1_w_s", at(2, 0.0))
    with pytest.raises(FirebrickError, match=r"'conv1' \(Conv\): its weights' scales"):
        import_qdq(model, "qdq")


def without_zero_point(model: onnx.ModelProto, **attributes) -> onnx.ModelProto:
    """The classifier's quantisation without its zero point, in opset 21."""
    for node in model.graph.node:
        if node.name in ("conv10_q", "conv10_dq"):
            del node.input[2]
        if node.name == "conv10_q":
            node.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
    model.opset_import[0].version = 21
    model.ir_version = 10
    return model


def test_codes_without_a_zero_point_have_their_output_dtype():
    model = without_zero_point(small_qdq(), output_dtype=TensorProto.INT8)
    network = import_qdq(model, "qdq")
    assert network.tensors["conv10"].signed
    assert_runtime_agrees(model, network)
    network = import_qdq(without_zero_point(small_qdq()), "qdq")
    assert not network.tensors["conv10"].signed
    with pytest.raises(FirebrickError, match="must be 8 bits with one scale, not int16"):
        import_qdq(without_zero_point(small_qdq(), output_dtype=TensorProto.INT16), "qdq")


def raw_behind(q: QdqBuilder, x: str) -> str:
    q.quantise(q.net.relu(x, "conv1"), "conv1", 5.0, q.unsigned_zero)
    return q.quantise(x, "raw", 5.0, q.symmetric_zero)


def raw_before(q: QdqBuilder, x: str) -> str:
    q.net.node("Concat", [x, x], "cat", axis=1)
    return q.quantise(q.net.relu(x, "conv1"), "conv1", 5.0, q.unsigned_zero)


@pytest.mark.parametrize(("edit", "message"), [
    (raw_behind, r"node 'raw_q' \(QuantizeLinear\): .* or was merged with a ReLU"),
    (raw_before, r"node 'conv1_relu' \(Relu\): cannot be merged into 'conv1', whose value others"),
])  # fmt: skip
def test_value_read_with_and_without_relu_is_refused(edit, message):
    with pytest.raises(FirebrickError, match=message):
        import_qdq(small_qdq(edit), "qdq")


def test_axes_of_weight_scales():
    model = small_qdq()
    expected = import_qdq(model, "qdq")
    nodes = {node.name: node for node in model.graph.node}
    for name, axis in (("conv1_w_dq", -4), ("conv1_b_dq", -1)):
        nodes[name].attribute[0].i = axis
    assert import_qdq(model, "qdq").digest == expected.digest
    nodes["conv1_w_dq"].attribute[0].i = -3
    with pytest.raises(FirebrickError, match="one scale an output channel"):
        import_qdq(model, "qdq")


def test_tails_that_change_classes_are_refused():
    model = small_qdq()
    order = numpy_helper.from_array(np.arange(CLASSES)[::-1].copy(), "order")
    model.graph.initializer.append(order)
    model.graph.node.append(
        helper.make_node("Gather", [model.graph.output[0].name, "order"], ["y"], "turn", axis=1)
    )
    model.graph.output[0].name = "y"
    with pytest.raises(FirebrickError, match=r"node 'turn' \(Gather\): unsupported behind"):
        import_qdq(model, "qdq")


def test_one_scale_a_class_behind_the_average_is_refused():
    model = small_qdq()
    scales = numpy_helper.from_array(np.ones(CLASSES, np.float32), "scales")
    zeros = numpy_helper.from_array(np.zeros(CLASSES, np.int8), "zeros")
    model.graph.initializer.extend([scales, zeros])
    y = model.graph.output[0].name
    tail = helper.make_node("QuantizeLinear", [y, "scales", "zeros"], ["y"], "tail_q", axis=1)
    model.graph.node.append(tail)
    model.graph.output[0].name = "y"
    with pytest.raises(FirebrickError, match=r"'tail_q' \(QuantizeLinear\): .*one scale for all"):
        import_qdq(model, "qdq")
