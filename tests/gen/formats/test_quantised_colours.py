"""Quantised files of grey pixels and of four channels, against ONNX Runtime."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from bench.onnx_writer import Writer
from bench.zoo import coloured
from gen.formats.fbz import decode, encode
from gen.formats.onnx_qdq import import_qdq
from gen.formats.qdq_export import to_qdq
from gen.ir.preprocessing import PRESETS, Expected, Normalisation
from gen.nodes.graph import Graph
from sim import golden
from tests.gen.formats.statically import assert_agrees, pictures, quantised

UNIT = PRESETS["unit"]
SIZE = 20
OWN = {
    1: Normalisation((90.0,), (60.0,)),
    4: Normalisation((90.0, 100.0, 110.0, 120.0), (60.0, 61.0, 62.0, 63.0)),
}


@cache
def made(colours: int, last: bool = False) -> onnx.ModelProto:
    """A float network."""
    net = Writer(17)
    y = coloured(colours, net, last)
    return net.model(y, shape=(1, SIZE, SIZE, colours) if last else (1, colours, SIZE, SIZE))


@cache
def of_raw_codes(colours: int) -> onnx.ModelProto:
    """The same quantised so that unsigned codes are the pixels."""
    with TemporaryDirectory() as folder:
        return quantised(made(colours), Path(folder), activations="QUInt8", normalisation=UNIT)


@pytest.mark.parametrize(("colours", "form", "last", "said"), [
    (1, "qdq", False, False), (1, "qoperator", True, True), (4, "qdq", True, True),
    (4, "qoperator", False, False),
])  # fmt: skip
def test_pixels_of_other_channels(tmp_path, colours, form, last, said):
    told = OWN[colours] if said else UNIT
    model = quantised(made(colours, last), tmp_path, form=form, normalisation=told)
    network = import_qdq(model, "test", expected=Expected(told) if said else Expected())
    assert network.input.shape == (SIZE, SIZE, colours)
    assert network.preprocessing.channels == colours
    assert len(network.preprocessing.tables) == (4 if said and colours == 4 else 0)
    assert_agrees(model, network, told)
    assert Graph.of(network).nodes
    assert decode(encode(network)).preprocessing == network.preprocessing


@pytest.mark.parametrize("colours", [1, 4])
def test_such_networks_are_exported_and_read_again(colours):
    model = of_raw_codes(colours)
    network = import_qdq(model, "test")
    again = import_qdq(to_qdq(network), "test")
    assert again.preprocessing == network.preprocessing
    frames = pictures(model)
    np.testing.assert_array_equal(
        golden.class_sums(again, frames), golden.class_sums(network, frames)
    )


@pytest.mark.parametrize(("colours", "step", "zero", "assumed"), [
    (1, 1 / 255, 0, "grey, mean 0, deviation 255; unit, assumed"),
    (4, 2 / 255, 128, "RGBA, mean 127.5, deviation 127.5; tf, assumed"),
    (1, 1.0, 0, "grey, mean 0, deviation 1; raw, assumed"),
])  # fmt: skip
def test_what_is_assumed_fits_the_channels(colours, step, zero, assumed):
    """Presets with a mean for each of three colours are not."""
    model = onnx.ModelProto()
    model.CopyFrom(of_raw_codes(colours))
    quantise = next(n for n in model.graph.node if n.op_type == "QuantizeLinear")
    values = dict(zip(quantise.input[1:], (np.float32(step), np.uint8(zero)), strict=True))
    for tensor in model.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(np.asarray(values[tensor.name]), tensor.name))
    assert import_qdq(model, "test").source["pixels"].startswith(assumed)
