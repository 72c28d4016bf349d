"""Reading ONNX: the file, its constants, its names, and the attributes of its layers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from gen.common.errors import FirebrickError
from gen.ir.ops import BOARD, INPUT

STANDARD = ("", "ai.onnx")
"""Names of the domain of the standard operators."""
MICROSOFT = (*STANDARD, "com.microsoft")
"""Domains of quantising operators: ONNX Runtime has some of its own, for other widths of codes."""
DECODING_OPSET = 21
"""The oldest one whose DequantizeLinear the evaluator knows in full."""
MAX_FOLDED = 1 << 24
MOST_SIDE = (1 << 16) - 1
MOST_PIXELS = 1 << 25
"""Bytes of a frame, which a board's link cuts into at most 65536 packets of 512."""


def refuse(node: onnx.NodeProto, reason: str) -> NoReturn:
    """Refuse a node by name, operator and reason.

    Raises
    ------
    FirebrickError
        Always.
    """
    name = node.name or (node.output[0] if node.output else "?")
    kind = " ".join(str(node.op_type).split())
    raise FirebrickError(f"node {name!r} ({kind}): {reason}")


def read_model(path: str | Path) -> onnx.ModelProto:
    """Load an ONNX file.

    Raises
    ------
    FirebrickError
        If it is missing or is no ONNX model.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder, not a model file" if path.is_dir() else "no such model file"
        raise FirebrickError(f"{path}: {what}; give an ONNX file or a network.npz")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf's own error types differ between versions
        reason = " ".join(str(error).split())[:160]
        raise FirebrickError(
            f"{path}: not a readable ONNX model ({reason}); download or export it again"
        ) from None
    if not model.graph.node:
        raise FirebrickError(f"{path}: not an ONNX model with any layers in it; export it again")
    return model


def _standard(node: onnx.NodeProto) -> onnx.NodeProto:
    """The same as an operator of ONNX's own domain."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    made.domain = ""
    return made


@dataclass
class Nodes:
    """An ONNX graph with its constants evaluated.

    Attributes
    ----------
    model : onnx.ModelProto
    constants : dict of array
        Initialisers, Constant nodes, and whatever is computed from these alone.
    layers : list of onnx.NodeProto
        The nodes that remain, in order.
    decode : bool
        Whether weights that are quantised become real numbers; else they stay codes.

    Raises
    ------
    FirebrickError
        If what is computed from constants cannot be evaluated, or is too large.
    """

    model: onnx.ModelProto
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    layers: list[onnx.NodeProto] = field(default_factory=list)
    decode: bool = False
    _names: set[str] = field(default_factory=lambda: {INPUT, BOARD})

    def __post_init__(self) -> None:
        graph = self.model.graph
        for tensor in graph.initializer:
            self.constants[tensor.name] = numpy_helper.to_array(tensor)
        for node in graph.node:
            if not self.fold(node):
                self.layers.append(node)

    def fold(self, node: onnx.NodeProto) -> bool:
        """Evaluate a node that depends on constants alone.

        Returns
        -------
        bool
            Whether it is one, and its outputs are among the constants now.

        Raises
        ------
        FirebrickError
            If it cannot be evaluated, or its inputs are too large.
        """
        used = [name for name in node.input if name]
        if any(name not in self.constants for name in used) or not node.output:
            return False
        codes = node.op_type == "DequantizeLinear" and node.domain in MICROSOFT
        if (codes and not self.decode) or not (codes or node.domain in STANDARD):
            return False
        opsets = [helper.make_opsetid("", DECODING_OPSET)] if codes else None
        node = _standard(node) if codes else node
        values = self._evaluate(node, {name: self.constants[name] for name in used}, opsets)
        self.constants.update(zip([n for n in node.output if n], values, strict=True))
        return True

    def fold_shape(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> None:
        """Evaluate a Shape node whose input has ``shape``."""
        values = attributes(node)
        part = shape[values.get("start", 0) : values.get("end")]
        self.constants[node.output[0]] = np.array(part, np.int64)

    def reshaped(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what a node whose other inputs are constants makes of ``shape``.

        Raises
        ------
        FirebrickError
            If they are not, or the node cannot be evaluated.
        """
        constants = [self.constant(node, index) for index in range(1, len(node.input))]
        pairs = zip(node.input, [np.zeros(shape, np.float32), *constants], strict=True)
        used = {name: value for name, value in pairs if value is not None}
        return tuple(self._evaluate(node, used)[0].shape)

    def _evaluate(
        self,
        node: onnx.NodeProto,
        used: dict[str, np.ndarray],
        opsets: list[onnx.OperatorSetIdProto] | None = None,
    ) -> list[np.ndarray]:
        """A node's outputs for given values of all its inputs, by the model's opsets or others."""
        if sum(value.size for value in used.values()) > MAX_FOLDED:
            refuse(node, "computes on constants too large to fold")
        body = helper.make_graph(
            [node],
            "constant",
            [],
            [onnx.ValueInfoProto(name=name) for name in node.output if name],
            [numpy_helper.from_array(value, name) for name, value in used.items()],
        )
        piece = helper.make_model(body, opset_imports=opsets or list(self.model.opset_import))
        try:
            return list(ReferenceEvaluator(piece).run(None, {}))
        except Exception as error:  # whatever the operator's own evaluation raises
            reason = " ".join(str(error).split())[:160]
            refuse(node, f"cannot be folded into a constant ({reason})")

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        imported = self.model.opset_import
        return max((o.version for o in imported if o.domain in STANDARD), default=1)

    @property
    def input_name(self) -> str:
        """The one tensor that is fed.

        Raises
        ------
        FirebrickError
            If there are others, or none.
        """
        return self._input().name

    def _input(self) -> onnx.ValueInfoProto:
        fed = [value for value in self.model.graph.input if value.name not in self.constants]
        if len(fed) != 1:
            names = ", ".join(repr(value.name) for value in fed) or "none"
            raise FirebrickError(f"the model must have one input, not {len(fed)} ({names})")
        return fed[0]

    @property
    def input_kind(self) -> np.dtype:
        """Type of the numbers that are fed."""
        kind = self._input().type.tensor_type.elem_type
        return np.dtype(helper.tensor_dtype_to_np_dtype(kind))

    @property
    def batch(self) -> int:
        """Frames that are fed at once; one where the model leaves it open.

        Raises
        ------
        FirebrickError
            As :attr:`input_name` does.
        """
        return self._input().type.tensor_type.shape.dim[0].dim_value or 1

    @property
    def input_layout(self) -> str:
        """``NCHW``, or ``NHWC`` where only the last dimension can be the colours."""
        sizes = [dim.dim_value for dim in self._input().type.tensor_type.shape.dim]
        return "NHWC" if len(sizes) == 4 and sizes[1] != 3 and sizes[3] == 3 else "NCHW"

    def input_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the input.

        Raises
        ------
        FirebrickError
            If there is more than one input, or it is no map of three channels with a fixed size
            that a board can take.
        """
        value = self._input()
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        if len(shape) != 4:
            raise FirebrickError(
                f"model input {value.name!r} has {len(shape)} dimensions: this is no network on "
                "images (batch, 3, height, width)"
            )
        height, width, channels = (shape[self.input_layout.index(axis)] for axis in "HWC")
        if channels != 3:
            raise FirebrickError(
                f"model input {value.name!r} has shape {shape}: it must be (batch, 3, height, "
                "width) or (batch, height, width, 3), three colours"
            )
        if height < 1 or width < 1:
            raise FirebrickError(
                f"model input {value.name!r} has no fixed height and width; export the model "
                "with fixed ones (say 224 by 224)"
            )
        if height * width * channels > MOST_PIXELS or max(height, width) > MOST_SIDE:
            raise FirebrickError(
                f"model input {value.name!r} has shape {shape}: a frame may have {MOST_PIXELS} "
                f"bytes and sides of {MOST_SIDE} pixels; export the model with smaller ones"
            )
        return height, width, channels

    def constant(self, node: onnx.NodeProto, index: int) -> np.ndarray | None:
        """Input ``index`` of a node as a constant; ``None`` if it is left out.

        Raises
        ------
        FirebrickError
            If it depends on what is fed.
        """
        if index >= len(node.input) or not node.input[index]:
            return None
        name = node.input[index]
        if name not in self.constants:
            refuse(node, f"its input {name!r} must be a constant")
        return self.constants[name]

    def new_name(self, node: onnx.NodeProto) -> str:
        """A unique identifier for what a node computes, as close to the model's as can be."""
        name = node.name.strip("/")
        name = name.removesuffix("/" + node.op_type)
        if node.op_type == "Conv" and node.input[1].endswith(".weight"):
            name = node.input[1].removesuffix(".weight")
        name = re.sub(r"\W+", "_", name or node.output[0], flags=re.ASCII).strip("_")
        if not name or name[0].isdigit():
            name = f"{node.op_type.lower()}_{name}"
        return self.unique(name)

    def unique(self, name: str) -> str:
        """That name, or one with a number behind it if it was given before."""
        unique, count = name, 2
        while unique in self._names:
            unique, count = f"{name}_{count}", count + 1
        self._names.add(unique)
        return unique


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def read_ceiling(nodes: Nodes, node: onnx.NodeProto) -> float | None:
    """What a Clip from 0 cuts larger values to; None if it cuts none.

    Raises
    ------
    FirebrickError
        If it clips to anything else.
    """
    values = attributes(node)
    low, high = (
        values.get(key) if nodes.opset < 11 else nodes.constant(node, index)
        for index, key in ((1, "min"), (2, "max"))
    )
    floor = -np.inf if low is None else float(np.max(low))
    ceiling = np.inf if high is None else float(np.max(high))
    if floor != 0 or not ceiling > 0:
        refuse(node, f"clips to {floor:g}..{ceiling:g}; Clip(0, c) with c above 0 is supported")
    return None if ceiling >= np.finfo(np.float32).max else ceiling
