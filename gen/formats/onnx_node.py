"""A node of an ONNX graph by itself: what it says, what it reads, and how it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

import onnx
from onnx import helper

from gen.common.errors import RefusedNode

STANDARD = ("", "ai.onnx")
"""Names of the domain of the standard operators."""
MICROSOFT = (*STANDARD, "com.microsoft")
"""Domains of quantising operators: ONNX Runtime has some of its own, for other widths of codes."""


def refuse(node: onnx.NodeProto, told: str) -> NoReturn:
    """Refuse a node by name and operator.

    Parameters
    ----------
    node : onnx.NodeProto
    told : str
        Why, a semicolon, and what to do.

    Raises
    ------
    RefusedNode
        Always.
    """
    name = node.name or (node.output[0] if node.output else "?")
    raise RefusedNode(name, " ".join(str(node.op_type).split()), told)


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def standard(node: onnx.NodeProto) -> onnx.NodeProto:
    """The same as an operator of ONNX's own domain."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    made.domain = ""
    return made


def tensors_read(node: onnx.NodeProto) -> Iterator[str]:
    """Names of all that a node reads, itself or in its subgraphs."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from tensors_read(inner)
        yield from (value.name for value in attribute.g.output)
