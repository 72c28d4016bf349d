"""Import of quantised (QDQ) ONNX networks: their integers and scales are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from gen.common.errors import FirebrickError
from gen.formats.classifier_head import ClassifierHead
from gen.formats.onnx_nodes import (
    Nodes,
    attributes,
    check_global_pool,
    read_max_pool,
    read_window,
    refuse,
)
from gen.formats.qdq_integers import Layer, Scale, usable_scales, with_integers
from gen.ir.check import check
from gen.ir.labels import choose_labels
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, Concat, Conv, GlobalSum, MaxPool, Op, Tensor, output_shape
from gen.ir.preprocessing import default_preprocessing

QUANTIZED = {"QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"}
INPUT_SCALES = (1.0, 1.0 / 255.0)
"""Scales of the input at which its codes are the raw pixels."""


def import_qdq(
    model: onnx.ModelProto, name: str, labels: tuple[str, ...] | None = None
) -> QuantizedNetwork:
    """Turn a QDQ model into a :class:`QuantizedNetwork`; see :mod:`gen.formats.onnx_float`.

    Activations must be 8 bits with codes that start at zero (behind a ReLU) or are symmetric. The
    input may be fed as uint8 codes, as :mod:`gen.formats.qdq_export` has it: zero points pad.
    Where a concat's branches have scales of their own they requantise straight to the concat's,
    clamped where their own scale would have clamped.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        Of the network.
    labels : tuple of str or None
        Class names; else those in the model's metadata, else numbers.

    Raises
    ------
    FirebrickError
        If the model is no CNN or holds something that is not supported. One that breaks ONNX's own
        rules may raise other errors.
    """
    return _QdqImport(model, name, labels).network()


class _QdqImport:
    """One walk over the nodes; ``_tensor`` maps ONNX tensors, real or codes, to ours."""

    def __init__(self, model: onnx.ModelProto, name: str, labels: tuple[str, ...] | None):
        self._nodes = Nodes(model)
        self._name = name
        self._labels = labels
        self._tensor = {self._nodes.input_name: INPUT}
        self._head = ClassifierHead(self._nodes)
        self._decoded: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._layers: dict[str, Layer] = {}
        self._shapes = {INPUT: self._nodes.input_shape()}
        self._input: Scale | None = None
        self._border = np.zeros(3, np.int64)
        self._metadata = {entry.key: entry.value for entry in model.metadata_props}

    def network(self) -> QuantizedNetwork:
        handlers: dict[str, Callable[[onnx.NodeProto], None]] = {
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "Conv": self._conv,
            "Relu": self._relu,
            "MaxPool": self._max_pool,
            "Concat": self._concat,
            "Add": self._add,
            "Dropout": self._identity,
            "Identity": self._identity,
            "Shape": self._shape_node,
            "GlobalAveragePool": self._global_pool,
            "AveragePool": self._global_pool,
            "ReduceMean": self._global_pool,
        }
        for node in self._nodes.layers:
            if self._head.follow(node):
                continue
            if node.op_type not in handlers:
                refuse(
                    node,
                    "unsupported in a quantised network; use QuantizeLinear and "
                    "DequantizeLinear (QDQ) around Conv, Relu, MaxPool, Concat and Add",
                )
            handlers[node.op_type](node)
        return self._finish()

    def _source(self, node: onnx.NodeProto, index: int = 0) -> str:
        name = node.input[index]
        if name not in self._tensor:
            refuse(node, f"its input {name!r} is no map of activations, or was merged with a ReLU")
        return self._tensor[name]

    def _append(self, node: onnx.NodeProto, layer: Layer) -> None:
        op = layer.op
        self._layers[op.name] = layer
        self._shapes[op.name] = output_shape(op, [self._shapes[name] for name in op.inputs])
        self._tensor[node.output[0]] = op.name

    def _identity(self, node: onnx.NodeProto) -> None:
        self._tensor[node.output[0]] = self._source(node)

    def _shape_node(self, node: onnx.NodeProto) -> None:
        height, width, channels = self._shapes[self._source(node)]
        self._nodes.fold_shape(node, (self._nodes.batch, channels, height, width))

    def _scale_of(self, node: onnx.NodeProto, name: str) -> Scale:
        """The scale at which tensor ``name`` is read."""
        layer = self._layers.get(name)
        scale = self._input if layer is None else layer.own
        if scale is None or (layer is not None and layer.final is not None):
            refuse(node, f"reads {name!r}, which is not quantised before, or for a concat only")
        return scale

    def _read_scale(self, node: onnx.NodeProto, kind: np.dtype) -> Scale:
        """What a node says; ``kind`` is the type of its codes unless a zero point tells it."""
        scale = self._nodes.constant(node, 1)
        zero = self._nodes.constant(node, 2)
        kind = kind if zero is None else zero.dtype
        code = 0 if zero is None else int(zero.reshape(-1)[0])
        if scale is None or scale.size != 1 or kind not in (np.uint8, np.int8):
            refuse(node, f"activations must be 8 bits with one scale, not {kind}")
        lowest = (-128 if kind == np.int8 else 0) - code
        if lowest not in (0, -128):
            refuse(
                node,
                f"zero point {code} of {kind} activations is not supported: quantise "
                "with unsigned codes behind ReLUs and symmetric ones elsewhere",
            )
        return Scale(float(scale.reshape(-1)[0]), signed=lowest < 0, kind=kind)

    def _quantize(self, node: onnx.NodeProto) -> None:
        name = self._source(node)
        kind = attributes(node).get("output_dtype", 0) or TensorProto.UINT8
        scale = self._read_scale(node, np.dtype(helper.tensor_dtype_to_np_dtype(kind)))
        if name == INPUT:
            self._take_input(node, scale)
        else:
            self._settle(node, self._layers[name], scale)
        self._tensor[node.output[0]] = name

    def _take_input(self, node: onnx.NodeProto, scale: Scale) -> None:
        if scale.signed or not any(abs(scale.scale / raw - 1) < 1e-3 for raw in INPUT_SCALES):
            refuse(
                node,
                f"the input's codes (scale {scale.scale:g}) are not the raw pixels; fold mean and "
                "standard deviation into the first layer before quantising, or import the float "
                "network",
            )
        self._input = scale

    def _read_codes(self, node: onnx.NodeProto) -> None:
        """Take codes that are fed; their zero points, one a channel, are what zeros pad with."""
        scale, zero = self._nodes.constant(node, 1), self._nodes.constant(node, 2)
        if scale is None or zero is None or np.ptp(scale) != 0 or zero.dtype != np.uint8:
            refuse(node, "the input must be uint8 pixels with one scale and with zero points")
        self._take_input(node, Scale(float(scale.reshape(-1)[0]), False, zero.dtype))
        self._border = np.broadcast_to(zero.reshape(-1), 3).astype(np.int64)

    def _settle(self, node: onnx.NodeProto, layer: Layer, scale: Scale) -> None:
        """Take ``scale`` for a layer's output, and for what shares it."""
        op = layer.op
        if isinstance(op, Concat) and layer.own is None:
            layer.own = scale
            for source in op.inputs:
                self._join(node, source, scale)
        elif layer.own is None:
            layer.own = scale
        elif layer.own != scale:
            refuse(node, f"{op.name!r} has scale {layer.own.scale:g} already, not {scale.scale:g}")

    def _join(self, node: onnx.NodeProto, name: str, scale: Scale) -> None:
        """Let a branch of a concat requantise to the concat's scale."""
        branch = self._layers[name]
        if branch.own is None:
            branch.own = scale
        if branch.own == scale and branch.final is None:
            return
        readers = [other for other in self._layers.values() if name in other.op.inputs]
        if not isinstance(branch.op, Conv | Add) or len(readers) != 1:
            refuse(node, f"{name!r} has a scale of its own and is read elsewhere too")
        branch.final = scale

    def _dequantize(self, node: onnx.NodeProto) -> None:
        if node.input[0] in self._tensor:
            name = self._tensor[node.input[0]]
            if name == INPUT and self._input is None:
                self._read_codes(node)
            else:
                own = self._scale_of(node, name)
                if self._read_scale(node, own.kind) != own:
                    refuse(node, "does not undo the QuantizeLinear before it")
            self._tensor[node.output[0]] = name
            return
        codes, scale = self._nodes.constant(node, 0), self._nodes.constant(node, 1)
        zero = self._nodes.constant(node, 2)
        if codes is None or scale is None:
            refuse(node, "has no constant input")
        if scale.size > 1 and attributes(node).get("axis", 1) not in (0, -codes.ndim):
            refuse(node, "weights must have one scale an output channel (axis 0)")
        shift = np.zeros(1, np.int64) if zero is None else zero.astype(np.int64)
        shift = shift.reshape(-1, *[1] * (codes.ndim - 1)) if shift.size > 1 else shift.reshape(())
        self._decoded[node.output[0]] = (codes.astype(np.int64) - shift, scale.reshape(-1))

    def _conv(self, node: onnx.NodeProto) -> None:
        source = self._source(node)
        if node.input[1] not in self._decoded:
            refuse(node, "its weights are not quantised")
        codes, scale = self._decoded[node.input[1]]
        if codes.ndim != 4 or codes.shape[2] != codes.shape[3]:
            refuse(node, f"weights of shape {list(codes.shape)} are no square kernels")
        if codes.min() < -128 or codes.max() > 127:
            refuse(node, "weight codes must be 8 bits around zero")
        window = read_window(node, self._shapes[source], codes.shape[2])
        weight_scale = usable_scales(
            codes, np.broadcast_to(scale.astype(np.float64), codes.shape[:1])
        )
        if not (weight_scale > 0).all():
            refuse(node, "its weights' scales are not all positive; quantise it again")
        weights = codes.transpose(0, 2, 3, 1)
        unit = self._scale_of(node, source).scale * weight_scale
        bias, border = self._bias(node, unit), np.zeros(codes.shape[1], np.int64)
        if source == INPUT:
            bias = (bias - (weights * self._border).sum(axis=(1, 2, 3))).astype(np.int32)
            border = self._border if any(window.pad) else border
            if self._metadata.get("channel_order", "RGB").upper() == "BGR":
                weights, border = weights[..., ::-1], border[::-1]
        op = Conv(
            name=self._nodes.new_name(node),
            inputs=(source,),
            weights=np.ascontiguousarray(weights, dtype=np.int8),
            weight_bits=8,
            weight_scale=weight_scale,
            bias=bias,
            multiplier=np.zeros(len(unit), np.uint16),
            shift=1,
            low=0,
            high=0,
            stride=window.stride,
            pad=window.pad,
            pad_code=tuple(border.tolist()),
        )
        self._append(node, Layer(op))

    def _bias(self, node: onnx.NodeProto, unit: np.ndarray) -> np.ndarray:
        """The bias in units of the accumulator: the file's integers where its scale is that."""
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(len(unit), np.int32)
        if node.input[2] in self._decoded:
            codes, scale = self._decoded[node.input[2]]
            real = codes * scale.astype(np.float64)
            rounded = np.where(
                np.isclose(scale, unit, rtol=1e-4, atol=0), codes, np.floor(real / unit + 0.5)
            )
        else:
            real = np.asarray(self._nodes.constant(node, 2), dtype=np.float64)
            rounded = np.floor(real / unit + 0.5)
        if not np.abs(rounded).max() <= 2**31 - 1:
            refuse(node, "its bias does not fit 32 bits")
        return rounded.astype(np.int32)

    def _relu(self, node: onnx.NodeProto) -> None:
        name = self._source(node)
        layer = self._layers.get(name)
        if layer is None or (layer.own is not None and layer.own.signed):
            refuse(node, f"behind {name!r}, which is quantised with signs; merge the ReLU first")
        if layer.own is None:
            self._rectify(node, layer)
        self._tensor[node.output[0]] = name

    def _rectify(self, node: onnx.NodeProto, layer: Layer) -> None:
        """Put a ReLU into a layer, whose value without it nothing else may read."""
        name = layer.op.name
        if not isinstance(layer.op, Conv | Add):
            refuse(node, f"cannot be merged into {name!r}")
        if layer.relu:
            return
        if any(name in other.op.inputs for other in self._layers.values()):
            refuse(node, f"cannot be merged into {name!r}, whose value others read too")
        self._tensor = {key: value for key, value in self._tensor.items() if value != name}
        layer.relu = True

    def _max_pool(self, node: onnx.NodeProto) -> None:
        source = self._source(node)
        own = self._scale_of(node, source)
        kernel, stride, ceil = read_max_pool(node, self._shapes[source])
        op = MaxPool(self._nodes.new_name(node), (source,), kernel, stride, ceil)
        self._append(node, Layer(op, own=own))

    def _concat(self, node: onnx.NodeProto) -> None:
        axis = attributes(node).get("axis", 1)
        if axis not in (1, -3):
            refuse(node, f"concatenates along axis {axis}; only channels (1) are supported")
        sources = tuple(self._source(node, i) for i in range(len(node.input)))
        if INPUT in sources:
            refuse(node, "concatenating the input is not supported")
        layer = Layer(Concat(self._nodes.new_name(node), sources))
        scales = {self._layers[name].own for name in sources}
        self._append(node, layer)
        if len(scales) == 1:
            layer.own = scales.pop()

    def _add(self, node: onnx.NodeProto) -> None:
        sources = tuple(self._source(node, i) for i in range(len(node.input)))
        if len(sources) != 2 or INPUT in sources:
            refuse(node, "only the sum of two maps of activations is supported")
        for name in sources:
            self._scale_of(node, name)
        if self._shapes[sources[0]] != self._shapes[sources[1]]:
            refuse(node, "adds maps of different shapes")
        op = Add(self._nodes.new_name(node), sources, (0, 0), 1, 0, 0)
        self._append(node, Layer(op))

    def _global_pool(self, node: onnx.NodeProto) -> None:
        source = self._source(node)
        scale = self._scale_of(node, source)
        height, width, channels = self._shapes[source]
        check_global_pool(self._nodes, node, self._shapes[source])
        op = GlobalSum(self._nodes.new_name(node), (source,))
        self._append(node, Layer(op, own=replace(scale, scale=scale.scale / (height * width))))
        self._head.begin(node, channels)
        del self._tensor[node.output[0]]

    def _finish(self) -> QuantizedNetwork:
        layers = list(self._layers.values())
        if not any(isinstance(layer.op, Conv) for layer in layers):
            raise FirebrickError("holds no convolution: this is no CNN")
        if not isinstance(layers[-1].op, GlobalSum) or self._input is None:
            raise FirebrickError("does not lead from a quantised input to a global average")
        self._head.check_output()
        tensors = {INPUT: Tensor(INPUT, self._shapes[INPUT], self._input.scale)}
        ops: list[Op] = []
        for layer in layers:
            op = with_integers(layer, tensors)
            ops.append(op)
            tensors[op.name] = self._make_tensor(layer)
        height, width, _ = self._shapes[INPUT]
        network = QuantizedNetwork(
            name=self._name,
            ops=tuple(ops),
            tensors=tensors,
            labels=choose_labels(self._shapes[ops[-1].name][2], self._metadata, self._labels),
            preprocessing=default_preprocessing(height, width),
            source={"quantised": "in its QDQ file"},
        )
        check(network)
        return network

    def _make_tensor(self, layer: Layer) -> Tensor:
        name, scale = layer.op.name, layer.final or layer.own
        if scale is None:
            raise FirebrickError(f"{name!r} is never quantised (no QuantizeLinear behind it)")
        if isinstance(layer.op, GlobalSum):
            return Tensor(name, self._shapes[name], scale.scale, signed=True, bits=32)
        return Tensor(name, self._shapes[name], scale.scale, scale.signed)
