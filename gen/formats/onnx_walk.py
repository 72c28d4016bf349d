"""A walk over the nodes of an ONNX graph, for float and quantised networks alike.

What only changes the order or the shape of numbers is followed here, with
:mod:`gen.formats.onnx_views`; layers are the readers' own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import prod

import numpy as np
import onnx
from onnx import TensorProto

from gen.common.errors import FirebrickError
from gen.formats.onnx_node import MICROSOFT, STANDARD, attributes, refuse
from gen.formats.onnx_nodes import Nodes
from gen.formats.onnx_pixels import pixel_maps
from gen.formats.onnx_views import View
from gen.formats.qonnx import without_quant
from gen.formats.qoperator import without_qoperator
from gen.ir.ops import INPUT

RESHAPES = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
SOFTMAXES = ("LogSoftmax", "Softmax")
FLOATS = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE}
ANYWHERE = {*RESHAPES, "Cast", "DequantizeLinear", "Dropout", "Identity", "QuantizeLinear"}
"""What may follow the probabilities of the classes."""
QUANTISING = ("QuantizeLinear", "DequantizeLinear")
BEHIND_AVERAGE = (
    "unsupported behind the global average, where it may change or select classes; leave it out "
    "and do it with the class sums"
)
MOST_CLASSES = (1 << 16) - 1
"""A board's packets number them with 16 bits."""

Handler = Callable[[onnx.NodeProto], None]


def on_real_numbers(
    node: onnx.NodeProto, constants: dict[str, np.ndarray]
) -> Iterator[onnx.NodeProto]:
    """The nodes that stand for a quantised operator; any other one as it is.

    Raises
    ------
    FirebrickError
        If it does what a board does not.
    """
    for part in without_qoperator(node):
        yield from without_quant(part, constants)


class GraphWalk:
    """One walk over the nodes; ``_views`` has what each ONNX tensor shows of which map.

    Parameters
    ----------
    model : onnx.ModelProto
    decode : bool
        Whether weights that are quantised become real numbers.
    """

    def __init__(self, model: onnx.ModelProto, *, decode: bool = False):
        self._nodes = Nodes(model, decode=decode, expand=on_real_numbers)
        fed = self._nodes.input
        self._input_shape, self._batch = fed.shape(), fed.batch
        self._views = {fed.name: View.of(INPUT, self._input_shape, self._batch, fed.layout)}
        self._pixels, self._understood = pixel_maps(self._nodes)
        self._left = self._nodes.reads()
        for name, made in self._pixels.items():
            self._views[name] = View.of(INPUT, made.shape(self._input_shape), self._batch)

    @abstractmethod
    def _shape_of(self, tensor: str) -> tuple[int, int, int]:
        """Shape of one of our maps."""

    @abstractmethod
    def _readers(self, tensor: str) -> int:
        """How many layers so far read one of our maps."""

    @abstractmethod
    def _unsupported(self, node: onnx.NodeProto) -> str:
        """Why a node without a handler is refused."""

    @abstractmethod
    def _is_average(self, tensor: str) -> bool:
        """Whether one of our maps is a global average."""

    def _shows_average(self, name: str) -> bool:
        return name in self._views and self._is_average(self._views[name].tensor)

    def _walk(self, handlers: Mapping[str, Handler]) -> None:
        """Give each node that computes on the input to the handler of its operator."""
        own: dict[str, Handler] = {
            **dict.fromkeys(RESHAPES, self._reshape),
            **dict.fromkeys(SOFTMAXES, self._softmax),
            "Cast": self._cast,
            "Dropout": self._identity,
            "Identity": self._identity,
            "Pad": self._pad,
            "Shape": self._shape_node,
            "Transpose": self._transpose,
        }
        self._visit(self._nodes.layers, own | dict(handlers))

    def _visit(self, nodes: Iterable[onnx.NodeProto], own: Mapping[str, Handler]) -> None:
        for node in nodes:
            self._left.subtract(node.input)
            if node.op_type == "If" and node.domain in STANDARD:
                self._visit(self._nodes.branch(node), own)
                continue
            if id(node) in self._understood or self._nodes.fold(node):
                continue
            if node.domain not in (MICROSOFT if node.op_type in QUANTISING else STANDARD):
                refuse(
                    node,
                    f"is an operator of domain {node.domain!r}, which firebrick does not know; "
                    "export the model with standard operators",
                )
            if node.op_type not in own:
                average = any(map(self._shows_average, node.input))
                refuse(node, BEHIND_AVERAGE if average else self._unsupported(node))
            self._check_final(node)
            own[node.op_type](node)
            self._note(node)

    def _note(self, node: onnx.NodeProto) -> None:
        """What a reader wants to know of a node that was handled."""

    def _check_final(self, node: onnx.NodeProto) -> None:
        final = any(name in self._views and self._views[name].final for name in node.input)
        if final and node.op_type not in ANYWHERE:
            refuse(
                node,
                "unsupported behind the probabilities of the classes; leave it out and do it with "
                "the class sums",
            )

    def _view(
        self, node: onnx.NodeProto, index: int = 0, *, padded: bool = False, pixels: bool = False
    ) -> View:
        """What an input of a node shows.

        Only some nodes know what to do with a Pad before them, or with pixels that the graph itself
        has normalised.
        """
        name = node.input[index]
        if name in self._pixels and not pixels:
            refuse(
                node,
                "reads pixels that the graph has normalised, which only a Conv can; put it behind "
                "the first one",
            )
        if name not in self._views:
            refuse(node, f"its input {name!r} is no map of activations, or was merged with a ReLU")
        view = self._views[name]
        if any(view.pad) and not padded:
            refuse(
                node,
                "reads the output of a Pad; that is supported directly in front of a Conv or pool",
            )
        return view

    def _map(
        self, node: onnx.NodeProto, index: int = 0, *, padded: bool = False, pixels: bool = False
    ) -> View:
        """A map that is channels first, as ONNX's layers on maps want it."""
        view = self._view(node, index, padded=padded, pixels=pixels)
        if view.layout != "NCHW":
            refuse(
                node,
                f"its input of shape {list(view.shape)} is no map (batch, channels, height, "
                "width); it must be channels first, three colours at the model's input",
            )
        return view

    def _show(self, node: onnx.NodeProto, tensor: str, layout: str = "NCHW") -> None:
        """Let a node's output be a map of ours."""
        shape = self._shape_of(tensor)
        self._views[node.output[0]] = View.of(tensor, shape, self._batch, layout)

    def _claim(self, node: onnx.NodeProto, name: str, users: int) -> None:
        """Make sure that nothing but ``node`` sees map ``name`` as it was before ``node``."""
        if self._readers(name) > users:
            refuse(
                node,
                f"cannot be merged into {name!r}, whose value others read too; let all of them "
                "read what this node gives",
            )
        self._views = {key: view for key, view in self._views.items() if view.tensor != name}

    def _channel_axis(self, node: onnx.NodeProto) -> tuple[tuple[View, ...], str]:
        """Inputs of a Concat, and the layout that they share, in which it joins channels."""
        views = tuple(self._view(node, i) for i in range(len(node.input)))
        layout = views[0].layout
        if layout is None or any(view.layout != layout for view in views):
            refuse(
                node,
                f"joins tensors of shapes {[list(v.shape) for v in views]}; maps of one "
                "order of dimensions are supported",
            )
        axis = attributes(node).get("axis", 1)
        if axis % len(layout) != layout.index("C"):
            refuse(node, f"concatenates along axis {axis}; only channels (1) are supported")
        if any(view.tensor == INPUT for view in views):
            refuse(node, "concatenating the input is not supported; use what a convolution makes")
        return views, layout

    def _alike(self, node: onnx.NodeProto) -> tuple[View, ...]:
        """All inputs of a sum: maps of one shape and order, none of them the pixels."""
        views = tuple(self._view(node, i) for i in range(len(node.input)))
        if len(views) > 1 and any(view.tensor == INPUT for view in views):
            refuse(node, "only sums of maps of activations are supported; it adds pixels to them")
        if len({(view.axes, view.shape) for view in views}) > 1:
            shapes = " and ".join(str(list(view.shape)) for view in views)
            refuse(node, f"adds maps of different shapes or orders, {shapes}; equal ones are")
        return views

    def _pair(self, node: onnx.NodeProto) -> tuple[View, View]:
        """Both inputs of an Add; as :meth:`_alike`."""
        views = self._alike(node)
        if len(views) != 2:
            refuse(node, "only the sum of two maps is supported; add them one after another")
        return views[0], views[1]

    def _mean_axes(self, node: onnx.NodeProto, view: View) -> list[int]:
        """Dimensions that a ReduceMean averages: height and width, whatever their order."""
        axes = self._nodes.constant(node, 1)
        over = [] if axes is None else sorted(int(axis) % len(view.shape) for axis in axes)
        layout = view.layout
        if layout is None or len(layout) != 4 or over != sorted(layout.index(a) for a in "HW"):
            refuse(
                node,
                "is over something else than height and width; a mean over these is supported",
            )
        return over

    def _identity(self, node: onnx.NodeProto) -> None:
        self._views[node.output[0]] = self._view(node, padded=True)

    def _cast(self, node: onnx.NodeProto) -> None:
        if attributes(node).get("to") not in FLOATS:
            refuse(node, "rounds the logits, so that classes tie; leave it out")
        self._identity(node)

    def _shape_node(self, node: onnx.NodeProto) -> None:
        self._nodes.fold_shape(node, self._view(node).shape)

    def _reshape(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        shape = self._nodes.reshaped(node, view.shape)
        made = view.reshaped(shape)
        if made is None:
            refuse(
                node,
                f"from {list(view.shape)} to {list(shape)} splits channels, height or width; "
                "shapes that keep them whole are supported",
            )
        self._views[node.output[0]] = made

    def _transpose(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        order = attributes(node).get("perm", range(len(view.shape))[::-1])
        self._views[node.output[0]] = view.transposed(order)

    def _pad(self, node: onnx.NodeProto) -> None:
        """Remember zeros around a map for the layer that reads it."""
        view, values = self._map(node), attributes(node)
        pads, fill, axes = (self._nodes.constant(node, index) for index in (1, 2, 3))
        sides = [] if pads is None else [int(p) for p in pads]
        zeros = self._pads_zeros(node, fill)
        if (
            values.get("mode", b"constant") != b"constant" or not zeros or axes is not None
            or len(sides) != 8 or any(sides[i] for i in (0, 1, 4, 5)) or min(sides) < 0
        ):  # fmt: skip
            refuse(
                node,
                "puts something else than zeros around height and width; these are supported, in "
                "mode constant",
            )
        around = (sides[2], sides[3], sides[6], sides[7])
        self._views[node.output[0]] = replace(view, pad=around)

    def _pads_zeros(self, node: onnx.NodeProto, fill: np.ndarray | None) -> bool:
        """Whether what a Pad puts around a map is zero."""
        return fill is None or not np.any(fill)

    def _softmax(self, node: onnx.NodeProto) -> None:
        """Refuse one that is not over the classes. Before opset 13 it is over all axes from its."""
        view = self._view(node)
        shape, flattens = view.shape, self._nodes.opset < 13
        axis = attributes(node).get("axis", 1 if flattens else -1)
        if not -len(shape) <= axis < len(shape):
            refuse(node, f"axis {axis} of logits of shape {list(shape)} does not exist")
        axis %= len(shape)
        size, classes = prod(shape[axis:]), view.sizes["C"]
        one = view.sizes["H"] == view.sizes["W"] == 1
        if size != classes or not one or not (flattens or shape[axis] == size):
            refuse(
                node,
                f"is over axis {axis} of logits of shape {list(shape)}, not over the classes; "
                "leave it out or put it over the classes",
            )
        self._views[node.output[0]] = replace(view, final=True)

    def _logits(self) -> str:
        """Our map that the model's one output shows, with all classes in their order.

        Raises
        ------
        FirebrickError
            If there are other outputs, or it shows something else.
        """
        outputs = [value.name for value in self._nodes.model.graph.output]
        view = self._views.get(outputs[0]) if len(outputs) == 1 else None
        if view is None or view.tensor == INPUT:
            raise FirebrickError(
                f"outputs {outputs}: there must be one, behind the global average or the last "
                "fully connected layer"
            )
        if view.sizes["C"] > MOST_CLASSES:
            raise FirebrickError(
                f"{view.tensor!r} gives {view.sizes['C']} classes; at most {MOST_CLASSES} are "
                "supported"
            )
        return view.tensor
