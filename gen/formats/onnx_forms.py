"""Old forms of ONNX's operators as the newest one: what were attributes become inputs.

So the walk over a graph, and ONNX's evaluator for constants, need to know the newest form only. (A
softmax's axis means something else since version 13; the walk knows.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

MOVED: dict[str, tuple[str, ...]] = {
    "Clip": ("min", "max"),
    "Pad": ("pads", "value"),
    "ReduceMean": ("axes",),
    "ReduceSum": ("axes",),
    "Reshape": ("shape",),
    "Slice": ("starts", "ends", "axes"),
    "Split": ("split",),
    "Squeeze": ("axes",),
    "Unsqueeze": ("axes",),
}
"""Attributes that are inputs now, in their order behind the first one."""
RENAMED = {"paddings": "pads"}
DROPPED = {"broadcast", "consumed_inputs", "is_test", "ratio", "spatial"}
"""Attributes that are no longer, and say nothing of a network that is not in training."""
BROADCASTING = ("Add", "Div", "Mul", "PRelu", "Pow", "Sub")
MAP_RANK = 4
"""Dimensions of a map; ``axis`` of old arithmetic counts among them."""


@dataclass
class Forms:
    """Makes a model's nodes the newest ones.

    Attributes
    ----------
    constants : dict of array
        Of the model; those that attributes become are added.
    """

    constants: dict[str, np.ndarray]

    def newest(self, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """The nodes that do what one of any version does."""
        said = {a.name: a for a in node.attribute}
        values = {
            RENAMED.get(name, name): helper.get_attribute_value(attribute)
            for name, attribute in said.items()
            if name not in DROPPED
        }
        if node.op_type == "ImageScaler":
            yield from self._scaled(node, values)
        elif node.op_type in MOVED and len(node.input) == 1:
            yield _remade(node, [*node.input, *self._moved(node, values)], values)
        elif node.op_type in BROADCASTING and "axis" in values:
            aligned = self._aligned(node, int(values.pop("axis")))
            yield _remade(node, [node.input[0], aligned], values)
        elif node.op_type == "Cast" and isinstance(values.get("to"), bytes):
            values["to"] = TensorProto.DataType.Value(values["to"].decode())
            yield _remade(node, node.input, values)
        else:
            yield node if said.keys() <= values.keys() else _remade(node, node.input, values)

    def _constant(self, node: onnx.NodeProto, part: str, value: np.ndarray) -> str:
        """A constant that belongs to a node, under a new name."""
        name = f"{node.output[0]}/{part}"
        while name in self.constants:
            name += "_"
        self.constants[name] = value
        return name

    def _moved(self, node: onnx.NodeProto, values: dict[str, Any]) -> list[str]:
        """Inputs for attributes, which are taken out of ``values``."""
        inputs = []
        for name in MOVED[node.op_type]:
            value = values.pop(name, None)
            kind = np.float32 if isinstance(value, float) else np.int64
            made = None if value is None else self._constant(node, name, np.asarray(value, kind))
            inputs.append(made or "")
        while inputs and not inputs[-1]:
            inputs.pop()
        if node.op_type == "Split" and not inputs:
            values["num_outputs"] = len(node.output)
        return inputs

    def _aligned(self, node: onnx.NodeProto, axis: int) -> str:
        """The second input with ones behind it, so that its dimensions begin at ``axis``."""
        name = node.input[1]
        if name not in self.constants:
            return name
        value = self.constants[name]
        behind = MAP_RANK - axis % MAP_RANK - value.ndim
        return self._constant(node, "aligned", value.reshape(*value.shape, *(1,) * behind))

    def _scaled(self, node: onnx.NodeProto, values: dict[str, Any]) -> Iterator[onnx.NodeProto]:
        """Windows ML's ImageScaler: a factor, and a bias a channel."""
        name, (y,) = node.name or node.output[0], node.output
        factor = np.asarray(values.get("scale", 1.0), np.float32)
        bias = np.asarray(values.get("bias", [0.0]), np.float32).reshape(-1, 1, 1)
        scaled, shift = self._constant(node, "scale", factor), self._constant(node, "bias", bias)
        yield helper.make_node("Mul", [node.input[0], scaled], [f"{y}/scaled"], name)
        yield helper.make_node("Add", [f"{y}/scaled", shift], [y], name)


def _remade(node: onnx.NodeProto, inputs: Iterable[str], values: dict[str, Any]) -> onnx.NodeProto:
    """A node with other inputs and attributes; subgraphs stay what they are."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    del made.input[:], made.attribute[:]
    made.input.extend(inputs)
    made.attribute.extend(helper.make_attribute(key, value) for key, value in values.items())
    return made
