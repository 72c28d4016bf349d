"""Pixels that a graph quantises more than once before its first layer.

Some quantisers put QuantizeLinear and DequantizeLinear around every operator, those that normalise
the pixels included. All of it is a function of one pixel of one channel, of which there are 256:
what they become is tried out, and goes into the table of codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from gen.formats.onnx_node import refuse
from gen.formats.onnx_nodes import Nodes

ELEMENTWISE = ("Add", "DequantizeLinear", "Div", "Identity", "Mul", "QuantizeLinear", "Sub")


@dataclass(frozen=True, eq=False)
class Front:
    """What stands between the input and the codes that layers read.

    Attributes
    ----------
    nodes : Nodes
        The graph that it is of.
    chain : list of onnx.NodeProto
        From the QuantizeLinear of what is fed to that of the codes, each the only reader of the one
        before.
    """

    nodes: Nodes
    chain: list[onnx.NodeProto]

    @property
    def first(self) -> onnx.NodeProto:
        """What quantises the input."""
        return self.chain[0]

    @property
    def last(self) -> onnx.NodeProto:
        """What gives the codes."""
        return self.chain[-1]

    def codes(self, values: np.ndarray) -> np.ndarray:
        """The file's codes of what is fed.

        Parameters
        ----------
        values : float32 array (N, channels)

        Returns
        -------
        int64 array (N, channels)

        Raises
        ------
        FirebrickError
            If they depend on where in the frame a pixel is.
        """
        height, width, channels = self.nodes.input.shape()
        places = height * width
        order = np.arange(-(-len(values) // places) * places) % len(values)
        ahead, shifted = (
            np.concatenate([self._run(part) for part in values[at].reshape(-1, places, channels)])
            for at in (order, np.roll(order, 1))
        )
        if (np.roll(ahead, 1, axis=0) != shifted).any():
            refuse(
                self.last,
                "quantises pixels by where they are in the frame; let the model do the same to all",
            )
        return ahead[: len(values)].astype(np.int64)

    def _run(self, pixels: np.ndarray) -> np.ndarray:
        """What becomes of the pixels of a frame (height * width, channels)."""
        fed = self.nodes.input
        shape, first = fed.shape(), fed.layout == "NCHW"
        frame = pixels.reshape(shape).transpose(2, 0, 1) if first else pixels.reshape(shape)
        frames = np.repeat(frame[None].astype(np.float32), fed.batch, axis=0)
        (made,) = self._evaluator.run(None, {fed.name: frames})
        one = np.asarray(made)[0]
        return (one.transpose(1, 2, 0) if first else one).reshape(pixels.shape)

    @cached_property
    def _evaluator(self) -> ReferenceEvaluator:
        known = self.nodes.constants
        used = sorted({name for node in self.chain for name in node.input} & known.keys())
        constants = [numpy_helper.from_array(known[name], name) for name in used]
        end = onnx.ValueInfoProto(name=self.last.output[0])
        body = helper.make_graph(self.chain, "front", [self.nodes.input.value], [end], constants)
        return ReferenceEvaluator(helper.make_model(body, opset_imports=self.nodes.opsets))


def requantised_front(nodes: Nodes) -> Front | None:
    """The front of a graph that quantises pixels more than once; None if this one does not."""
    chain: list[onnx.NodeProto] = []
    name = nodes.input.name
    while (node := _only_reader(nodes, name)) is not None:
        chain.append(node)
        name = node.output[0]
    while chain and chain[-1].op_type != "QuantizeLinear":
        chain.pop()
    times = sum(node.op_type == "QuantizeLinear" for node in chain)
    if times < 2 or chain[0].op_type != "QuantizeLinear":
        return None
    return Front(nodes, chain)


def _only_reader(nodes: Nodes, name: str) -> onnx.NodeProto | None:
    """The one node that reads a tensor, if it computes on each of its numbers by itself."""
    readers = [node for node in nodes.layers if name in node.input]
    if len(readers) != 1 or readers[0].op_type not in ELEMENTWISE:
        return None
    others = [other for other in readers[0].input if other and other != name]
    known = all(other in nodes.constants for other in others)
    return readers[0] if known and list(readers[0].input).count(name) == 1 else None
