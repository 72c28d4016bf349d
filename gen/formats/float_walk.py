"""Float layers on a walk over an ONNX graph, and what is folded into those before.

Batch norms, arithmetic with constants, ReLUs and limits go into the layer that gives a map, where
nothing else reads it as it was. Elsewhere they become a depthwise 1x1 convolution, which is the
same.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx

from gen.formats.classifier_head import average_pool
from gen.formats.onnx_affine import Affine
from gen.formats.onnx_node import refuse
from gen.formats.onnx_views import View
from gen.formats.onnx_walk import GraphWalk
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, Computed, FloatConv, FloatOp, GlobalSum


class FloatWalk(GraphWalk):
    """Keeps float layers; global sums stand for global averages until the end is known.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        Of the network.
    """

    def __init__(self, model: onnx.ModelProto, name: str):
        super().__init__(model, decode=True)
        self._name = name
        self._ops: dict[str, FloatOp] = {}

    def _is_average(self, tensor: str) -> bool:
        return isinstance(self._ops.get(tensor), GlobalSum)

    def _so_far(self) -> FloatGraph:
        return FloatGraph(self._name, self._input_shape, tuple(self._ops.values()))

    def _shape_of(self, tensor: str) -> tuple[int, int, int]:
        return self._so_far().shapes()[tensor]

    def _readers(self, tensor: str) -> int:
        return sum(tensor in op.inputs for op in self._ops.values())

    def _append(self, node: onnx.NodeProto, op: FloatOp, layout: str = "NCHW") -> None:
        self._ops[op.name] = op
        self._show(node, op.name, layout)

    def _nonnegative(self, tensor: str) -> bool:
        return self._so_far().nonnegative(pixels=False)[tensor]

    def _read_elsewhere(self, tensor: str, users: int = 0) -> bool:
        """Whether more than so many layers read a map, or nodes that are still to come do."""
        coming = (self._left[name] for name, view in self._views.items() if view.tensor == tensor)
        return self._readers(tensor) > users or any(coming)

    def _scaled(self, node: onnx.NodeProto, view: View, affine: Affine) -> View:
        """A view with an affine function of each channel.

        Raises
        ------
        FirebrickError
            If it is of the pixels, or its weights are no finite numbers.
        """
        if view.tensor == INPUT:
            refuse(
                node,
                "computes on the pixels themselves; leave it out, and say what it does as mean and "
                "std in the model's metadata",
            )
        source = self._foldable(view.tensor, affine)
        if source is None:
            op = self._by_itself(node, view)
            view = replace(view, tensor=op.name)
        else:
            op = source
            self._claim(node, view.tensor, users=0)
        self._ops[op.name] = _folded(node, op, affine)
        return view

    def _foldable(self, tensor: str, affine: Affine, users: int = 0) -> FloatConv | None:
        """The convolution before a map that can take an affine function of it, if any can."""
        op = self._ops[tensor]
        if self._read_elsewhere(tensor, users):
            return None
        if isinstance(op, GlobalSum) and op.inputs[0] != INPUT:
            return self._foldable(op.inputs[0], affine, users=1)
        if not isinstance(op, FloatConv) or op.ceiling is not None:
            return None
        return op if not op.relu or affine.is_positive_gain else None

    def _by_itself(self, node: onnx.NodeProto, view: View) -> FloatConv:
        """A convolution that gives what it reads."""
        channels = view.sizes["C"]
        return FloatConv(
            self._nodes.new_name(node),
            (view.tensor,),
            np.ones((channels, 1, 1, 1), np.float32),
            np.zeros(channels, np.float32),
            groups=channels,
        )

    def _clamp(self, node: onnx.NodeProto, ceiling: float | None, index: int = 0) -> None:
        """Put a ReLU, and perhaps a ceiling, into the layers before input ``index``."""
        view = self._view(node, index)
        if view.tensor == INPUT:
            refuse(node, "unsupported on the input; put a convolution in front")
        if ceiling is not None or not self._nonnegative(view.tensor):
            if not self._rectifiable(view.tensor, ceiling):
                op = replace(self._by_itself(node, view), relu=True, ceiling=ceiling)
                self._ops[op.name], view = op, replace(view, tensor=op.name)
            else:
                self._claim(node, view.tensor, users=0)
                self._rectify(node, view.tensor, ceiling)
        self._views[node.output[0]] = view

    def _rectifiable(self, name: str, ceiling: float | None, users: int = 0) -> bool:
        """Whether layers before tensor ``name`` can take a ReLU, that nothing else would see."""
        if name == INPUT or self._read_elsewhere(name, users):
            return False
        op = self._ops[name]
        return isinstance(op, Computed | GlobalSum) or all(
            (ceiling is None and self._nonnegative(source))
            or self._rectifiable(source, ceiling, users=1)
            for source in op.inputs
        )

    def _rectify(self, node: onnx.NodeProto, name: str, ceiling: float | None) -> None:
        """Put it into what computes tensor ``name``, through concats and pools."""
        op = self._ops[name]
        if isinstance(op, GlobalSum):
            op = average_pool(op, self._shape_of(op.inputs[0]))
        if isinstance(op, Computed):
            limits = [limit for limit in (op.ceiling, ceiling) if limit is not None]
            self._ops[name] = replace(op, relu=True, ceiling=min(limits, default=None))
            return
        for source in op.inputs:
            if ceiling is None and self._nonnegative(source):
                continue
            self._claim(node, source, users=1)
            self._rectify(node, source, ceiling)


def _folded(node: onnx.NodeProto, op: FloatConv, affine: Affine) -> FloatConv:
    """A convolution with an affine function of its channels.

    Raises
    ------
    FirebrickError
        If its weights are no finite numbers.
    """
    with np.errstate(all="ignore"):
        weights = (op.weights * affine.gain[:, None, None, None]).astype(np.float32)
        bias = ((op.bias - affine.mean) * affine.gain + affine.bias).astype(np.float32)
    if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
        refuse(
            node,
            f"folded into {op.name!r} it gives weights that are not all finite numbers (a "
            "variance below zero?); train or export the model again",
        )
    return replace(op, weights=weights, bias=bias)
