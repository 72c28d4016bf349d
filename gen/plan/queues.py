"""Queues where paths rejoin: how many pixels wait for the slower path, by analysis.

The network is laid out as an even schedule: a frame enters in each period, a pixel at a time, and
each node sends its pixels as its ``departures`` say. Where paths meet, what came by the quicker one
waits for the other: as many pixels at most as arrive until the slower one's do. With room for them
the schedule can be kept, and a dataflow graph that runs as soon as it can is never behind a
schedule that it could keep (Wiggers, Bekooij, Smit: Efficient computation of buffer capacities for
cyclo-static dataflow graphs, DAC 2007): so it neither blocks for ever, however its ends stall, nor
is it slower.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from boards.board import Resources
from gen.cost.memories import memory_cost
from gen.ir.ops import INPUT
from gen.nodes.graph import Edge, Graph
from gen.nodes.lanes import pixels
from gen.plan.limits import lanes_of
from hw.stream.fifo import MemoryKind

MARGIN = 2
"""Pixels more than wait in the schedule: one that comes, one that goes."""
MOST_LUT_BITS = 8192
"""A queue goes into LUTs up to this size, into block RAM beyond."""


@dataclass(frozen=True)
class QueuePlan:
    """A queue on an edge.

    Attributes
    ----------
    join : str
        Name of the edge where paths rejoin: its own, or one a 1x1 convolution further on.
    pixels : int
        For which there is room.
    lanes : int
        Channels a transfer: the source's, and it stands before the lane converter, or the target's.
    depth : int
        Transfers.
    memory : "block" or "lut"
    """

    join: str
    pixels: int
    lanes: int
    depth: int
    memory: MemoryKind

    @property
    def cost(self) -> Resources:
        """Its memory."""
        return memory_cost(self.memory, self.depth, 8 * self.lanes)


@dataclass(frozen=True)
class Wait:
    """What waits in front of one input of a node where paths rejoin.

    Attributes
    ----------
    pixels : int
        Most that wait at once.
    cycles : float
        Longest that one does.
    """

    pixels: int
    cycles: float


def queues(
    graph: Graph, plans: Mapping[str, Any], busy: Mapping[str, int], period: int
) -> dict[str, QueuePlan]:
    """The queues that a plan needs, by name of the edge.

    Parameters
    ----------
    graph : Graph
    plans : mapping of NodePlan
        Of every node.
    busy : mapping of int
        Cycles a frame of every node.
    period : int
        Cycles a frame of all.
    """
    rooms = {name: _room(wait) for name, wait in waits(graph, period, plans).items()}
    borders = dict(_border_rooms(graph, plans, busy, period))
    return _queues(graph, plans, rooms, borders)


def usual_queues(graph: Graph, lanes: Mapping[str, int], period: int) -> dict[str, QueuePlan]:
    """The queues as far as they are known before anything is planned but lanes.

    Parameters
    ----------
    graph : Graph
    lanes : mapping of int
        Of every tensor.
    period : int
        Cycles a frame.
    """
    plans = {name: _Lanes(count, count) for name, count in lanes.items()}
    rooms = {name: _room(wait) for name, wait in waits(graph, period).items()}
    return _queues(graph, plans, rooms, {})


@dataclass(frozen=True)
class _Lanes:
    """The lanes of a plan that is not made yet."""

    lanes: int
    simd: int


def _room(wait: Wait) -> int:
    """Pixels that a queue for a wait holds; 0 if none is needed."""
    return wait.pixels + MARGIN if wait.pixels else 0


def _border_rooms(
    graph: Graph, plans: Mapping[str, Any], busy: Mapping[str, int], period: int
) -> Iterator[tuple[str, int]]:
    """Edges, and pixels that come while their target writes the padding between two frames.

    Only where something in front has no time to wait meanwhile.
    """
    for node in graph:
        border = node.border(plans[node.name])
        for edge in graph.edges[node.name]:
            if border and _longest(graph, edge, busy) + border > period:
                yield edge.name, -(-border * pixels(node.inputs[edge.port]) // period)


def _longest(graph: Graph, edge: Edge, busy: Mapping[str, int]) -> int:
    """Cycles a frame of the busiest of the nodes that an edge's standstill stops at once."""
    if edge.source == INPUT:
        return 0
    if graph[edge.source].paced:
        return busy[edge.source]
    return max(_longest(graph, other, busy) for other in graph.edges[edge.source])


def _queues(
    graph: Graph,
    plans: Mapping[str, Any],
    rooms: Mapping[str, int],
    borders: Mapping[str, int],
) -> dict[str, QueuePlan]:
    """Queues of the pixels that ``rooms`` and ``borders`` ask for, by name of the edge."""
    queues = {}
    for edge in (edge for edges in graph.edges.values() for edge in edges):
        border = borders.get(edge.name, 0)
        room = max(rooms[edge.name], border, graph[edge.target].fewest_waiting)
        if room:
            places = [
                (place.name, _queue(graph, edge.name, place, lanes, room))
                for place, lanes in _places(graph, edge, plans)
                if place is edge or not border  # whose queue spares what is right in front
            ]
            name, queue = min(places, key=lambda p: (p[1].cost.bram36, p[1].cost.lut))
            queues[name] = queue
    return queues


def _queue(graph: Graph, join: str, edge: Edge, lanes: int, room: int) -> QueuePlan:
    source = graph[edge.target].inputs[edge.port]
    depth = max(2, room * -(-source.shape[2] // lanes))
    bits = depth * 8 * lanes
    return QueuePlan(join, room, lanes, depth, "block" if bits > MOST_LUT_BITS else "lut")


def _places(graph: Graph, edge: Edge, plans: Mapping[str, Any]) -> Iterator[tuple[Edge, int]]:
    """Edges, and lanes on them, where a queue for ``edge`` may stand.

    Before or behind its lane converter; and as well in front of a node that makes a pixel of each
    pixel, whose input may have fewer channels than its output. Where inputs take turns, behind the
    converter only, which works on while the others' turns last.
    """
    lanes = lanes_of(edge, plans)
    own = graph[edge.target].port_lanes(plans[edge.target], lanes)
    if graph[edge.target].fewest_waiting:
        yield edge, own
        return
    yield edge, lanes
    if own != lanes:
        yield edge, own
    if edge.source == INPUT or edge.tap:
        return
    source = graph[edge.source]
    alone = len(graph.readers(edge.source)) == 1 and not graph.taps(edge.source)
    if source.pointwise and alone:
        yield from _places(graph, graph.edges[edge.source][0], plans)


def waits(graph: Graph, period: int, plans: Mapping[str, Any] | None = None) -> dict[str, Wait]:
    """What waits on every edge, by its name, in an even schedule.

    Parameters
    ----------
    graph : Graph
    period : int
        Cycles a frame.
    plans : mapping of NodePlan, optional
        Of every node; nodes' usual latencies are counted without.
    """
    found = {}
    plans = plans or {}
    left = _departures(graph, period, plans)
    for node in graph:
        edges = graph.edges[node.name]
        arrivals = [_arrivals(graph, edge, left, period, plans) for edge in edges]
        joined = np.max(arrivals, axis=0)
        for edge, times in zip(edges, arrivals, strict=True):
            found[edge.name] = _wait(times, joined, period)
    return found


def lag(graph: Graph, period: int, plans: Mapping[str, Any]) -> float:
    """Cycles from when a frame's last pixel enters to its last class sum, in an even schedule.

    Parameters
    ----------
    graph : Graph
    period : int
        Cycles a frame.
    plans : mapping of NodePlan
        Of every node.
    """
    left = _departures(graph, period, plans)
    *_, last = graph
    return float(left[last.name][-1] - left[INPUT][-1])


def _departures(graph: Graph, period: int, plans: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """When each pixel of the input comes, and of every node's output leaves, by its name."""
    first = next(iter(graph)).inputs[0]
    left = {INPUT: np.arange(pixels(first)) * (period / pixels(first))}
    for node in graph:
        arrivals = [_arrivals(graph, edge, left, period, plans) for edge in graph.edges[node.name]]
        left[node.name] = node.departures(arrivals, period, plans.get(node.name))
    return left


def _arrivals(
    graph: Graph,
    edge: Edge,
    left: Mapping[str, np.ndarray],
    period: int,
    plans: Mapping[str, Any],
) -> np.ndarray:
    """When what an edge carries comes, where ``left`` tells when nodes' outputs leave."""
    times = left[edge.source]
    if not edge.tap:
        return times
    return graph[edge.source].tap_departures(times, period, plans.get(edge.source))


def _wait(times: np.ndarray, taken: np.ndarray, period: int) -> Wait:
    """What waits if pixels come at ``times`` in every period, and are taken later."""
    frames, rest = np.divmod(taken - times[0], period)
    come = frames * len(times) + np.searchsorted(times - times[0], rest, side="right")
    waiting = come - np.arange(len(times)) - 1
    return Wait(max(0, int(waiting.max())), float((taken - times).max()))
