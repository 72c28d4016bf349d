"""Export of our integers as a QDQ ONNX network, which ONNX Runtime and other tools run.

The file says in real numbers what the integers mean. Requantisation by ``M / 2**S`` becomes scales
of the weights, ``M / 2**S`` times output scale over input scale, so that importing the file
gives the same integers again. What remains different in other tools is rounding: they round halves
to even and compute convolutions in float or rescale with a float factor, which may move a code by
one where it lies on the edge between two; :mod:`gen.quantise.robust_multipliers` makes that rare.

The input is ``uint8`` (N, 3, height, width), raw RGB: mean, standard deviation and channel order
are inside the first layer. Where that layer pads with the mean's code, the code is the zero point
of the input, so that zero padding pads with it, and the bias makes up for it. Where pixels become
codes by a table, the codes are the input, and the table is in the metadata.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.formats.onnx_qdq import import_qdq
from gen.formats.qdq_pixels import TABLES
from gen.ir.fixed_point import fixed_point
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, AveragePool, Concat, Conv, GlobalSum, MaxPool, Op, Requantising
from gen.ir.preprocessing import default_preprocessing

OPSET = 13
IR_VERSION = 8
FED = "image"
GIVEN = "logits"


def export_qdq(network: QuantizedNetwork, path: Path) -> None:
    """Write a network as a QDQ ONNX file, complete or not at all.

    Raises
    ------
    FirebrickError
        If the network's integers cannot be said in QDQ.
    OSError
        If the file cannot be written.
    """
    model = to_qdq(network)
    with replacing(path) as file:
        file.write(model.SerializeToString())


def to_qdq(network: QuantizedNetwork) -> onnx.ModelProto:
    """A network as a QDQ model, checked by importing it again.

    Raises
    ------
    FirebrickError
        If the network's integers cannot be said in QDQ.
    """
    model = _Writer(network).model()
    onnx.checker.check_model(model)
    _check_same(network, import_qdq(model, network.name))
    return model


class _Writer:
    """Nodes and constants, op by op; ``_real`` maps our tensors to real ones in the file."""

    def __init__(self, network: QuantizedNetwork):
        self._network = network
        self._scale = _file_scales(network)
        self._zero = _input_zero(network)
        self._real: dict[str, str] = {}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def model(self) -> onnx.ModelProto:
        zero = self._zero if self._zero.any() else np.uint8(0)  # one scale where one will do
        scale = np.full_like(zero, self._scale[INPUT], np.float32)
        self._real[INPUT] = self._dequantize(FED, INPUT, scale, zero)
        for op in self._network.ops:
            self._write(op)
        height, width, channels = self._network.input.shape
        graph = helper.make_graph(
            self._nodes,
            self._network.name,
            [_value(FED, TensorProto.UINT8, ["N", channels, height, width])],
            [_value(GIVEN, TensorProto.FLOAT, ["N", len(self._network.labels)])],
            list(self._constants.values()),
            doc_string=f"{FED}: {self._fed()}, uint8, channels first; no mean, no scaling",
        )
        model = helper.make_model(
            graph,
            producer_name="firebrick",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        helper.set_model_props(model, self._metadata())
        return model

    def _metadata(self) -> dict[str, str]:
        """What an import finds again; how photographs become frames only if it is not as usual."""
        said = {"labels": json.dumps(self._network.labels)}
        preprocessing = self._network.preprocessing
        if preprocessing.raw != default_preprocessing(*preprocessing.crop, preprocessing.channels):
            said["resize"] = preprocessing.resizing
        if preprocessing.tables:
            said[TABLES] = json.dumps(preprocessing.tables)
        return said

    def _fed(self) -> str:
        """What the input is."""
        if self._network.preprocessing.tables:
            return f"codes of RGB pixels, by the table a channel in metadata {TABLES!r}"
        return "raw RGB pixels"

    def _write(self, op: Op) -> None:
        inputs = [self._real[name] for name in op.inputs]
        real = _KINDS[type(op)].write(self, op, inputs)
        if isinstance(op, Requantising):
            real = self._clamp(op, real)
        if op is not self._network.ops[-1]:
            self._real[op.name] = self._requantize(op.name, real)

    def _end(self, op: GlobalSum, inputs: list[str]) -> str:
        mean = self._node("GlobalAveragePool", inputs, op.name)
        self._nodes.append(helper.make_node("Flatten", [mean], [GIVEN], "flatten", axis=1))
        return GIVEN

    def _concat(self, op: Concat, inputs: list[str]) -> str:
        return self._node("Concat", inputs, op.name, axis=1)

    def _add(self, op: Add, inputs: list[str]) -> str:
        return self._node("Add", inputs, op.name)

    def _max_pool(self, op: MaxPool, inputs: list[str]) -> str:
        return self._node("MaxPool", inputs, op.name, ceil_mode=int(op.ceil), **_window(op))

    def _average_pool(self, op: AveragePool, inputs: list[str]) -> str:
        return self._node("AveragePool", inputs, op.name, count_include_pad=1, **_window(op))

    def _clamp(self, op: Requantising, real: str) -> str:
        """What is between a layer's sum and its QuantizeLinear: that clamps to the codes' range."""
        y = self._network.tensors[op.name]
        if op.low not in (y.zero, y.low) or (op.high != y.high and not y.zero == op.low < op.high):
            raise FirebrickError(
                f"{op.name}: clamps to {op.low}..{op.high}, which QDQ cannot say for codes of "
                f"{y.low}..{y.high}; export the float network it came from instead"
            )
        if op.high == y.high:
            return self._node("Relu", [real], f"{op.name}/relu") if op.low == y.zero else real
        limits = [
            self._constant(f"{op.name}/{end}", np.float32(steps * self._scale[op.name]))
            for end, steps in (("lowest", 0), ("highest", op.high - y.zero))
        ]
        return self._node("Clip", [real, *limits], f"{op.name}/clip")

    def _requantize(self, name: str, real: str) -> str:
        kind = np.int8 if self._network.tensors[name].signed else np.uint8
        scale = self._constant(f"{name}/scale", np.float32(self._scale[name]))
        zero = self._constant(f"{name}/zero", kind(self._network.tensors[name].zero))
        codes = self._node("QuantizeLinear", [real, scale, zero], f"{name}/codes")
        return self._node("DequantizeLinear", [codes, scale, zero], f"{name}/real")

    def _conv(self, op: Conv, reals: list[str]) -> str:
        step = self._scale[op.inputs[0]]
        scale = op.multiplier * 2.0**-op.shift * self._scale[op.name] / step
        weights = np.ascontiguousarray(op.weights.transpose(0, 3, 1, 2))
        bias = self._bias(op)
        scale = scale.astype(np.float32)
        unit = (scale.astype(np.float64) * step).astype(np.float32)
        inputs = [
            *reals,
            self._dequantize(self._constant(f"{op.name}/weights", weights), "", scale, None, 0),
            self._dequantize(
                self._constant(f"{op.name}/bias", bias.astype(np.int32)), "", unit, None, 0
            ),
        ]
        values: dict[str, Any] = {"group": op.groups} if op.groups > 1 else {}
        return self._node(
            "Conv",
            inputs,
            op.name,
            kernel_shape=list(op.kernel_size),
            strides=[op.stride] * 2,
            pads=list(op.pad),
            **values,
        )

    def _bias(self, op: Conv) -> np.ndarray:
        """The file's bias, without what ours has for codes of zero, of its input and its output."""
        x, y = self._network.tensors[op.inputs[0]], self._network.tensors[op.name]
        zero = self._zero if op.inputs[0] == INPUT else np.array([x.zero])
        bias = op.bias + (op.weights.astype(np.int64) * zero).sum(axis=(1, 2, 3))
        if y.zero:
            step = 2.0**op.shift / np.maximum(op.multiplier, 1)
            bias = bias - np.rint(y.zero * step).astype(np.int64)
        if np.abs(bias).max() >= 1 << 31:
            raise FirebrickError(f"{op.name}: its bias with the padding in it exceeds 32 bits")
        return bias

    def _dequantize(
        self,
        codes: str,
        name: str,
        scale: np.ndarray,
        zero: np.ndarray | np.uint8 | None,
        axis: int = 1,
    ) -> str:
        title = name or codes
        inputs = [codes, self._constant(f"{title}/scale", scale)]
        if zero is not None:
            inputs.append(self._constant(f"{title}/zero", zero))
        return self._node("DequantizeLinear", inputs, f"{title}/real", axis=axis)

    def _constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self._constants.setdefault(name, numpy_helper.from_array(np.asarray(value), name))
        return name

    def _node(self, kind: str, inputs: list[str], name: str, **values: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [name], name, **values))
        return name


def _value(name: str, kind: int, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _file_scales(network: QuantizedNetwork) -> dict[str, float]:
    """Scale of every tensor as a float32 number.

    Inputs of additions and average pools get what the multipliers say of the output's, from the
    last to the first; what a pool or a concatenation joins shares a scale. Where a tensor would
    need two scales, by two layers that read it, all tensors keep their own if these say the same
    multipliers.
    """
    own = {name: float(np.float32(t.scale)) for name, t in network.tensors.items()}
    scales = dict(own)
    for op in reversed(network.ops):
        for name, factor in zip(op.inputs, op.ratios, strict=False):
            scales[name] = float(np.float32(factor * scales[op.name]))
    return scales if _say(network, scales) or not _say(network, own) else own


def _say(network: QuantizedNetwork, scales: Mapping[str, float]) -> bool:
    """Whether an importer gets all multipliers, and equal scales where they must be, of these."""
    for op in network.ops:
        given = np.array([scales[name] for name in op.inputs])
        if op.passes and (given != scales[op.name]).any():
            return False
        if op.ratios and isinstance(op, Requantising):
            try:
                found, shift = fixed_point(op.factors(given / scales[op.name]))
            except (ValueError, ZeroDivisionError):
                return False
            if shift != op.shift or not np.array_equal(found, np.ravel(op.multiplier)):
                return False
    return True


def _input_zero(network: QuantizedNetwork) -> np.ndarray:
    """Zero points of the input, uint8 (channels,): the code that its readers pad with."""
    codes = {op.pad_code for op in network.convs if INPUT in op.inputs and any(op.pad)}
    if len(codes) > 1:
        raise FirebrickError(f"{network.name}: pads its input with several codes, {sorted(codes)}")
    return np.array(codes.pop() if codes else [0] * network.input.shape[2], np.uint8)


def _window(op: MaxPool | AveragePool) -> dict[str, Any]:
    """Attributes of a pool."""
    values: dict[str, Any] = {"kernel_shape": [op.kernel] * 2, "strides": [op.stride] * 2}
    return {**values, "pads": list(op.pad)} if any(op.pad) else values


@dataclass(frozen=True)
class _Kind:
    """How a kind of op is written.

    Attributes
    ----------
    write : callable
        Of the writer, the op and its inputs' real tensors: gives the one that the op makes.
    exact : tuple of str
        Fields that an importer must get again as they are.
    """

    write: Callable[[_Writer, Any, list[str]], str]
    exact: tuple[str, ...] = ()


_SCALED = ("multiplier", "shift", "low", "high", "offset")
_WINDOWED = ("kernel", "stride", "pad")
_KINDS: dict[type, _Kind] = {
    Conv: _Kind(_Writer._conv, (*_SCALED[:-1], "weights", "bias", "stride", "pad", "groups")),
    MaxPool: _Kind(_Writer._max_pool, _WINDOWED),
    AveragePool: _Kind(_Writer._average_pool, (*_SCALED, *_WINDOWED)),
    Concat: _Kind(_Writer._concat),
    Add: _Kind(_Writer._add, _SCALED),
    GlobalSum: _Kind(_Writer._end),
}


def _check_same(network: QuantizedNetwork, again: QuantizedNetwork) -> None:
    for op, other in zip(network.ops, again.ops, strict=True):
        names = _KINDS[type(op)].exact
        if isinstance(op, Conv) and any(op.pad):
            names += ("pad_code",)
        wrong = "kind"
        if type(op) is type(other):
            pairs = {name: (getattr(op, name), getattr(other, name)) for name in names}
            wrong = ", ".join(n for n, pair in pairs.items() if not np.array_equal(*pair))
        if wrong:
            raise FirebrickError(
                f"{op.name}: its {wrong} cannot be said exactly in QDQ; quantise the float network "
                "with firebrick and export that"
            )
