"""Scales and codes in a quantised (QDQ) ONNX graph: what its nodes say around the layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper

from gen.formats.classifier_head import check_square
from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_views import View
from gen.formats.onnx_walk import QUANTISING, RESHAPES, GraphWalk
from gen.formats.qdq_front import Front, requantised_front
from gen.formats.qdq_integers import BIAS_END, Layer, never_quantised
from gen.formats.qdq_pixels import Entry, fed_codes, read_entry
from gen.formats.qdq_scales import Scale
from gen.formats.qdq_weights import Decoded, decoded
from gen.ir.ops import INPUT, AveragePool, Concat, GlobalSum, Requantising
from gen.ir.preprocessing import Expected

PASSING = {*RESHAPES, "Clip", "Concat", "Dropout", "Identity", "MaxPool", "Pad", "Transpose"}
"""Operators that pass codes on."""


class QdqWalk(GraphWalk):
    """Keeps the layers with their scales; views are of real numbers and of their codes alike.

    ``_codes`` has the tensors of the graph that are codes, and what was said of them.

    Parameters
    ----------
    model : onnx.ModelProto
    expected : Expected
        What the user says of pixels.
    """

    def __init__(self, model: onnx.ModelProto, expected: Expected):
        super().__init__(model)
        self._expected = expected
        self._metadata = {entry.key: entry.value for entry in model.metadata_props}
        self._decoded: dict[str, Decoded] = {}
        self._codes: dict[str, Scale] = {}
        self._layers: dict[str, Layer] = {}
        self._shapes = {INPUT: self._input_shape}
        self._input: Scale | None = None
        self._entry: Entry | None = None
        self._border = np.zeros(self._input_shape[2], np.int64)
        front = requantised_front(self._nodes)
        if front is not None:
            self._take_front(front)

    def _shape_of(self, tensor: str) -> tuple[int, int, int]:
        return self._shapes[tensor]

    def _readers(self, tensor: str) -> int:
        return sum(tensor in layer.op.inputs for layer in self._layers.values())

    def _is_average(self, tensor: str) -> bool:
        return tensor in self._layers and isinstance(self._layers[tensor].op, GlobalSum)

    def _note(self, node: onnx.NodeProto) -> None:
        """Codes that a node passes on are codes still; one that computes wants real numbers."""
        if node.op_type in QUANTISING:
            return
        said = [self._codes[name] for name in node.input if name in self._codes]
        if not said:
            return
        if node.op_type not in PASSING or any(other != said[0] for other in said[1:]):
            refuse(
                node,
                "computes on codes, or joins codes of different scales; put DequantizeLinear in "
                "front of it and QuantizeLinear behind",
            )
        for name in node.output:
            self._codes.setdefault(name, said[0])

    def _pads_zeros(self, node: onnx.NodeProto, fill: np.ndarray | None) -> bool:
        """Around codes, zero is their zero point."""
        said = self._codes.get(node.input[0])
        if said is None:
            return super()._pads_zeros(node, fill)
        return (0 if fill is None else int(fill.reshape(-1)[0])) == said.zero_point

    def _zeros(self, tensor: str) -> np.ndarray:
        """Our code of zero of each channel of a tensor, int64 (C,)."""
        if tensor == INPUT:
            return self._border
        own = self._layers[tensor].own
        return np.full(self._shapes[tensor][2], 0 if own is None else own.zero, np.int64)

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
            refuse(
                node,
                f"reads {name!r}, which is not quantised before, or for a concat only; put "
                "QuantizeLinear and DequantizeLinear between them",
            )
        return scale

    def _read_scale(self, node: onnx.NodeProto, kind: np.dtype) -> Scale:
        """What a node says; ``kind`` is the type of its codes unless a zero point tells it."""
        scale = self._nodes.constant(node, 1)
        zero = self._nodes.constant(node, 2)
        if scale is None or scale.size != 1 or (zero is not None and zero.size != 1):
            refuse(
                node,
                "gives channels of activations scales of their own; one scale and zero point for "
                "all of them is supported",
            )
        code = 0 if zero is None else int(zero.reshape(-1)[0])
        kind = kind if zero is None else zero.dtype
        return Scale.read(node, float(scale.reshape(-1)[0]), code, kind)

    def _quantize(self, node: onnx.NodeProto) -> None:
        view = self._view(node, padded=True, pixels=True)
        self._views[node.output[0]] = view
        if view.tensor == INPUT:
            said = self._said(node)
            self._codes[node.output[0]] = said
            self._take_input(node, said, np.full(self._input_shape[2], -said.low))
            return
        layer = self._layers[view.tensor]
        if view.final or self._is_average(view.tensor):
            one = self._nodes.constant(node, 1)
            if one is None or one.size != 1:
                refuse(
                    node,
                    "gives classes scales of their own; one scale for all of them is supported",
                )
            layer.behind = layer.behind or (None if view.final else node)
            return
        self._codes[node.output[0]] = self._said(node)
        self._settle(node, layer, self._said(node))

    def _said(self, node: onnx.NodeProto) -> Scale:
        """The scale of a QuantizeLinear."""
        kind = attributes(node).get("output_dtype", 0) or TensorProto.UINT8
        return self._read_scale(node, np.dtype(helper.tensor_dtype_to_np_dtype(kind)))

    def _take_input(
        self, node: onnx.NodeProto, scale: Scale, zeros: np.ndarray, *, fed: bool = False
    ) -> None:
        """Remember what codes the input has, and what they are of the pixels."""
        if self._input is not None and self._input != scale:
            refuse(node, "quantises the input once more, otherwise; quantise it once")
        front = self._pixels.get(node.input[0])
        self._input, self._border = scale, zeros.astype(np.int64)
        channels = self._input_shape[2]
        self._entry = read_entry(
            node, scale, self._expected, self._metadata, fed=fed, front=front, channels=channels
        )

    def _take_front(self, front: Front) -> None:
        """Take for the input the codes that pixels become when they are quantised for good."""
        channels, fed, said = self._input_shape[2], self._said(front.first), self._said(front.last)
        found = read_entry(front.first, fed, self._expected, self._metadata, channels=channels)
        self._entry = replace(found, requantised=front)
        self._input, self._border = said, np.full(channels, -said.low)
        self._understood |= {id(node) for node in front.chain}
        codes = front.last.output[0]
        self._views[codes], self._codes[codes] = self._views[self._nodes.input.name], said

    def _read_codes(self, node: onnx.NodeProto) -> None:
        """Take codes that are fed; their zero points, one a channel, are what zeros pad with."""
        scale, zero = self._nodes.constant(node, 1), self._nodes.constant(node, 2)
        said, zeros = fed_codes(node, scale, zero, self._nodes.input.kind, self._input_shape[2])
        self._codes[node.input[0]] = said
        self._take_input(node, said, zeros, fed=True)

    def _settle(self, node: onnx.NodeProto, layer: Layer, scale: Scale) -> None:
        """Take ``scale`` for a layer's output, and for what shares it."""
        op = layer.op
        if isinstance(op, Concat) and layer.own is None:
            layer.own = scale
            for source in op.inputs:
                self._join(node, source, scale)
        elif layer.own is None:
            layer.own = scale
        elif not scale.holds(layer.own):
            refuse(
                node,
                f"{op.name!r} has scale {layer.own.scale:g} already, not {scale.scale:g}, and "
                f"steps {layer.own.low} to {layer.own.high}, not {scale.low} to {scale.high}; "
                "quantise it once",
            )

    def _join(self, node: onnx.NodeProto, name: str, scale: Scale) -> None:
        """Let a branch of a concat requantise to the concat's scale."""
        branch = self._layers[name]
        if branch.own is None:
            branch.own = scale
        if branch.own == scale and branch.final is None:
            return
        readers = [other for other in self._layers.values() if name in other.op.inputs]
        if not isinstance(branch.op, Requantising) or len(readers) != 1:
            refuse(
                node,
                f"{name!r} has a scale of its own and is read elsewhere too; give it that of the "
                "concatenation",
            )
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
            refuse(node, "decodes no constant and no map of codes; quantise the model again")
        axis = attributes(node).get("axis", 1) % max(codes.ndim, 1)
        if scale.size > 1 and (scale.ndim > 1 or (axis and codes.ndim != 2)):
            refuse(
                node,
                "weights must have one scale an output channel (axis 0); quantise them again so, "
                "or with one scale a layer",
            )
        lined = [-1 if at == axis else 1 for at in range(codes.ndim)]
        zero = np.zeros((), np.int64) if zero is None else zero
        zero = zero.reshape(lined) if zero.size > 1 else zero.reshape(())
        scale = scale.reshape(lined) if scale.size > 1 and codes.ndim == 2 else scale.reshape(-1)
        self._decoded[node.output[0]] = decoded(codes, zero, scale)

    def _transpose(self, node: onnx.NodeProto) -> None:
        """Matrices of weights are turned as they are; maps as in every graph."""
        found = self._decoded.get(node.input[0])
        if found is None:
            super()._transpose(node)
            return
        order = attributes(node).get("perm", range(found.steps.ndim)[::-1])
        if found.scale.ndim < 2 < found.steps.ndim and found.scale.size > 1 and order[0] != 0:
            refuse(
                node,
                "turns weights with a scale an output channel; quantise them as the layer reads "
                "them",
            )
        turned = found.scale.ndim == found.steps.ndim
        scale = found.scale.transpose(order) if turned else found.scale
        self._decoded[node.output[0]] = replace(
            found, steps=found.steps.transpose(order), scale=scale
        )

    def _undo(self, node: onnx.NodeProto, view: View) -> None:
        """Check that a DequantizeLinear gives back what was quantised."""
        name = view.tensor
        if name == INPUT and self._input is None:
            self._read_codes(node)
        elif not (view.final or self._is_average(name)):
            self._scale_of(node, name)
            said = self._codes.get(node.input[0])
            if said is None or not said.undone_by(self._read_scale(node, said.kind)):
                refuse(node, "does not undo the QuantizeLinear before it; quantise the model again")

    def _average_in_the_middle(self, layer: Layer) -> None:
        """Make an average pool of what was taken for the end."""
        name, (source,) = layer.op.name, layer.op.inputs
        shape = self._shapes[source]
        check_square(name, shape)
        if layer.behind is None:
            raise never_quantised(layer)
        layer.op = AveragePool(name, (source,), shape[0], shape[0], 0, 1, 0, 0)
        layer.own = self._said(layer.behind)

    def _weights(self, node: onnx.NodeProto) -> Decoded:
        """A node's weights."""
        if node.input[1] not in self._decoded:
            refuse(node, "its weights are not quantised; quantise all layers, or none")
        return self._decoded[node.input[1]]

    def _bias(self, node: onnx.NodeProto, unit: np.ndarray) -> np.ndarray:
        """The bias in steps of the sums: the file's integers where its scale is that of these."""
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(len(unit))
        if node.input[2] in self._decoded:
            found = self._decoded[node.input[2]]
            steps = np.broadcast_to(found.steps.reshape(-1), unit.shape)
            real = steps * found.scale.astype(np.float64)
            same = np.isclose(found.scale, unit, rtol=1e-4, atol=0)
            bias = np.where(same, steps, real / unit)
        else:
            given = np.asarray(self._nodes.constant(node, 2), dtype=np.float64)
            bias = np.broadcast_to(given.reshape(-1), unit.shape) / unit
        if not np.abs(bias).max() < BIAS_END:
            refuse(node, "its bias does not fit 32 bits; quantise the network again")
        return bias
