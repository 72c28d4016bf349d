"""The zoo's quantised networks: as quantisers and publishers write them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import onnx

from bench.onnx_writer import Writer
from bench.zoo import SIZE, Specimen, coloured
from gen.ir.preprocessing import PRESETS
from tests.gen.formats.published import amd, kalray, qualcomm, qualcomm_w8a8
from tests.gen.formats.qonnx_models import network as qonnx
from tests.gen.formats.statically import quantised
from tests.gen.onnx_models import qdq_squeezenet, squeezenet

UNIT, IMAGENET = PRESETS["unit"], PRESETS["imagenet"]
STATIC: dict[str, dict[str, Any]] = {
    "qdq_s8s8": {},
    "qdq_u8s8": {"activations": "QUInt8"},
    "qdq_u8s4": {"activations": "QUInt8", "weights": "QInt4"},
    "qdq_u8u8": {"activations": "QUInt8", "weights": "QUInt8", "per_channel": False},
    "qoperator_u8s8": {"activations": "QUInt8", "form": "qoperator"},
    "qoperator_u8u8": {
        "activations": "QUInt8", "weights": "QUInt8", "per_channel": False, "form": "qoperator",
    },
}  # fmt: skip
"""What ONNX Runtime's quantiser is told, by name of the form."""


def _static(**options: Any) -> onnx.ModelProto:
    return _in_a_folder(
        partial(quantised, squeezenet(last_relu=False), normalisation=IMAGENET, **options)
    )


def _colours(count: int) -> onnx.ModelProto:
    net = Writer(17)
    model = net.model(coloured(count, net), shape=(1, count, SIZE, SIZE))
    return _in_a_folder(partial(quantised, model, normalisation=UNIT))


def _in_a_folder(make: Callable[[Path], onnx.ModelProto]) -> onnx.ModelProto:
    """What is made by way of files."""
    with tempfile.TemporaryDirectory() as folder:
        return make(Path(folder))


def quantised_zoo() -> dict[str, Callable[[], Specimen]]:
    """All networks by name."""
    builds: dict[str, Callable[[], onnx.ModelProto]] = {
        **{name: partial(_static, **options) for name, options in STATIC.items()},
        **{f"qdq_channels_{count}": partial(_colours, count) for count in (1, 4)},
        "qdq_branch_scales": lambda: qdq_squeezenet()[0],
        "qonnx_w4a8": lambda: qonnx(bits=4, act_bits=8, step=0.01, norm=True),
        "qonnx_w2a2": lambda: qonnx(bits=2, act_bits=2, step=0.4),
        "qualcomm": qualcomm,
        "qualcomm_w8a8": lambda: _in_a_folder(qualcomm_w8a8),
        "amd": lambda: _in_a_folder(amd),
        "amd_nhwc": lambda: _in_a_folder(partial(amd, activations="QUInt8", last=True)),
        "kalray": kalray,
        "kalray_fp16": partial(kalray, half=True),
    }
    return {name: partial(_specimen, build) for name, build in builds.items()}


def _specimen(build: Callable[[], onnx.ModelProto]) -> Specimen:
    model = build()
    return Specimen(model, model)
