"""Where the hardware of a plan keeps what can be replaced of a network."""

from __future__ import annotations

from collections.abc import Mapping

from gen.ir.network import QuantizedNetwork
from gen.nodes.conv import ConvNode
from gen.nodes.graph import Graph
from gen.nodes.option import NodePlan
from hw.layers.folding import DepthwisePlan, EnginePlan
from protocol.contents.layout import ConvLayout, Layout


def contents_layout(network: QuantizedNetwork, plans: Mapping[str, NodePlan]) -> Layout:
    """The memories of the convolutions with an envelope, in the order in which they are connected.

    Parameters
    ----------
    network : QuantizedNetwork
    plans : mapping
        Of each node, by name.
    """
    return Layout(
        network.structure,
        tuple(
            _conv_layout(node, plans[node.name])
            for node in Graph.of(network)
            if isinstance(node, ConvNode) and node.op.envelope is not None
        ),
    )


def _conv_layout(node: ConvNode, plan: NodePlan) -> ConvLayout:
    assert isinstance(plan, EnginePlan | DepthwisePlan)
    shape = node.shape
    return ConvLayout(
        layer=node.name,
        pe=plan.pe,
        simd=plan.simd if isinstance(plan, EnginePlan) else 1,
        lanes=plan.lanes,
        bits=shape.code_bits,
        decoded=shape.decoded,
        bias_bits=shape.bias_bits,
    )
