"""Float models quantised by ONNX Runtime, in the forms that it has, to hold our imports against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from sim import golden, reference
from tests.gen.onnx_models import frames

FRAMES = frames(24, seed=5)
FORMATS = {"qdq": QuantFormat.QDQ, "qoperator": QuantFormat.QOperator}
TYPES = {name: getattr(QuantType, name) for name in ("QInt8", "QUInt8", "QInt4", "QUInt4")}


class _Reader(CalibrationDataReader):
    def __init__(self, normalisation: Normalisation, name: str):
        fed = reference.normalise(FRAMES, normalisation)
        self._left = [{name: picture[None]} for picture in fed]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._left.pop() if self._left else None


def quantised(
    model: onnx.ModelProto,
    folder: Path,
    *,
    form: str = "qdq",
    activations: str = "QInt8",
    weights: str = "QInt8",
    normalisation: Normalisation = Normalisation(),
    per_channel: bool = True,
    **options: Any,
) -> onnx.ModelProto:
    """What ``quantize_static`` makes of a model whose input has that normalisation."""
    path = folder / "quantised.onnx"
    quantize_static(
        model,
        path,
        _Reader(normalisation, model.graph.input[0].name),
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
    normalisation: Normalisation = Normalisation(),
    *,
    steps: float = 2.0,
    pictures: np.ndarray = FRAMES,
) -> None:
    """Logits as the runtime's to so many steps of the file's last scale, and the same classes.

    The runtime computes node by node; it quantises averages once more than we do, and where a
    branch of a concat has a scale of its own.
    """
    runtime = reference.session(model, optimise=False)
    expected = reference.logits(runtime, pictures, normalisation)
    sums = golden.class_sums(network, network.preprocessing.coded(pictures))
    got = (sums - network.output.zero) * network.output.scale
    step = np.unique(expected)
    step = np.diff(step)[np.diff(step) > 1e-6].min()
    print(np.abs(got - expected).max() / step, step, (got.argmax(1)==expected.argmax(1)).mean())
