"""Batch norms and arithmetic with constants in quantised ONNX graphs: scales of the layers before.

Networks that were trained with quantisation often keep these between a layer and what quantises it.
The layer's sums are integers all the same; an affine function of them gives each channel another
scale and another bias, and where its factor is below zero, weights of the other sign.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from gen.formats.onnx_affine import Affine, read_affine, read_batch_norm
from gen.formats.onnx_node import refuse
from gen.formats.onnx_views import View
from gen.formats.qdq_clamps import QdqClamps
from gen.formats.qdq_integers import BIAS_END, Layer, usable_scales
from gen.formats.qdq_weights import Decoded, stored_width
from gen.ir.ops import Conv


class QdqAffine(QdqClamps):
    """Puts affine functions of channels into the convolutions before."""

    def _batch_norm(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        self._fold(node, view, read_batch_norm(self._nodes, node, view.sizes["C"]))

    def _affine(self, node: onnx.NodeProto) -> None:
        """A sum or product with a constant."""
        index = next((i for i, n in enumerate(node.input) if n in self._nodes.constants), None)
        if len(node.input) != 2 or index is None:
            refuse(node, f"{node.op_type} of two maps is not supported; Add is")
        view = self._view(node, 1 - index)
        self._fold(node, view, read_affine(self._nodes, node, index, view))

    def _fold(self, node: onnx.NodeProto, view: View, affine: Affine) -> None:
        """Put an affine function into what gives a map."""
        layer = self._layers.get(view.tensor)
        if layer is not None and self._is_average(view.tensor):
            self._scale_average(node, layer, affine)
            self._views[node.output[0]] = view
            return
        if (
            layer is None
            or not isinstance(layer.op, Conv)
            or layer.relu
            or layer.ceiling is not None
            or layer.own is not None
        ):
            refuse(
                node,
                "is supported only directly behind a Conv, Gemm or MatMul, before what quantises "
                "that; adding a constant elsewhere is not, make it the bias of the layer before",
            )
        self._claim(node, view.tensor, users=0)
        step = self._scale_of(node, layer.op.inputs[0]).scale
        self._layers[view.tensor] = _folded(node, layer, layer.op, affine, step)
        self._views[node.output[0]] = view

    def _scale_average(self, node: onnx.NodeProto, layer: Layer, affine: Affine) -> None:
        """Let the class sums stand for other logits."""
        gain = np.unique(affine.gain)
        moved = (affine.bias - affine.mean * affine.gain).any()
        if len(gain) > 1 or gain[0] <= 0 or moved or layer.own is None or layer.behind is not None:
            refuse(
                node,
                "behind the global average only a product with one constant above zero is "
                "supported, before what quantises that; put it into the layer before the average",
            )
        layer.own = replace(layer.own, scale=layer.own.scale * float(gain[0]))
        layer.gain *= float(gain[0])


def _folded(node: onnx.NodeProto, layer: Layer, op: Conv, affine: Affine, step: float) -> Layer:
    """A convolution with an affine function of its channels behind it.

    Parameters
    ----------
    node : onnx.NodeProto
        For messages.
    layer : Layer
    op : Conv
        The layer's.
    affine : Affine
    step : float
        Scale of what it reads.
    """
    sign = np.sign(affine.gain).astype(np.int64)
    weights = op.weights * sign[:, None, None, None]
    gain = np.where(sign == 0, 1.0, np.abs(affine.gain))
    scale = usable_scales(weights, op.weight_scale * gain)
    shift = affine.bias - affine.mean * affine.gain
    bias = (layer.bias * op.weight_scale * affine.gain + shift / step) / scale
    if not (np.isfinite(scale).all() and np.abs(bias).max() < BIAS_END):
        refuse(
            node,
            f"folded into {op.name!r} it gives scales or biases out of range (a variance below "
            "zero?); train or export the model again",
        )
    bits, codebook = stored_width(node, Decoded(weights, scale, layer.bits))
    made = replace(
        op,
        weights=weights.astype(np.int8),
        weight_bits=bits,
        weight_scale=scale,
        codebook=codebook,
    )
    return replace(layer, op=made, bias=bias)
