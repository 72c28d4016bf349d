"""What follows the global average in an ONNX graph, down to the model's output."""

from __future__ import annotations

import math
from typing import NoReturn

import onnx
from onnx import TensorProto

from gen.common.errors import FirebrickError
from gen.formats.onnx_nodes import Nodes, attributes, refuse

RESHAPES = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"}
KEEPS = {"Cast", "DequantizeLinear", "Dropout", "Identity", "QuantizeLinear"}
SOFTMAXES = {"LogSoftmax", "Softmax"}
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
MOST_CLASSES = (1 << 16) - 1
"""A board's packets number them with 16 bits."""


class ClassifierHead:
    """The logits, from the global average on: nothing may change their number or their order.

    What is computed from shapes alone, such as a Reshape's target, becomes a constant.

    Parameters
    ----------
    nodes : Nodes
    """

    def __init__(self, nodes: Nodes):
        self._nodes = nodes
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._classes = 0

    def begin(self, node: onnx.NodeProto, classes: int) -> None:
        """Take the output of a global average of ``classes`` channels for the logits.

        Raises
        ------
        FirebrickError
            If there are more than :data:`MOST_CLASSES`.
        """
        if classes > MOST_CLASSES:
            refuse(node, f"gives {classes} classes; at most {MOST_CLASSES} are supported")
        keep = node.op_type != "ReduceMean" or attributes(node).get("keepdims", 1)
        self._shapes[node.output[0]] = (self._nodes.batch, classes, *([1, 1] if keep else []))
        self._classes = classes

    def follow(self, node: onnx.NodeProto) -> bool:
        """Whether a node is of the head, or computes on constants alone; if so, it is done with.

        Raises
        ------
        FirebrickError
            If it may change or select classes, or cannot be computed.
        """
        if not any(name in self._shapes for name in node.input):
            return self._nodes.fold(node)
        shape = self._shapes.get(node.input[0])
        if shape is None:
            self._refuse(node)
        if node.op_type == "Shape":
            self._nodes.fold_shape(node, shape)
        else:
            self._shapes[node.output[0]] = self._follow(node, shape)
        return True

    def check_output(self) -> None:
        """Check that the model's one output is the logits.

        Raises
        ------
        FirebrickError
            If it is not, or there are others.
        """
        outputs = [value.name for value in self._nodes.model.graph.output]
        if len(outputs) != 1 or outputs[0] not in self._shapes:
            raise FirebrickError(f"outputs {outputs}: there must be one, behind the global average")

    def _follow(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape that a node on logits of ``shape`` makes of them."""
        values = attributes(node)
        if node.op_type in RESHAPES:
            return self._nodes.reshaped(node, shape)
        if node.op_type in SOFTMAXES:
            self._check_softmax(node, shape)
        elif node.op_type == "Cast" and values.get("to") not in FLOATS:
            refuse(node, "rounds the logits, so that classes tie; leave it out")
        elif node.op_type in ("DequantizeLinear", "QuantizeLinear"):
            scale = self._nodes.constant(node, 1)
            if scale is None or scale.size != 1:
                refuse(node, "the logits must have one scale for all classes")
        elif node.op_type not in KEEPS:
            self._refuse(node)
        return shape

    def _refuse(self, node: onnx.NodeProto) -> NoReturn:
        refuse(
            node,
            "unsupported behind the global average, where it may change or select classes; leave "
            "it out and do it with the class sums",
        )

    def _check_softmax(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> None:
        """Refuse one that is not over the classes. Before opset 13 it is over all axes from its."""
        flattens = self._nodes.opset < 13
        axis = attributes(node).get("axis", 1 if flattens else -1)
        if not -len(shape) <= axis < len(shape):
            refuse(node, f"axis {axis} of logits of shape {list(shape)} does not exist")
        axis %= len(shape)
        size = math.prod(shape[axis:])
        if size != self._classes or not (flattens or shape[axis] == size):
            refuse(
                node,
                f"is over axis {axis} of logits of shape {list(shape)}, not over the classes; "
                "leave it out or put it over the classes",
            )
