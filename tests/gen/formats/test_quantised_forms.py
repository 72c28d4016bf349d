"""Files as quantisers leave them, against ONNX Runtime."""

from __future__ import annotations

from functools import partial

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import load_onnx
from gen.formats.onnx_qdq import import_qdq
from gen.formats.qdq_export import to_qdq
from gen.formats.qdq_weights import in_8_bits
from gen.ir.graph import FloatGraph
from gen.ir.ops import Add, AveragePool
from gen.ir.preprocessing import PRESETS
from gen.nodes.graph import Graph
from sim import golden
from tests.gen.formats.statically import assert_agrees, pictures, quantised
from tests.gen.onnx_models import CLASSES, OnnxBuilder, squeezenet

IMAGENET = PRESETS["imagenet"]


@pytest.mark.parametrize("last_relu", [True, False])
@pytest.mark.parametrize("activations", ["QInt8", "QUInt8"])
@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_static_quantisation_of_normalised_pixels(tmp_path, form, activations, last_relu):
    float_model = squeezenet(last_relu=last_relu)
    model = quantised(
        float_model, tmp_path, form=form, activations=activations, normalisation=IMAGENET
    )
    network = import_qdq(model, "test")
    assert len(network.preprocessing.tables) == 3
    assert bool(network.tensors["conv10" if form == "qdq" else "conv10_quant"].zero) != last_relu
    assert_agrees(model, network, IMAGENET)


def residual() -> onnx.ModelProto:
    """Sums without ReLUs before them, pools of averages and a fully connected end."""
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 8, 3, stride=2, pad=1), "conv1")
    a = net.conv(net.relu(net.conv(x, "a1", 8, 6, 3, pad=1), "a1"), "a2", 6, 8, 3, pad=1)
    b = net.conv(x, "b", 8, 8)
    x = net.node("Add", [a, b], "sum")
    x = net.node("AveragePool", [x], "mean", kernel_shape=[2, 2], strides=[2, 2])
    x = net.relu(net.conv(x, "c", 8, 8), "c")
    y = net.node("Flatten", [net.node("GlobalAveragePool", [x], "pool")], "flat")
    weight = net.rng.normal(0, 0.8, (CLASSES, 8)).astype(np.float32)
    bias = net.rng.normal(0, 0.3, CLASSES).astype(np.float32)
    parts = [net.constant("fc.weight", weight), net.constant("fc.bias", bias)]
    return net.model(net.node("Gemm", [y, *parts], "fc", transB=1), shape=(1, 3, 20, 20))


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_asymmetric_sums_averages_and_ends(tmp_path, form):
    model = quantised(residual(), tmp_path, form=form, normalisation=IMAGENET)
    kinds = {node.op_type for node in model.graph.node}
    assert form == "qdq" or {"QLinearAdd", "QGemm", "QLinearAveragePool"} <= kinds
    network = import_qdq(model, "test")
    (total,) = (op for op in network.ops if isinstance(op, Add))
    means = [op for op in network.ops if isinstance(op, AveragePool)]
    assert total.offset
    assert bool(means[0].offset) == (form == "qoperator")  # QDQ gives a pool its input's scale
    assert all(network.tensors[name].zero for name in total.inputs)
    assert_agrees(model, network, IMAGENET, codes=3)


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_a_matrix_product_and_padding_of_asymmetric_codes(tmp_path, form):
    net = OnnxBuilder()
    x = net.conv("data", "conv1", 3, 6, 3, stride=2)  # no ReLU: the zero that is padded is a code
    x = net.conv(x, "depthwise", 1, 6, 3, pad=1, group=6)
    x = net.relu(net.conv(x, "conv2", 6, 6, 3, pad=1), "conv2")
    x = net.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[3, 3])
    weight = net.rng.normal(0, 0.15, (6 * 4 * 3, CLASSES)).astype(np.float32)
    y = net.node("MatMul", [net.node("Flatten", [x]), net.constant("fc.weight", weight)], "fc")
    model = quantised(net.model(y), tmp_path, form=form, normalisation=IMAGENET, per_channel=False)
    kinds = {node.op_type for node in model.graph.node}
    assert form == "qdq" or "QLinearMatMul" in kinds
    network = import_qdq(model, "test")
    _, *padded, _ = network.convs
    for op in padded:
        assert set(op.pad_code) == {network.tensors[op.inputs[0]].zero} != {0}
    assert_agrees(model, network, IMAGENET, codes=3)


def test_weights_of_4_bits_are_stored_as_such(tmp_path):
    model = quantised(squeezenet(), tmp_path, weights="QInt4", normalisation=IMAGENET)
    network = import_qdq(model, "test")
    assert [op.weight_bits for op in network.convs] == [4] * len(network.convs)
    assert network.weight_bit_count == 4 * network.weight_count
    assert_agrees(model, network, IMAGENET)


def with_weights(model: onnx.ModelProto, name: str, kind: int, zero: int) -> onnx.ModelProto:
    """The same weights as codes of another type, from another zero point."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    parts = {t.name: t for t in made.graph.initializer}
    weights = parts[f"{name}.weight_quantized"]
    codes = numpy_helper.to_array(weights).astype(int) + zero
    weights.CopyFrom(helper.make_tensor(weights.name, kind, codes.shape, codes.reshape(-1)))
    point = parts[f"{name}.weight_zero_point"]
    count = max(int(np.prod(point.dims)), 1)
    point.CopyFrom(helper.make_tensor(point.name, kind, point.dims, [zero] * count))
    return made


def test_asymmetric_weights_of_4_bits_get_a_codebook(tmp_path):
    model = quantised(squeezenet(), tmp_path, weights="QInt4", normalisation=IMAGENET)
    # codes -7..7 become 0..15 from a zero point of 4, where those below -4 are cut
    parts = {t.name: t for t in model.graph.initializer}
    given = parts["conv10.weight_quantized"]
    codes = numpy_helper.to_array(given).astype(int).clip(-4, 11)
    given.CopyFrom(helper.make_tensor(given.name, TensorProto.INT4, codes.shape, codes.reshape(-1)))
    model = with_weights(model, "conv10", TensorProto.UINT4, 4)
    network = import_qdq(model, "test")
    conv = network.convs[-1]
    assert (conv.weight_bits, conv.codebook) == (4, None)  # -4..7 fit
    change(model, "conv10.weight_quantized", [15])
    conv = import_qdq(model, "test").convs[-1]
    assert conv.codebook is not None
    assert (conv.code_bits, conv.weight_bits, conv.codebook.tolist()) == (4, 5, [*range(-4, 12)])
    assert_agrees(model, import_qdq(model, "test"), IMAGENET)


def change(model: onnx.ModelProto, name: str, first: list[int]) -> None:
    """Other first codes of an initialiser."""
    tensor = next(t for t in model.graph.initializer if t.name == name)
    codes = numpy_helper.to_array(tensor).astype(int).reshape(-1)
    codes[: len(first)] = first
    tensor.CopyFrom(helper.make_tensor(name, tensor.data_type, tensor.dims, codes))


@pytest.mark.parametrize(("build", "form"), [
    (partial(squeezenet, last_relu=False), "qoperator"), (residual, "qdq"),
])  # fmt: skip
def test_asymmetric_weights_of_8_bits_are_exact(tmp_path, build, form):
    """Less their zero points they take 9 bits: the channels that need that are read twice."""
    model = quantised(
        build(), tmp_path, form=form, activations="QUInt8", weights="QUInt8",
        per_channel=False, normalisation=IMAGENET,
    )  # fmt: skip
    network = import_qdq(model, "test")
    twice = [op for op in network.convs if "_again" in op.name]
    assert twice
    asymmetric = [op for op in twice if network.tensors[op.inputs[0]].zero]
    assert bool(asymmetric) == (build is residual)
    assert network.source["weights"] == f"of 9 bits in {len(twice)} layers, as sums of two of 8"
    assert Graph.of(network).nodes
    frames = network.preprocessing.coded(pictures(model))
    for op in twice:  # copies, whatever the zero points
        codes = golden.run(network, frames)
        at = op.weights[:, 0, 0].argmax(axis=1)
        np.testing.assert_array_equal(codes[op.name], codes[op.inputs[0]][..., at])
    assert_agrees(model, network, IMAGENET)
    if build is residual:  # whose first layer pads: each channel with the code of its own mean
        with pytest.raises(FirebrickError, match="conv1: its pad_code cannot be said exactly"):
            to_qdq(network)
        return
    again = import_qdq(to_qdq(network), "test")
    np.testing.assert_array_equal(
        golden.class_sums(again, frames), golden.class_sums(network, frames)
    )


@pytest.mark.parametrize("weights", [
    [[[[0, 5, -3]]]], [[[[127, -128, 0]]]], [[[[128, -129, 3]]]],
    [[[[255, 0, -255]], [[1, 2, 129]]]],
])  # fmt: skip
def test_weights_of_9_bits_are_sums_of_such_of_8(weights):
    given = np.array(weights)
    made, again = in_8_bits(given)
    assert made.min() >= -128
    assert made.max() <= 127
    total = made[..., :3].copy()
    for at, channel in enumerate(again):
        total[..., channel] += made[..., 3 + at]
    np.testing.assert_array_equal(total, given)
    assert bool(len(again)) == (given.max() > 127 or given.min() < -128)


def test_weights_of_more_bits_are_left():
    made, again = in_8_bits(np.full((1, 1, 1, 2), 256))
    assert (made == 256).all()
    assert not len(again)


def test_asymmetric_weights_of_a_depthwise_layer_are_refused(tmp_path):
    net = OnnxBuilder()
    x = net.relu(net.conv("data", "conv1", 3, 6, 3, stride=2), "conv1")
    x = net.relu(net.conv(x, "depthwise", 1, 6, 3, group=6), "depthwise")
    model = net.model(net.node("GlobalAveragePool", [net.conv(x, "conv2", 6, CLASSES)], "pool"))
    model = quantised(model, tmp_path, activations="QUInt8", weights="QUInt8", per_channel=False)
    message = r"'depthwise' \(Conv\): its weights are -?\d+ to \d+ steps .*; quantise weights symm"
    with pytest.raises(FirebrickError, match=message):
        import_qdq(model, "test")


def test_operators_on_codes_that_the_runtime_lacks(tmp_path):
    """QLinearReduceMean over the map is QLinearGlobalAveragePool, which it is held against."""
    model = quantised(squeezenet(), tmp_path, form="qoperator", normalisation=IMAGENET)
    expected = import_qdq(model, "test").digest
    node = next(n for n in model.graph.node if n.op_type == "QLinearGlobalAveragePool")
    node.op_type = "QLinearReduceMean"
    for axes in ([2, 3], [-1, -2]):
        del node.attribute[:]
        node.attribute.append(helper.make_attribute("axes", axes))
        assert import_qdq(model, "test").digest == expected
    node.attribute[0].CopyFrom(helper.make_attribute("axes", [1]))
    with pytest.raises(FirebrickError, match=r"\(ReduceMean\): is over something else than height"):
        import_qdq(model, "test")


@pytest.mark.parametrize("kind", ["QLinearLeakyRelu", "QLinearSigmoid", "QLinearMul"])
def test_other_operators_on_codes_are_refused(tmp_path, kind):
    model = quantised(squeezenet(), tmp_path, form="qoperator", normalisation=IMAGENET)
    node = next(n for n in model.graph.node if n.op_type == "QLinearGlobalAveragePool")
    node.op_type = kind
    del node.attribute[:]
    with pytest.raises(FirebrickError, match=r"node 'pool10_quant' \(.*\): .*; "):
        import_qdq(model, "test")


def test_weights_alone_as_codes_make_a_float_network(tmp_path):
    float_model, values = squeezenet(), {}
    made = onnx.ModelProto()
    made.CopyFrom(float_model)
    del made.graph.node[:]
    for node in float_model.graph.node:
        if node.op_type == "Conv":
            name = node.input[1]
            tensor = next(t for t in made.graph.initializer if t.name == name)
            values[name] = numpy_helper.to_array(tensor)
            scale = np.abs(values[name]).max(axis=(1, 2, 3)) / 7
            codes = np.rint(values[name] / scale[:, None, None, None]).astype(int)
            tensor.CopyFrom(helper.make_tensor(name, TensorProto.INT4, codes.shape, codes.ravel()))
            made.graph.initializer.append(numpy_helper.from_array(scale, f"{name}_s"))
            values[name] = codes * scale[:, None, None, None]
            given = [name, f"{name}_s"]
            made.graph.node.append(
                helper.make_node("DequantizeLinear", given, [f"{name}_r"], f"{name}_dq", axis=0)
            )
            node.input[1] = f"{name}_r"
        made.graph.node.append(node)
    onnx.save(made, tmp_path / "weights.onnx")
    graph = load_onnx(tmp_path / "weights.onnx")
    assert isinstance(graph, FloatGraph)
    for op in graph.convs:
        expected = values[
            f"{op.name.replace('fire2_', 'fire2.').replace('fire3_', 'fire3.')}.weight"
        ]
        np.testing.assert_allclose(op.weights, expected.transpose(0, 2, 3, 1), rtol=1e-6)


@pytest.mark.parametrize(("kind", "inputs"), [
    ("DynamicQuantizeLinear", ["data"]),
    ("ConvInteger", ["data", "w"]),
    ("MatMulInteger", ["data", "w"]),
])  # fmt: skip
def test_scales_of_each_frame_are_refused(kind, inputs):
    net = OnnxBuilder()
    net.constant("w", np.ones((3, 3, 1, 1), np.uint8))
    y = net.node(kind, inputs, "dyn", outputs=3 if kind.startswith("Dyn") else 1)
    with pytest.raises(FirebrickError, match=rf"'dyn' \({kind}\): .*quantise statically"):
        import_qdq(net.model(y), "test")


@pytest.mark.parametrize("build", [residual, partial(squeezenet, last_relu=False)])
def test_zero_points_and_tables_are_exported(tmp_path, build):
    model = quantised(build(), tmp_path, normalisation=IMAGENET)
    network = import_qdq(model, "test")
    again = import_qdq(to_qdq(network), "test")
    assert again.preprocessing == network.preprocessing
    for op, other in zip(network.ops, again.ops, strict=True):
        assert again.tensors[other.name].zero == network.tensors[op.name].zero
    frames = network.preprocessing.coded(pictures(model))
    np.testing.assert_array_equal(
        golden.class_sums(again, frames), golden.class_sums(network, frames)
    )
