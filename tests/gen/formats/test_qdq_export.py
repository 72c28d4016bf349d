from dataclasses import replace

import numpy as np
import onnx
import pytest

from gen.common.errors import FirebrickError
from gen.formats.default import default_network
from gen.formats.onnx_float import import_float, load_onnx
from gen.formats.qdq_export import export_qdq, to_qdq
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, Conv
from gen.ir.preprocessing import Normalisation
from gen.quantise.post_training import quantise
from sim import golden
from tests.gen.onnx_models import frames, squeezenet
from tests.networks import NetworkBuilder, tiny_network

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))
PICTURES = frames(48)


def quantised(**options) -> QuantizedNetwork:
    graph = import_float(squeezenet(**options), "test")
    return quantise(graph, frames(24, seed=5), normalisation=NORMALISATION)


def assert_same_integers(a: QuantizedNetwork, b: QuantizedNetwork) -> None:
    for op, other in zip(a.ops, b.ops, strict=True):
        assert type(op) is type(other)
        if isinstance(op, Conv):
            np.testing.assert_array_equal(op.weights, other.weights)
            np.testing.assert_array_equal(op.bias, other.bias)
            np.testing.assert_array_equal(op.multiplier, other.multiplier)
            assert (op.stride, op.pad) == (other.stride, other.pad)
            assert op.pad_code == other.pad_code
        if isinstance(op, Add):
            assert op.multiplier == other.multiplier
        if isinstance(op, Conv | Add):
            assert (op.shift, op.low, op.high) == (other.shift, other.low, other.high)
        assert a.tensors[op.name].signed == b.tensors[other.name].signed
        np.testing.assert_allclose(a.tensors[op.name].scale, b.tensors[other.name].scale, rtol=1e-4)
    assert a.labels == b.labels


@pytest.mark.parametrize("last_relu", [False, True])
@pytest.mark.parametrize("first_pad", [0, 1])
def test_the_file_is_the_same_network(tmp_path, last_relu, first_pad):
    network = quantised(last_relu=last_relu, first_pad=first_pad)
    export_qdq(network, tmp_path / "test.onnx")
    again = load_onnx(tmp_path / "test.onnx")
    assert isinstance(again, QuantizedNetwork)
    assert_same_integers(network, again)
    np.testing.assert_array_equal(
        golden.class_sums(network, PICTURES), golden.class_sums(again, PICTURES)
    )
    assert [path.name for path in tmp_path.iterdir()] == ["test.onnx"]


@pytest.mark.parametrize("optimise", [False, True])
@pytest.mark.parametrize("options", [{}, {"first_pad": 1}, {"last_relu": False}, {"ceil": False}])
def test_onnx_runtime_agrees(options, optimise):
    reference = pytest.importorskip("sim.reference")
    network = quantised(**options)
    runtime = reference.session(to_qdq(network), optimise=optimise)
    fed = np.ascontiguousarray(PICTURES.transpose(0, 3, 1, 2))
    logits = runtime.run(None, {"image": fed})[0]
    sums = golden.class_sums(network, PICTURES)
    # a sum of codes may differ where a code lies on an edge: by few codes in few frames
    different = np.abs(logits / network.output.scale - sums) > 0.01
    assert different.any(axis=1).mean() < 0.05
    assert np.abs(logits / network.output.scale - sums).max() < 8
    ranked = np.sort(sums, axis=1)
    clear = ranked[:, -1] > ranked[:, -2]
    assert clear.sum() > 30
    same = logits.argmax(axis=1) == sums.argmax(axis=1)
    assert same[clear].mean() > 0.97


def test_the_default_network_can_be_said():
    network = default_network()
    model = to_qdq(network)
    (fed,) = model.graph.input
    assert fed.type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert [d.dim_value for d in fed.type.tensor_type.shape.dim][1:] == [3, 32, 32]
    assert "raw RGB" in model.graph.doc_string


@pytest.mark.parametrize("seed", range(3))
def test_random_networks(seed):
    pytest.importorskip("onnxruntime")
    network = tiny_network(seed)
    model = to_qdq(network)  # checks by importing it again
    onnx.checker.check_model(model, full_check=True)


def test_the_zero_point_of_the_input_is_what_is_padded_with():
    network = tiny_network(1)
    model = to_qdq(network)
    zero = next(t for t in model.graph.initializer if t.name == f"{INPUT}/zero")
    np.testing.assert_array_equal(onnx.numpy_helper.to_array(zero), [128] * 3)


def altered(network: QuantizedNetwork, name: str, **values) -> QuantizedNetwork:
    ops = [replace(op, **values) if op.name == name else op for op in network.ops]
    return replace(network, ops=tuple(ops))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"low": 7}, "clamps to 7..255"),
        ({"multiplier": np.full(8, 100, np.uint16)}, "cannot be said exactly"),
        ({"bias": np.full(8, 2**31 - 1, np.int32)}, "exceeds 32 bits"),
    ],
)
def test_integers_that_cannot_be_said(tmp_path, values, message):
    network = altered(tiny_network(1), "conv1", **values)
    with pytest.raises(FirebrickError, match=message):
        export_qdq(network, tmp_path / "x.onnx")
    assert not list(tmp_path.iterdir())


def test_paddings_with_different_codes():
    net = NetworkBuilder((6, 6, 3), seed=1)
    a = net.conv("a", INPUT, 4, 3, pad=1, pad_code=10)
    b = net.conv("b", INPUT, 4, 3, pad=1, pad_code=20)
    network = net.finish("both", net.conv("c", net.concat("joined", a, b), 3, 1))
    with pytest.raises(FirebrickError, match="several codes"):
        to_qdq(network)


def edited(edit) -> onnx.ModelProto:
    model = to_qdq(tiny_network(1))
    node = next(n for n in model.graph.node if n.input[0] == "image")
    edit(model, node)
    return model


def set_constant(model, name, value):
    tensor = next(t for t in model.graph.initializer if t.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(value, name))


@pytest.mark.parametrize(
    "edit",
    [
        lambda m, n: set_constant(m, "input/scale", np.array([1, 2, 1], np.float32) / 255),
        lambda m, n: set_constant(m, "input/zero", np.full(3, -5, np.int8)),
    ],
)
def test_inputs_that_are_no_pixels_are_refused(tmp_path, edit):
    onnx.save(edited(edit), tmp_path / "x.onnx")
    with pytest.raises(FirebrickError, match=r"x\.onnx.*input"):
        load_onnx(tmp_path / "x.onnx")
