"""ReLUs and limits in quantised ONNX graphs: the clamps of the layers before."""

from __future__ import annotations

import onnx

from gen.formats.onnx_activations import read_ceiling
from gen.formats.onnx_node import refuse
from gen.formats.qdq_integers import Layer
from gen.formats.qdq_scales import Scale, code_limits
from gen.formats.qdq_walk import QdqWalk
from gen.ir.ops import INPUT, Requantising


class QdqClamps(QdqWalk):
    """Puts what clamps real numbers, or leaves fewer codes, into the layers before."""

    def _relu(self, node: onnx.NodeProto) -> None:
        self._clamp(node, None)

    def _clip(self, node: onnx.NodeProto) -> None:
        said = self._codes.get(node.input[0])
        if said is None:
            self._clamp(node, read_ceiling(self._nodes, node))
        else:
            self._clip_codes(node, said)

    def _clip_codes(self, node: onnx.NodeProto, said: Scale) -> None:
        """Leave fewer codes, as files do that have narrower ones than there are types of."""
        view, limits = self._view(node), [self._nodes.constant(node, index) for index in (1, 2)]
        low, high = code_limits(said.kind)
        low, high = (
            default if limit is None else int(limit.reshape(-1)[0])
            for limit, default in zip(limits, (low, high), strict=True)
        )
        clipped = said.clipped(low, high)
        if clipped != said:
            self._narrow(node, view.tensor, clipped)
        self._views[node.output[0]] = view
        self._codes[node.output[0]] = clipped

    def _narrow(self, node: onnx.NodeProto, name: str, scale: Scale) -> None:
        """Take fewer codes for the input, or for a layer whose others nothing may read."""
        self._claim(node, name, users=0)
        if name == INPUT:
            self._input = scale
            return
        layer = self._layers[name]
        if not isinstance(layer.op, Requantising) or layer.own is None:
            refuse(node, f"cuts codes of {name!r}, which computes none; clip what it reads")
        layer.own = scale

    def _clamp(self, node: onnx.NodeProto, ceiling: float | None) -> None:
        """Put a ReLU, and perhaps a ceiling, into the layer before, unless its codes have both."""
        view = self._view(node)
        name, layer = view.tensor, self._layers.get(view.tensor)
        if layer is None:
            refuse(node, "clamps the pixels; put it behind the first layer")
        own = layer.own
        if own is None:
            self._rectify(node, layer, ceiling)
        elif own.signed and not layer.relu:
            highest = own.scale * own.high
            self._rectify(node, layer, highest if ceiling is None else min(highest, ceiling))
            layer.own = None  # the scale behind the ReLU is the one to requantise to
        elif ceiling is not None and own.scale * (own.high - 0.5) > ceiling:
            refuse(node, f"cuts {name!r}, which is quantised before; merge the Clip first")
        self._views[node.output[0]] = view

    def _rectify(self, node: onnx.NodeProto, layer: Layer, ceiling: float | None) -> None:
        """Put a ReLU into a layer, whose value without it nothing else may read."""
        name = layer.op.name
        if not isinstance(layer.op, Requantising):
            refuse(
                node, f"cannot be merged into {name!r}; put it behind the layer that computes that"
            )
        if layer.relu and ceiling is None:
            return
        self._claim(node, name, users=0)
        layer.relu = True
        limits = [limit for limit in (layer.ceiling, ceiling) if limit is not None]
        layer.ceiling = min(limits, default=None)
