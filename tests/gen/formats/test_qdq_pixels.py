"""What the codes of a quantised network's input are of the pixels."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gen.common.errors import FirebrickError
from gen.formats.fbz import load_fbz, save_fbz
from gen.formats.onnx_qdq import import_qdq
from gen.ir.network_file import load_network, save_network
from gen.ir.preprocessing import PRESETS, UNSAID, Expected, Normalisation
from sim import reference
from tests.gen.formats.statically import FRAMES
from tests.gen.formats.test_onnx_qdq import small_qdq

GREY = Normalisation((10.0, 20.0, 30.0), (40.0, 50.0, 60.0))


def with_input(
    scale: float, zero: np.generic, metadata: dict[str, str] | None = None
) -> onnx.ModelProto:
    """A small network whose input is quantised so."""
    model = small_qdq()
    for name, value in (("data_s", np.float32(scale)), ("data_z", zero)):
        tensor = next(t for t in model.graph.initializer if t.name == name)
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(value), name))
    helper.set_model_props(model, metadata or {})
    return model


def codes(model: onnx.ModelProto, normalisation: Normalisation) -> np.ndarray:
    """What the runtime makes of frames at the file's QuantizeLinear, counted from 0."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    node = next(n for n in made.graph.node if n.op_type == "QuantizeLinear")
    del made.graph.output[:]
    made.graph.output.append(onnx.ValueInfoProto(name=node.output[0]))
    runtime = reference.session(made, optimise=False)
    fed = reference.normalise(FRAMES, normalisation)
    found = np.concatenate([runtime.run(None, {"data": frame[None]})[0] for frame in fed])
    return found.astype(int).transpose(0, 2, 3, 1) - np.iinfo(found.dtype).min


@pytest.mark.parametrize(("preset", "scale", "zero"), [
    ("imagenet", 0.018658448, np.int8(-14)),
    ("imagenet", 0.0207, np.int8(0)),
    ("imagenet", 0.0186, np.uint8(114)),
    ("cifar10", 0.0203, np.uint8(120)),
    ("tf", 1 / 128, np.int8(0)),
    ("unit", 1 / 255, np.int8(-128)),
    ("unit", 0.0039, np.uint8(0)),
    ("raw", 0.99, np.uint8(0)),
])  # fmt: skip
def test_tables_are_the_runtimes_codes(preset, scale, zero):
    model = with_input(scale, zero)
    network = import_qdq(model, "test", expected=Expected(PRESETS[preset]))
    np.testing.assert_array_equal(
        network.preprocessing.coded(FRAMES), codes(model, PRESETS[preset])
    )
    assert network.source["pixels"].endswith("; given")
    assumed = import_qdq(model, "test")
    assert assumed.preprocessing.tables == network.preprocessing.tables or preset == "cifar10"
    assert "assumed from the input's scale; --preprocess, --mean to" in assumed.source["pixels"]


def test_what_the_metadata_says_comes_before_what_is_assumed():
    said = {"mean": "10,20,30", "std": "40,50,60", "channel_order": "bgr"}
    model = with_input(0.026, np.uint8(20), said)
    network = import_qdq(model, "test")
    expected = codes(model, Normalisation(GREY.mean, GREY.std, "BGR"))
    np.testing.assert_array_equal(network.preprocessing.coded(FRAMES), expected[..., ::-1])
    weights = import_qdq(with_input(1.0, np.uint8(0)), "raw").convs[0].weights
    np.testing.assert_array_equal(network.convs[0].weights, weights[..., ::-1])
    assert "as the model's metadata says" in network.source["pixels"]


def test_a_table_is_kept_in_files(tmp_path):
    network = import_qdq(with_input(0.0187, np.int8(-14)), "test")
    save_network(network, tmp_path / "a.npz")
    save_fbz(network, tmp_path / "a.fbz")
    for again in (load_network(tmp_path / "a.npz"), load_fbz(tmp_path / "a.fbz")):
        assert again.preprocessing == network.preprocessing
        assert again.digest == network.digest


def refused(model: onnx.ModelProto, expected: Expected = UNSAID) -> str:
    with pytest.raises(FirebrickError) as caught:
        import_qdq(model, "test", expected=expected)
    return str(caught.value)


@pytest.mark.parametrize(("model", "expected", "message"), [
    (with_input(0.05, np.uint8(7)), UNSAID,
     "node 'data_q' (QuantizeLinear): the input's codes (scale 0.05, values -0.35 to 12.4) are not "
     "the raw pixels, nor those of a customary normalisation; say what the network expects with"),
    (with_input(1.0, np.uint8(0)), Expected(PRESETS["imagenet"]),
     "with mean and deviation as said (RGB, mean 123.675,116.28,103.53, deviation 58.395,57.12,"
     "57.375) pixels are -2.118 to 2.64, but the input's codes 0 to 255; leave out --mean"),
    (with_input(1.0, np.uint8(0), {"channel_order": "GBR"}), UNSAID,
     "channel order 'GBR' is neither RGB nor BGR"),
])  # fmt: skip
def test_pixels_that_cannot_be_told(model, expected, message):
    assert message in refused(model, expected)


def behind(*nodes: onnx.NodeProto, **constants: np.ndarray) -> onnx.ModelProto:
    """The small network with nodes in front that make ``normal`` of ``data``."""
    model = with_input(0.0187, np.int8(-14))
    quantise = next(n for n in model.graph.node if n.name == "data_q")
    quantise.input[0] = "normal"
    at = list(model.graph.node).index(quantise)
    for offset, node in enumerate(nodes):
        model.graph.node.insert(at + offset, node)
    model.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    return model


def normalising(**extra: np.ndarray) -> onnx.ModelProto:
    return behind(
        helper.make_node("Div", ["data", "white"], ["d"], "div"),
        helper.make_node("Sub", ["d", "mean"], ["s"], "sub"),
        helper.make_node("Div", ["s", "std"], ["normal"], "by"),
        white=np.array(255, np.float32),
        mean=np.array([0.485, 0.456, 0.406], np.float32).reshape(1, 3, 1, 1),
        std=np.array([0.229, 0.224, 0.225], np.float32).reshape(1, 3, 1, 1),
        **extra,
    )


def test_what_the_graph_does_before_is_in_the_table():
    model = normalising()
    network = import_qdq(model, "test")
    np.testing.assert_array_equal(
        network.preprocessing.coded(FRAMES), codes(model, Normalisation())
    )
    assert "the model takes pixels of 0 to 255" in network.source["pixels"]


def swapped() -> onnx.ModelProto:
    order = np.array([2, 1, 0])
    turn = helper.make_node("Gather", ["data", "order"], ["turned"], "turn", axis=1)
    halve = helper.make_node("Mul", ["turned", "gain"], ["normal"], "gain")
    return behind(turn, halve, order=order, gain=np.array(0.018, np.float32))


def test_channels_that_the_graph_swaps():
    model = swapped()
    network = import_qdq(model, "test", expected=Expected(PRESETS["raw"]))
    np.testing.assert_array_equal(
        network.preprocessing.coded(FRAMES), codes(model, PRESETS["raw"])[..., ::-1]
    )


def mixed() -> onnx.ModelProto:
    matrix = np.full((3, 3, 1, 1), 0.006, np.float32)
    return behind(helper.make_node("Conv", ["data", "m"], ["normal"], "mix"), m=matrix)


def padded() -> onnx.ModelProto:
    pads = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    pad = helper.make_node("Pad", ["data", "pads"], ["wide"], "pad")
    gain = helper.make_node("Mul", ["wide", "gain"], ["normal"], "gain")
    return behind(pad, gain, pads=pads, gain=np.array(0.018, np.float32))


@pytest.mark.parametrize(("build", "message"), [
    (padded, "node 'data_q' (QuantizeLinear): quantises padded pixels; let the first convolution"),
    (mixed, "node 'mix' (Conv): its weights are not quantised; quantise all layers, or none"),
])  # fmt: skip
def test_what_no_table_says(build: Callable[[], onnx.ModelProto], message):
    assert message in refused(build())


def fed(kind: int, zero: np.generic | None, scale: float = 0.0187) -> onnx.ModelProto:
    """The small network with codes as its input."""
    model = with_input(scale, zero or np.uint8(0))
    nodes = list(model.graph.node)
    quantise, decode = (next(n for n in nodes if n.name == name) for name in ("data_q", "data_dq"))
    model.graph.node.remove(quantise)
    decode.input[0] = "data"
    if zero is None:
        del decode.input[2]
    model.graph.input[0].type.tensor_type.elem_type = kind
    return model


@pytest.mark.parametrize(("kind", "zero"), [
    (TensorProto.UINT8, np.uint8(114)), (TensorProto.INT8, np.int8(-14)), (TensorProto.UINT8, None),
])  # fmt: skip
def test_codes_that_are_fed_are_the_pixels_unless_told_otherwise(kind, zero):
    model = fed(kind, zero)
    network = import_qdq(model, "test")
    assert network.preprocessing.tables == ()
    assert network.source["pixels"] == "raw pixels are fed"
    if zero is not None:
        same = import_qdq(with_input(0.0187, zero), "test")
        assert [op.bias.tolist() for op in network.convs] == [op.bias.tolist() for op in same.convs]
        told = import_qdq(model, "test", expected=Expected(PRESETS["imagenet"]))
        assert told.preprocessing.tables == same.preprocessing.tables


@pytest.mark.parametrize("text", ["no", "[1, 2]", json.dumps([[300] * 256] * 3), "[[1], [2], [3]]"])
def test_tables_that_metadata_does_not_hold(text):
    model = fed(TensorProto.UINT8, np.uint8(114))
    helper.set_model_props(model, {"pixel_tables": text})
    assert "model metadata 'pixel_tables' is no JSON list of 256 codes" in refused(model)


def test_a_second_quantisation_of_the_input_is_refused():
    model = with_input(0.0187, np.int8(-14))
    again = helper.make_node("QuantizeLinear", ["data", "other"], ["again"], "again")
    model.graph.initializer.append(numpy_helper.from_array(np.full((), 0.02, "f4"), "other"))
    model.graph.node.insert(1, again)
    assert "node 'again' (QuantizeLinear): quantises the input once more" in refused(model)
