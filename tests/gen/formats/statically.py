"""Float models quantised by ONNX Runtime, in the forms that it has, to hold our imports against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from gen.formats.onnx_nodes import Nodes
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from sim import golden, reference
from tests.gen.onnx_models import frames

FRAMES = frames(24, seed=5)
FORMATS = {"qdq": QuantFormat.QDQ, "qoperator": QuantFormat.QOperator}
RAW = Normalisation()
TYPES = {name: getattr(QuantType, name) for name in ("QInt8", "QUInt8", "QInt4", "QUInt4")}


def pictures(model: onnx.ModelProto) -> np.ndarray:
    """Frames of the size and the channels that a model wants."""
    height, width, channels = Nodes(model).input.shape()
    coloured = np.concatenate([FRAMES, 255 - FRAMES[..., :1]], axis=3)
    return coloured[:, :height, :width, :channels]


class _Reader(CalibrationDataReader):
    def __init__(self, model: onnx.ModelProto, normalisation: Normalisation):
        fed, given = reference.normalise(pictures(model), normalisation), Nodes(model).input
        if given.layout == "NHWC":
            fed = fed.transpose(0, 2, 3, 1)
        self._left = [{given.name: picture[None]} for picture in fed]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._left.pop() if self._left else None


def quantised(
    model: onnx.ModelProto,
    folder: Path,
    *,
    form: str = "qdq",
    activations: str = "QInt8",
    weights: str = "QInt8",
    normalisation: Normalisation = RAW,
    per_channel: bool = True,
    **options: Any,
) -> onnx.ModelProto:
    """What ``quantize_static`` makes of a model whose input has that normalisation."""
    path = folder / "quantised.onnx"
    quantize_static(
        model,
        path,
        _Reader(model, normalisation),
        quant_format=FORMATS[form],
        activation_type=TYPES[activations],
        weight_type=TYPES[weights],
        per_channel=per_channel,
        extra_options=options,
    )
    return onnx.load(path)


def assert_agrees(
    model: onnx.ModelProto,
    network: QuantizedNetwork,
    normalisation: Normalisation = RAW,
    *,
    codes: float = 2.0,
) -> None:
    """Logits as the runtime's to so many codes of the last layer, and the same classes.

    The runtime computes node by node. It quantises averages once more than we do, and where a
    branch of a concat has a scale of its own; so may a code differ by one.
    """
    runtime = reference.session(model, optimise=False)
    expected = reference.logits(runtime, pictures(model), normalisation)
    sums = golden.class_sums(network, network.preprocessing.coded(pictures(model)))
    got = (sums - network.output.zero) * network.output.scale
    last = network.tensors[network.ops[-1].inputs[0]]
    most = codes * last.scale
    assert expected.std() > 4 * last.scale
    assert np.abs(got - expected).max() < most
    ranked = np.sort(expected, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > most / 2
    assert clear.mean() > 0.3
    np.testing.assert_array_equal(got.argmax(axis=1)[clear], expected.argmax(axis=1)[clear])
