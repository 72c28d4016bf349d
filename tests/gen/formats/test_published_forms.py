"""SqueezeNets as publishers write them, against ONNX Runtime; see :mod:`published`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper, version_converter

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import load_onnx
from gen.formats.onnx_qdq import import_qdq
from gen.frames.pixel_options import PixelOptions
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from sim import reference
from tests.gen.formats.published import IMAGENET, UNIT, amd, kalray, qualcomm, qualcomm_w8a8
from tests.gen.formats.statically import FRAMES, assert_agrees, quantised
from tests.gen.onnx_models import WIDTH


def assert_as_runtime(
    graph: FloatGraph | QuantizedNetwork,
    model: Any,
    fed: Normalisation,
    assumed: str,
    tolerance: float = 1e-4,
) -> None:
    """A float network gives the runtime's logits, or their softmax, for what is assumed of it."""
    assert isinstance(graph, FloatGraph)
    normalisation, told = PixelOptions().normalisation(graph)
    assert assumed in told
    expected = reference.logits(reference.session(model), FRAMES, fed)
    got = float_logits(graph.fold_input(normalisation), FRAMES)
    if np.allclose(expected.sum(axis=1), 1, atol=1e-3):
        got = np.exp(got) / np.exp(got).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=tolerance, atol=tolerance)


# qualcomm/SqueezeNet-1.1


def test_qualcomms_float_file_with_its_data_beside_it(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save_model(
        qualcomm(), path, save_as_external_data=True, location="model.data", size_threshold=0
    )
    assert (tmp_path / "model.data").stat().st_size > 1000
    assert_as_runtime(load_onnx(path), path, UNIT, "pixels of 0 to 1 itself")
    (tmp_path / "model.data").unlink()
    with pytest.raises(FirebrickError, match=r"weights are in model.data, not found; copy that"):
        load_onnx(path)


def test_qualcomms_quantised_file(tmp_path):
    model = qualcomm_w8a8(tmp_path)
    network = import_qdq(model, "test")
    assert "unit, assumed" in network.source["pixels"]
    assert len(network.preprocessing.tables) == 3
    assert_agrees(model, network, UNIT)


def test_pixels_that_are_quantised_by_their_place_are_refused(tmp_path):
    model = qualcomm_w8a8(tmp_path)
    mean = next(t for t in model.graph.initializer if t.name == "m")
    ramp = np.linspace(0, 1, WIDTH, dtype=np.float32).reshape(1, 1, 1, WIDTH)
    mean.CopyFrom(numpy_helper.from_array(ramp, "m"))
    with pytest.raises(FirebrickError, match=r"quantises pixels by where they are in the frame; "):
        import_qdq(model, "test")


# amd/squeezenet


@pytest.mark.parametrize(("activations", "last"), [("QInt8", False), ("QUInt8", True)])
def test_amds_file(tmp_path, activations, last):
    model = amd(tmp_path, activations=activations, last=last)
    network = import_qdq(model, "test")
    assert all(np.log2(t.scale) % 1 == 0 for t in network.tensors.values() if t.bits == 8)
    assert_agrees(model, network, IMAGENET)


# Kalray/squeezenet


@pytest.mark.parametrize(("half", "tolerance"), [(False, 1e-4), (True, 5e-3)])
def test_kalrays_float_file(tmp_path, half, tolerance):
    onnx.save(kalray(half), tmp_path / "squeezenet-v1.onnx")
    graph = load_onnx(tmp_path / "squeezenet-v1.onnx")
    assert_as_runtime(graph, kalray(half), IMAGENET, "imagenet, assumed", tolerance)


@pytest.mark.parametrize("form", ["qdq", "qoperator"])
def test_kalrays_quantised_file(tmp_path, form):
    """``squeezenet-v1-q.onnx`` of ``network_i8.yaml``, which is assumed to be ONNX Runtime's."""
    model = quantised(
        version_converter.convert_version(kalray(), 13), tmp_path, form=form, normalisation=IMAGENET
    )
    network = import_qdq(model, "test")
    assert "imagenet, assumed" in network.source["pixels"]
    assert_agrees(without_softmax(model), network, IMAGENET)


def without_softmax(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with the logits for its output."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    end = next(n for n in made.graph.node if "Softmax" in n.op_type)
    name = end.input[0]
    if end.op_type == "QLinearSoftmax":
        name = "logits"
        made.graph.node.append(helper.make_node("DequantizeLinear", end.input[:3], [name]))
    del made.graph.output[:]
    made.graph.output.append(onnx.ValueInfoProto(name=name))
    return made
