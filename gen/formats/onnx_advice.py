"""What to do in the place of what is not supported."""

from __future__ import annotations

from collections.abc import Iterator

import onnx

from gen.formats.onnx_nodes import Nodes

NEAREST = {
    "ConvTranspose": "a convolution on a smaller map",
    "Upsample": "a network that classifies",
    "Resize": "a network that classifies",
    "LeakyRelu": "Relu",
    "Max": "Relu, which is Max with 0",
    "PRelu": "Relu",
    "Elu": "Relu",
    "Selu": "Relu",
    "Sigmoid": "Relu, or Clip(0, 1)",
    "Tanh": "Relu",
    "HardSigmoid": "Relu, or Clip(0, 1)",
    "HardSwish": "Relu, or Clip(0, 6)",
    "LpPool": "AveragePool or MaxPool",
    "GlobalMaxPool": "MaxPool with the map's size as its kernel",
    "LRN": "BatchNormalization behind a convolution",
    "InstanceNormalization": "BatchNormalization behind a convolution",
    "LayerNormalization": "BatchNormalization behind a convolution",
}
"""For operators that are not supported, what comes nearest and is."""
SUPPORTED = (
    "Conv, Gemm and MatMul, BatchNormalization, Relu and Clip(0, c), MaxPool, AveragePool, Concat, "
    "Add and a global average"
)
FAR = 4
"""Nodes between what computes a gate and the Mul that it opens."""


def advice(node: onnx.NodeProto, early: bool) -> str:
    """Why an operator is refused, and what to do.

    Parameters
    ----------
    node : onnx.NodeProto
    early : bool
        Whether there was no convolution before it.
    """
    if early:
        return (
            "unsupported before the first convolution, in a network on images; put it behind, or "
            "do it to the pictures"
        )
    if node.op_type in NEAREST:
        return f"unsupported operator; the nearest one supported is {NEAREST[node.op_type]}"
    return f"unsupported operator; supported are {SUPPORTED}"


def gate(nodes: Nodes, node: onnx.NodeProto) -> str | None:
    """What is to be told of a node whose result multiplies a map, or that multiplies two.

    None of one that is no part of such a gate.
    """
    product = node if node.op_type == "Mul" else next(_products(nodes, node), None)
    if product is None:
        return None
    name = product.name or product.output[0]
    if node.op_type != "Mul" and any(x in product.input for x in node.input):
        return (
            f"is multiplied with its own input by {name!r} (x times {node.op_type} of x, as SiLU "
            "or Swish), for which there is no hardware; train the network with Relu or Clip(0, 6)"
        )
    return (
        f"scales a map by what the network computes of it (squeeze-and-excitation, or another "
        f"gate, by Mul {name!r}), for which there is no hardware; train the network without it"
    )


def _products(nodes: Nodes, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    """Multiplications of maps that a node's result leads to."""
    reached = set(node.output)
    for _ in range(FAR):
        for reader in nodes.layers:
            if reached.intersection(reader.input):
                reached.update(reader.output)
                variable = [name for name in reader.input if name not in nodes.constants]
                if reader.op_type == "Mul" and len(variable) == 2:
                    yield reader
