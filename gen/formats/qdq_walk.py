"""Scales and codes in a quantised (QDQ) ONNX graph: what its nodes say around the layers."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper

from gen.common.errors import FirebrickError
from gen.formats.classifier_head import check_square
from gen.formats.onnx_nodes import attributes, refuse
from gen.formats.onnx_views import View
from gen.formats.onnx_walk import GraphWalk
from gen.formats.qdq_integers import Layer, Scale
from gen.ir.ops import INPUT, AveragePool, Concat, GlobalSum, Requantising

INPUT_SCALES = (1.0, 1.0 / 255.0)
"""Scales of the input at which its codes are the raw pixels."""


class QdqWalk(GraphWalk):
    """Keeps the layers with their scales; views are of real numbers and of their codes alike.

    Parameters
    ----------
    model : onnx.ModelProto
    """

    def __init__(self, model: onnx.ModelProto):
        super().__init__(model)
        self._decoded: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._layers: dict[str, Layer] = {}
        self._shapes = {INPUT: self._input_shape}
        self._input: Scale | None = None
        self._border = np.zeros(self._input_shape[2], np.int64)

    def _shape_of(self, tensor: str) -> tuple[int, int, int]:
        return self._shapes[tensor]

    def _readers(self, tensor: str) -> int:
        return sum(tensor in layer.op.inputs for layer in self._layers.values())

    def _is_average(self, tensor: str) -> bool:
        return tensor in self._layers and isinstance(self._layers[tensor].op, GlobalSum)

    def _append(self, node: onnx.NodeProto, layer: Layer, layout: str = "NCHW") -> None:
        self._add_layer(layer)
        self._show(node, layer.op.name, layout)

    def _add_layer(self, layer: Layer) -> None:
        op = layer.op
        self._layers[op.name] = layer
        self._shapes[op.name] = op.output_shape([self._shapes[name] for name in op.inputs])

    def _scale_of(self, node: onnx.NodeProto, name: str) -> Scale:
        """The scale at which a layer reads tensor ``name``."""
        layer = self._layers.get(name)
        if layer is not None and isinstance(layer.op, GlobalSum):
            self._average_in_the_middle(layer)
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
        view = self._view(node, padded=True)
        self._views[node.output[0]] = view
        if view.tensor == INPUT:
            self._take_input(node, self._said(node))
            return
        layer = self._layers[view.tensor]
        if view.final or self._is_average(view.tensor):
            one = self._nodes.constant(node, 1)
            if one is None or one.size != 1:
                refuse(node, "the logits must have one scale for all classes")
            layer.behind = layer.behind or (None if view.final else node)
            return
        self._settle(node, layer, self._said(node))

    def _said(self, node: onnx.NodeProto) -> Scale:
        """The scale of a QuantizeLinear."""
        kind = attributes(node).get("output_dtype", 0) or TensorProto.UINT8
        return self._read_scale(node, np.dtype(helper.tensor_dtype_to_np_dtype(kind)))

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
        if not isinstance(branch.op, Requantising) or len(readers) != 1:
            refuse(node, f"{name!r} has a scale of its own and is read elsewhere too")
        branch.final = scale

    def _dequantize(self, node: onnx.NodeProto) -> None:
        if node.input[0] in self._views:
            view = self._view(node, padded=True)
            self._undo(node, view)
            self._views[node.output[0]] = view
            return
        codes, scale = self._nodes.constant(node, 0), self._nodes.constant(node, 1)
        zero = self._nodes.constant(node, 2)
        if codes is None or scale is None:
            refuse(node, "has no constant input")
        axis = attributes(node).get("axis", 1) % max(codes.ndim, 1)
        if scale.size > 1 and axis and codes.ndim != 2:
            refuse(node, "weights must have one scale an output channel (axis 0)")
        lined = [-1 if at == axis else 1 for at in range(codes.ndim)]
        shift = np.zeros(1, np.int64) if zero is None else zero.astype(np.int64)
        shift = shift.reshape(lined) if shift.size > 1 else shift.reshape(())
        scale = scale.reshape(lined) if scale.size > 1 and codes.ndim == 2 else scale.reshape(-1)
        self._decoded[node.output[0]] = (codes.astype(np.int64) - shift, scale)

    def _undo(self, node: onnx.NodeProto, view: View) -> None:
        """Check that a DequantizeLinear gives back what was quantised."""
        name = view.tensor
        if name == INPUT and self._input is None:
            self._read_codes(node)
        elif not (view.final or self._is_average(name)):
            own = self._scale_of(node, name)
            if self._read_scale(node, own.kind) != own:
                refuse(node, "does not undo the QuantizeLinear before it")

    def _average_in_the_middle(self, layer: Layer) -> None:
        """Make an average pool of what was taken for the end."""
        name, (source,) = layer.op.name, layer.op.inputs
        shape = self._shapes[source]
        check_square(name, shape)
        if layer.behind is None:
            raise FirebrickError(f"{name!r} is never quantised (no QuantizeLinear behind it)")
        layer.op = AveragePool(name, (source,), shape[0], shape[0], 0, 1, 0, 0)
        layer.own = self._said(layer.behind)

    def _weights(self, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
        """Codes and scales of a node's weights."""
        if node.input[1] not in self._decoded:
            refuse(node, "its weights are not quantised")
        codes, scale = self._decoded[node.input[1]]
        if codes.min() < -128 or codes.max() > 127:
            refuse(node, "weight codes must be 8 bits around zero")
        return codes, scale

    def _bias(self, node: onnx.NodeProto, unit: np.ndarray) -> np.ndarray:
        """The bias in units of the accumulator: the file's integers where its scale is that."""
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(len(unit), np.int32)
        if node.input[2] in self._decoded:
            codes, scale = self._decoded[node.input[2]]
            codes = np.broadcast_to(codes.reshape(-1), unit.shape)
            real = codes * scale.astype(np.float64)
            rounded = np.where(
                np.isclose(scale, unit, rtol=1e-4, atol=0), codes, np.floor(real / unit + 0.5)
            )
        else:
            given = np.asarray(self._nodes.constant(node, 2), dtype=np.float64)
            real = np.broadcast_to(given.reshape(-1), unit.shape)
            rounded = np.floor(real / unit + 0.5)
        if not np.abs(rounded).max() <= 2**31 - 1:
            refuse(node, "its bias does not fit 32 bits")
        return rounded.astype(np.int32)
