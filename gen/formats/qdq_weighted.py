"""Convolutions and fully connected layers of quantised ONNX graphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from gen.formats.fully_connected import as_kernels, read_matrix
from gen.formats.onnx_convs import Form, read_conv
from gen.formats.onnx_node import attributes, refuse
from gen.formats.qdq_affine import QdqAffine
from gen.formats.qdq_integers import Layer, usable_scales
from gen.formats.qdq_scales import Scale
from gen.formats.qdq_weights import NARROWEST, Decoded, in_8_bits, stored_width
from gen.ir.ops import INPUT, Concat, Conv, dense


class QdqWeighted(QdqAffine):
    """Keeps layers with weights.

    ``_twice`` counts those that read some channels twice, since these have weights of 9 bits.
    """

    _twice = 0

    def _wide(self) -> dict[str, str]:
        """What is told of such layers, if there are some."""
        told = f"of 9 bits in {self._twice} layers, as sums of two of 8"
        return {"weights": told} if self._twice else {}

    def _conv(self, node: onnx.NodeProto) -> None:
        view = self._map(node, padded=True)
        weights = self._weights(node)
        if weights.steps.ndim != 4:
            refuse(
                node,
                f"weights of shape {list(weights.steps.shape)} are no kernels; those of two sides, "
                "rows and columns, are supported",
            )
        form = read_conv(node, weights.steps, view)
        steps = np.ascontiguousarray(weights.steps.transpose(0, 2, 3, 1))
        layer = self._weighted(node, view.tensor, replace(weights, steps=steps), form)
        self._append(node, layer)

    def _fully_connected(self, node: onnx.NodeProto) -> None:
        view, values = self._view(node), attributes(node)
        weights = self._weights(node)
        if any(values.get(key, 1.0) != 1.0 for key in ("alpha", "beta")):
            refuse(node, "alpha and beta other than 1 are not supported; put them into scales")
        matrix = read_matrix(node, weights.steps)
        across = read_matrix(node, np.broadcast_to(weights.scale, weights.steps.shape))
        if (across != across[:, :1]).any():
            refuse(
                node,
                "weights must have one scale an output channel; quantise them again, along the "
                "other axis or with one scale a layer",
            )
        kernels = replace(weights, steps=as_kernels(node, matrix, view), scale=across[:, 0])
        form = Form(stride=1, pad=(0, 0, 0, 0), groups=1)
        layer = self._weighted(node, view.tensor, kernels, form)
        self._add_layer(layer)
        self._views[node.output[0]] = view.with_features(layer.op.name, len(matrix))

    def _weighted(self, node: onnx.NodeProto, source: str, given: Decoded, form: Form) -> Layer:
        """A convolution of integer weights (Cout, KH, KW, Cin / groups)."""
        weights, scale = given.steps, given.scale.astype(np.float64)
        weight_scale = usable_scales(weights, np.broadcast_to(scale, weights.shape[:1]))
        if not (weight_scale > 0).all():
            refuse(node, "its weights' scales are not all positive; quantise it again")
        unit = self._scale_of(node, source).scale * weight_scale
        bias, border, groups = self._bias(node, unit), self._zeros(source), form.groups
        if source == INPUT:
            weights, groups = dense(weights, groups), 1
        taken = border if groups == 1 else border[:1]  # all the same where there are groups
        bias = bias - (weights * taken).sum(axis=(1, 2, 3))
        border = border if any(form.pad) else np.zeros_like(border)
        if source == INPUT and self._entry is not None:
            weights, border = self._entry.framed(weights), self._entry.framed(border)
        if groups == 1:
            source, weights, border = self._narrowed(node, source, weights, border)
        bits, codebook = stored_width(node, replace(given, steps=weights))
        op = Conv(
            name=self._nodes.new_name(node),
            inputs=(source,),
            weights=np.ascontiguousarray(weights, dtype=np.int8),
            weight_bits=bits,
            weight_scale=weight_scale,
            bias=np.zeros(len(unit), np.int32),
            multiplier=np.zeros(len(unit), np.uint16),
            shift=1,
            low=0,
            high=0,
            stride=form.stride,
            pad=form.pad,
            pad_code=tuple(border.tolist()),
            codebook=codebook,
            groups=groups,
        )
        return Layer(op, bias, given.bits)

    def _narrowed(
        self, node: onnx.NodeProto, source: str, weights: np.ndarray, border: np.ndarray
    ) -> tuple[str, np.ndarray, np.ndarray]:
        """What a layer reads, its weights and what pads it, where weights take more than 8 bits.

        Weights of 9 bits are sums of two of 8: channels that have such ones are read twice. A 1x1
        convolution gives them once more, as they are.

        Parameters
        ----------
        node : onnx.NodeProto
        source : str
        weights : int64 array (Cout, KH, KW, Cin)
        border : int64 array (Cin,)
        """
        narrow, again = in_8_bits(weights)
        if not len(again):
            return source, weights, border
        self._twice += 1
        wider = np.concatenate([border, border[again]])
        if source == INPUT:  # which nothing else may be joined with; its codes count from 0
            scale = replace(self._scale_of(node, source), low=0, high=255)
            whole = np.concatenate([np.arange(len(border)), again])
            return self._copied(source, whole, scale), narrow, wider
        scale = self._scale_of(node, source)
        joined = Concat(
            self._nodes.unique(f"{source}_twice"), (source, self._copied(source, again, scale))
        )
        self._add_layer(Layer(joined, own=scale))
        return joined.name, narrow, wider

    def _copied(self, source: str, channels: np.ndarray, scale: Scale) -> str:
        """Some channels of a map once more; gives the name of theirs."""
        name, count = self._nodes.unique(f"{source}_again"), self._shapes[source][2]
        copy = _copy(name, source, np.eye(count, dtype=np.int8)[channels, None, None])
        self._add_layer(Layer(copy, bias=np.full(len(channels), -float(scale.zero)), own=scale))
        return name


def _copy(name: str, source: str, weights: np.ndarray) -> Conv:
    """A convolution that gives what it reads, once its integers are known."""
    outputs, _, _, inputs = weights.shape
    none, unit = np.zeros(outputs, np.int32), np.ones(outputs)
    return Conv(
        name, (source,), weights, NARROWEST, unit, none, none.astype(np.uint16), shift=1, low=0,
        high=0, pad_code=(0,) * inputs,
    )  # fmt: skip
