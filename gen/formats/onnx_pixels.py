"""What an ONNX graph does to pixels in front of its first layers, found by trying it out.

Whatever the nodes there are called, what they do is a function of a frame. Here it must be the same
affine function of each pixel's channels, perhaps with a border of one colour around the frame; then
it goes into the weights and the padding of the convolutions that read it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from gen.formats.onnx_node import STANDARD, refuse
from gen.formats.onnx_nodes import Nodes
from gen.ir.ops import FloatConv, dense

ARITHMETIC = ("Add", "BatchNormalization", "Div", "Mul", "Neg", "Pad", "Sub", "Sum")
CHANNELS = ("Concat", "Gather", "Slice", "Split")
OTHERS = ("Cast", "Dropout", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze")
"""Operators that may stand in front of the first convolution; if there are only some of the last
kind, the walk over the graph understands them by itself."""
WHITE = 255.0
CLOSE = 1e-5
"""Relative error that values may have, being 32-bit floats."""
UNIT_GAIN = 0.1
"""Larger factors than this are for pixels of 0 to 1: those of 0 to 255 would become huge."""


@dataclass(frozen=True, eq=False)
class PixelMap:
    """An affine function of pixels: ``matrix @ pixel + offset``, and a border around the frame.

    Attributes
    ----------
    matrix : float64 array (C, channels)
    offset : float64 array (C,)
    pad : tuple of int
        Border: top, left, bottom, right.
    border : float64 array (channels,)
        The pixel that gives the border's value.
    """

    matrix: np.ndarray
    offset: np.ndarray
    pad: tuple[int, int, int, int]
    border: np.ndarray

    def shape(self, frame: tuple[int, int, int]) -> tuple[int, int, int]:
        """Height, width and channels of what a frame becomes."""
        top, left, below, right = self.pad
        return frame[0] + top + below, frame[1] + left + right, len(self.offset)

    @property
    def white(self) -> float:
        """What white is to the graph, 1 or 255, by what it subtracts and divides by."""
        dark = self._pixel(np.zeros(len(self.offset)))
        return 1.0 if np.abs(self.matrix).max() > UNIT_GAIN and dark.max() <= 1 else WHITE

    def _pixel(self, value: np.ndarray) -> np.ndarray:
        """The pixel that comes nearest to giving a value."""
        return np.linalg.lstsq(self.matrix, value - self.offset, rcond=None)[0]

    def gives(self, pixel: np.ndarray, value: np.ndarray) -> bool:
        """Whether a pixel becomes a value."""
        got = self.matrix @ pixel + self.offset
        return bool(np.allclose(got, value, rtol=CLOSE, atol=CLOSE * (1 + np.abs(value).max())))

    def folded(self, node: onnx.NodeProto, op: FloatConv) -> FloatConv:
        """A convolution that reads the pixels themselves, in the place of one of what they become.

        Parameters
        ----------
        node : onnx.NodeProto
            For messages.
        op : FloatConv

        Raises
        ------
        FirebrickError
            If its padding is of no pixel, or of another one than the border.
        """
        weights = dense(op.weights, op.groups).astype(np.float64)
        bias = op.bias + (weights @ self.offset).sum(axis=(1, 2))
        own, zeros = any(op.pad), np.zeros(len(self.offset))
        pixel = self._pixel(zeros) if own else self.border
        if own and (
            not self.gives(pixel, zeros)
            or (any(self.pad) and not np.allclose(pixel, self.border, rtol=CLOSE, atol=CLOSE))
        ):
            refuse(
                node, "pads with zeros that no pixel gives, or beside a border of another colour"
            )
        pad = tuple(np.add(op.pad, self.pad).tolist())
        return FloatConv(
            op.name, op.inputs, (weights @ self.matrix).astype(np.float32),
            bias.astype(np.float32), op.stride, pad,
            pad_value=tuple(pixel.tolist()) if any(pad) else (),
        )  # fmt: skip


def pixel_maps(nodes: Nodes) -> tuple[dict[str, PixelMap], set[int]]:
    """What tensors that layers read are of the pixels, where there is arithmetic in front.

    Returns
    -------
    maps : dict of PixelMap
        By name of the tensor.
    understood : set of int
        The nodes that need no more looking at, by their ids.

    Raises
    ------
    FirebrickError
        If it is no affine function of each pixel.
    """
    front = _in_front(nodes)
    inside = {id(node) for node in front}
    made = {name: node for node in front for name in node.output}
    read = {name for node in nodes.layers if id(node) not in inside for name in node.input}
    wanted = [name for name in made if name in read]
    if not wanted or not any(node.op_type in (*ARITHMETIC, *CHANNELS) for node in front):
        return {}, set()
    return {name: _Trial(nodes, front, made[name], name).map() for name in wanted}, inside


def _in_front(nodes: Nodes) -> list[onnx.NodeProto]:
    """The nodes between the input and the first layers, in order."""
    known, found = {nodes.input.name}, []
    for node in nodes.layers:
        used = [name for name in node.input if name and name not in nodes.constants]
        simple = node.op_type in (*ARITHMETIC, *CHANNELS, *OTHERS) and node.domain in STANDARD
        if simple and used and known.issuperset(used):
            found.append(node)
            known.update(node.output)
    return found


def _inferring(node: onnx.NodeProto) -> onnx.NodeProto:
    """A BatchNormalization with statistics that stay; ONNX's evaluator would let old ones learn."""
    if node.op_type != "BatchNormalization":
        return node
    kept = {a.name: helper.get_attribute_value(a) for a in node.attribute if a.name != "momentum"}
    return helper.make_node(node.op_type, node.input, node.output, node.name, momentum=1.0, **kept)


class _Trial:
    """Frames through the front of a graph, to see what it does to them."""

    def __init__(self, nodes: Nodes, front: list[onnx.NodeProto], node: onnx.NodeProto, name: str):
        self._node = node
        fed = nodes.input
        self._shape, self._layout, self._batch = fed.shape(), fed.layout, fed.batch
        used = {name for one in front for name in one.input} & nodes.constants.keys()
        constants = [numpy_helper.from_array(nodes.constants[key], key) for key in sorted(used)]
        front = [_inferring(one) for one in front]
        body = helper.make_graph(
            front, "front", [fed.value], [onnx.ValueInfoProto(name=name)], constants
        )
        model = helper.make_model(body, opset_imports=nodes.opsets)
        self._evaluator = ReferenceEvaluator(model)
        self._fed = fed.value

    def _run(self, frame: np.ndarray) -> np.ndarray:
        """What a frame (H, W, channels) becomes: (H', W', C)."""
        kind = helper.tensor_dtype_to_np_dtype(self._fed.type.tensor_type.elem_type)
        fed = np.stack([frame.astype(kind)] * self._batch)
        if self._layout == "NCHW":
            fed = fed.transpose(0, 3, 1, 2)
        try:
            given = np.asarray(next(iter(self._evaluator.run(None, {self._fed.name: fed}))))
        except Exception as error:  # whatever the operators' own evaluation raises
            self._refuse(f"cannot be tried out ({' '.join(str(error).split())[:160]})")
        if given.ndim != 4:
            self._refuse(f"gives a tensor of shape {list(given.shape)}, not (batch, C, H, W)")
        return given[0].transpose(1, 2, 0).astype(np.float64)

    def map(self) -> PixelMap:
        """The affine function and the border.

        Raises
        ------
        FirebrickError
            If it is none.
        """
        black, *colours = (self._run(frame) for frame in self._plain_frames())
        changed = np.any([colour != black for colour in colours], axis=(0, 3))
        rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
        height, width, _ = self._shape
        if len(rows) != height or len(columns) != width or not changed.any():
            self._refuse("does not leave every pixel in its place, with all of the frame")
        top, left = int(rows[0]), int(columns[0])
        below, right = (all_ - at - own for all_, at, own in zip(
            black.shape[:2], (top, left), (height, width), strict=True
        ))  # fmt: skip
        offset = black[top, left]
        matrix = np.stack([colour[top, left] - offset for colour in colours], axis=1) / WHITE
        found = PixelMap(matrix, offset, (top, left, below, right), np.zeros(self._shape[2]))
        outside = black[0, 0] if top or left else black[-1, -1]
        if any(found.pad):
            found = PixelMap(matrix, offset, found.pad, found._pixel(outside))
        self._check(found, outside)
        return found

    def _plain_frames(self) -> Iterator[np.ndarray]:
        """A black frame, and one of each colour."""
        for colour in (np.zeros(self._shape[2]), *np.eye(self._shape[2])):
            yield np.broadcast_to(WHITE * colour, self._shape)

    def _check(self, found: PixelMap, outside: np.ndarray) -> None:
        """Try it on a frame of all colours."""
        frame = np.random.default_rng(0).integers(0, 256, self._shape).astype(np.float64)
        top, left, below, right = found.pad
        expected = np.pad(
            frame @ found.matrix.T + found.offset, ((top, below), (left, right), (0, 0))
        )
        border = np.pad(
            np.zeros(self._shape[:2], bool), ((top, below), (left, right)), constant_values=True
        )
        expected[border] = outside
        got = self._run(frame)
        scale = np.abs(expected).max()
        if got.shape != expected.shape or not np.allclose(
            got, expected, rtol=CLOSE, atol=CLOSE * scale
        ):
            self._refuse("is no affine function, the same for every pixel, of its colours")
        if any(found.pad) and not found.gives(found.border, outside):
            self._refuse("puts a border around the frame that is no pixel's value")

    def _refuse(self, reason: str) -> None:
        refuse(
            self._node,
            f"what the graph does to pixels up to here {reason}; do it before the network, or "
            "leave it to the preprocessing of photographs",
        )
