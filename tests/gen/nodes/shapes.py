"""Shapes of the convolutions of a network."""

from gen.ir.network import QuantizedNetwork
from gen.nodes.conv import ConvNode
from gen.nodes.conv_shape import ConvShape
from gen.nodes.graph import Graph


def shapes_of(network: QuantizedNetwork) -> dict[str, ConvShape]:
    return {node.name: node.shape for node in Graph.of(network) if isinstance(node, ConvNode)}


def shape_of(network: QuantizedNetwork, name: str) -> ConvShape:
    return shapes_of(network)[name]
