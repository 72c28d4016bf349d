"""How fast the streams are: cycles a frame of everything that a frame passes.

Also the lane counts that a target of cycles a frame asks for, so that nodes can be chosen one by
one: each tensor gets ``min_lanes``, the fewest channels a transfer that carry it in time. A node's
``lanes`` is a multiple of its output's and an engine's ``simd`` of its input's, so the lane
converter between them, which works at their greatest common divisor, is fast enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import gcd
from typing import Any

from gen.ir.ops import INPUT
from gen.nodes.graph import Edge, Graph
from gen.nodes.lanes import TooSlow
from gen.nodes.streams import Feed

Limit = tuple[str, str, int]
"""Node, what of it, and its cycles a frame."""


def lanes_of(edge: Edge, plans: Mapping[str, Any]) -> int:
    """Channels a transfer of what an edge carries, as its source sends it."""
    if edge.source == INPUT:
        return 1
    plan = plans[edge.source]
    return int(plan.simd if edge.tap else plan.lanes)


def feeds(graph: Graph, name: str, plans: Mapping[str, Any]) -> list[Feed]:
    """The streams that come to a node.

    Parameters
    ----------
    graph : Graph
    name : str
        Of the node.
    plans : mapping of NodePlan
        At least of those in front of it.
    """
    return [
        Feed(
            lanes_of(edge, plans),
            Fraction(0) if edge.source == INPUT else graph[edge.source].waits(plans[edge.source]),
        )
        for edge in graph.edges[name]
    ]


def limits(graph: Graph, plans: Mapping[str, Any]) -> Iterator[Limit]:
    """Every limit on the cycles a frame of a complete plan.

    Parameters
    ----------
    graph : Graph
    plans : mapping of NodePlan
        By name.
    """
    for node in graph:
        for what, cycles in node.limits(plans[node.name], feeds(graph, node.name, plans)):
            yield node.name, what, cycles


def min_lanes(graph: Graph, cycles: int) -> dict[str, int] | None:
    """Fewest lanes a tensor for ``cycles`` a frame.

    None if no lane count is fast enough.
    """
    found = {INPUT: 1}
    try:
        for node in graph:
            among = node.output.shape[2]
            for edge in graph.readers(node.name):
                among = gcd(among, graph[edge.target].i_lanes(cycles) or among)
            met = [found[edge.tensor] for edge in graph.edges[node.name]]
            found[node.name] = node.fewest_lanes(cycles, met, among)
    except TooSlow:
        return None
    return found
