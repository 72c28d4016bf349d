"""The height and width of pictures, where a model leaves them open."""

from __future__ import annotations

import onnx

from gen.common.errors import FirebrickError, RefusedNode
from gen.formats.onnx_nodes import Nodes

OPTION = "--input-size"
Size = tuple[int, int]
"""Height and width."""


def parse_size(text: str) -> Size:
    """``H,W``, or one number for both.

    Raises
    ------
    FirebrickError
        If it is neither.
    """
    parts = text.split(",")
    numbers = [int(part) for part in parts if part.strip().isdecimal()]
    if len(numbers) != len(parts) or len(parts) > 2 or min(numbers) < 1:
        raise FirebrickError(f"{OPTION} {text}: give height and width of the input, say 224,224")
    return numbers[0], numbers[-1]


def fix_size(model: onnx.ModelProto, size: Size) -> None:
    """Give a model's input that size, in place.

    Raises
    ------
    RefusedNode
        If it has another one already, or is no map.
    """
    nodes = Nodes(model)
    (value,) = (value for value in model.graph.input if value.name == nodes.input.name)
    dimensions = value.type.tensor_type.shape.dim
    if len(dimensions) != 4:
        return  # which is refused with more words by whoever reads it
    sides = [dimensions[nodes.input.layout.index(axis)] for axis in "HW"]
    for dimension, side in zip(sides, size, strict=True):
        if dimension.dim_value not in (0, side):
            own = ",".join(str(dimension.dim_value or "?") for dimension in sides)
            raise RefusedNode(
                value.name, "input", f"has the size {own}; leave {OPTION} out, or export the model "
                "with open dimensions"
            )  # fmt: skip
        dimension.dim_value = side
