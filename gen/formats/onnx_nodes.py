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
    raise FirebrickError(f"node {name!r} ({node.op_type}): {reason}")


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

    Raises
    ------
    FirebrickError
        If what is computed from constants cannot be evaluated, or is too large.
    """

    model: onnx.ModelProto
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    layers: list[onnx.NodeProto] = field(default_factory=list)
    _names: set[str] = field(default_factory=lambda: {INPUT, BOARD})

    def __post_init__(self) -> None:
        graph = self.model.graph
        for tensor in graph.initializer:
            self.constants[tensor.name] = numpy_helper.to_array(tensor)
        for node in graph.node:
            if not self.fold(node):
                self.layers.append(node)

    def fold(self, node: onnx.NodeProto) -> bool:
        """Evaluate a node that depends on constants alone, but for weights that are quantised.

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
        if node.op_type == "DequantizeLinear":
            return False
        values = self._evaluate(node, {name: self.constants[name] for name in used})
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

    def _evaluate(self, node: onnx.NodeProto, used: dict[str, np.ndarray]) -> list[np.ndarray]:
        """A node's outputs for given values of all its inputs."""
        if sum(value.size for value in used.values()) > MAX_FOLDED:
            refuse(node, "computes on constants too large to fold")
        body = helper.make_graph(
            [node],
            "constant",
            [],
            [onnx.ValueInfoProto(name=name) for name in node.output if name],
            [numpy_helper.from_array(value, name) for name, value in used.items()],
        )
        piece = helper.make_model(body, opset_imports=list(self.model.opset_import))
        try:
            return list(ReferenceEvaluator(piece).run(None, {}))
        except Exception as error:  # whatever the operator's own evaluation raises
            refuse(node, f"cannot be folded into a constant ({error})")

    @property
    def opset(self) -> int:
        """Version of the standard operators."""
        return max((o.version for o in self.model.opset_import if not o.domain), default=1)

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
    def batch(self) -> int:
        """Frames that are fed at once; one where the model leaves it open.

        Raises
        ------
        FirebrickError
            As :attr:`input_name` does.
        """
        return self._input().type.tensor_type.shape.dim[0].dim_value or 1

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
        _, channels, height, width = shape
        if channels != 3:
            raise FirebrickError(
                f"model input {value.name!r} has shape {shape}: it must be (batch, 3, height, "
                "width), channels first, three colours"
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
        unique, count = name, 2
        while unique in self._names:
            unique, count = f"{name}_{count}", count + 1
        self._names.add(unique)
        return unique


def attributes(node: onnx.NodeProto) -> dict[str, Any]:
    """A node's attributes as Python values."""
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


@dataclass(frozen=True)
class Window:
    """Kernel, stride and padding (top, left, bottom, right) of a layer that slides over a map."""

    kernel: int
    stride: int
    pad: tuple[int, int, int, int]


def read_window(
    node: onnx.NodeProto, shape: tuple[int, int, int], kernel: int | None = None
) -> Window:
    """The window of a Conv or pool node on an input of ``shape``.

    Parameters
    ----------
    node : onnx.NodeProto
    shape : tuple of int
        Height, width, channels of its input.
    kernel : int or None
        Side that the weights have; the attribute may then be left out.

    Raises
    ------
    FirebrickError
        If kernel or strides are not square, the kernel is not the weights', pads are negative, or
        there are dilations or groups.
    """
    values = attributes(node)
    sides = values.get("kernel_shape", [kernel, kernel])
    strides = values.get("strides", [1, 1])
    if len(sides) != 2 or sides[0] != sides[1]:
        refuse(node, f"kernel {list(sides)} is not square")
    if kernel is not None and sides[0] != kernel:
        refuse(node, f"kernel_shape {list(sides)} for weights of {kernel} by {kernel}")
    if len(strides) != 2 or strides[0] != strides[1] or strides[0] < 1:
        refuse(node, f"strides {list(strides)} differ")
    if any(step != 1 for step in values.get("dilations", [1, 1])):
        refuse(node, f"dilations {list(values['dilations'])} are not supported")
    if values.get("group", 1) != 1:
        refuse(node, f"group {values['group']} is not supported, only 1")
    side, stride = int(sides[0]), int(strides[0])
    auto = values.get("auto_pad", b"NOTSET").decode()
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        pad = _same_pad(shape, side, stride, auto == "SAME_UPPER")
    else:
        explicit = values.get("pads", [0] * 4) if auto == "NOTSET" else [0] * 4
        pad = tuple(int(p) for p in explicit)  # type: ignore[assignment]
    if len(pad) != 4 or min(pad) < 0:
        refuse(node, f"pads {list(pad)} are not supported")
    return Window(side, stride, pad)


def _same_pad(
    shape: tuple[int, int, int], kernel: int, stride: int, upper: bool
) -> tuple[int, int, int, int]:
    """Padding that makes the output ceil(input / stride) long."""
    begins, ends = [], []
    for size in shape[:2]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        small, large = total // 2, total - total // 2
        begins.append(small if upper else large)
        ends.append(large if upper else small)
    return begins[0], begins[1], ends[0], ends[1]


def read_max_pool(node: onnx.NodeProto, shape: tuple[int, int, int]) -> tuple[int, int, bool]:
    """Kernel, stride and ceil mode of a MaxPool node on an input of ``shape``.

    Padding at the bottom and right is accepted where it amounts to ceil mode, or to nothing.

    Raises
    ------
    FirebrickError
        As :func:`read_window` does; also if it pads otherwise, or its kernel is neither the stride
        nor one more, or is larger than the input.
    """
    window = read_window(node, shape)
    top, left, bottom, right = window.pad
    ceil_mode = bool(attributes(node).get("ceil_mode", 0))
    if top or left:
        refuse(node, f"pads {list(window.pad)}: padding at the top or left is not supported")
    if window.kernel not in (window.stride, window.stride + 1):
        refuse(
            node,
            f"kernel {window.kernel} at stride {window.stride} is not supported: the kernel must "
            "be the stride or one more",
        )
    fits = {False: True, True: True}
    for size, pad in ((shape[0], bottom), (shape[1], right)):
        if size < window.kernel:
            refuse(node, f"kernel {window.kernel} is larger than its input {shape}")
        windows = _windows(size + pad, window, ceil_mode)
        for ceil in fits:
            fits[ceil] &= windows == _windows(size, window, ceil)
    if not any(fits.values()):
        refuse(node, f"pads {list(window.pad)} do not amount to ceil mode")
    return window.kernel, window.stride, not fits[False]


def _windows(size: int, window: Window, ceil: bool) -> int:
    span = size - window.kernel
    return (-(-span // window.stride) if ceil else span // window.stride) + 1


def check_global_pool(nodes: Nodes, node: onnx.NodeProto, shape: tuple[int, int, int]) -> None:
    """Check that an average covers the whole of its map.

    Parameters
    ----------
    nodes : Nodes
        The graph that the node is of.
    node : onnx.NodeProto
        A GlobalAveragePool, AveragePool or ReduceMean.
    shape : tuple of int
        Height, width, channels of its input.

    Raises
    ------
    FirebrickError
        If it does not, or pads in a way that is not supported.
    """
    if node.op_type == "GlobalAveragePool":
        return
    if node.op_type == "ReduceMean":
        axes = attributes(node).get("axes") if nodes.opset < 18 else nodes.constant(node, 1)
        if axes is None or sorted(int(a) % 4 for a in axes) != [2, 3]:
            refuse(node, "only the mean over height and width is supported")
        return
    values = attributes(node)
    auto = values.get("auto_pad", b"NOTSET").decode()
    if auto not in ("NOTSET", "VALID"):
        refuse(node, f"auto_pad {auto} is not supported: export it as a GlobalAveragePool")
    kernel = tuple(values.get("kernel_shape", ()))
    if kernel != shape[:2] or any(values.get("pads", ())):
        refuse(node, f"averages {list(kernel)} of a map of {list(shape[:2])}: only whole maps")
