"""A dataflow graph pixel by pixel, to hold the planner's queues against.

Each node is a process that takes a pixel, or gives one, whenever it can; an edge holds as many
pixels as are planned to wait on it, and one without a queue holds one. Window memories and
registers, which hold more in hardware, are thought away.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from gen.ir.ops import INPUT, AveragePool, Conv, MaxPool
from gen.nodes.conv import ConvNode
from gen.nodes.global_average import GlobalAverageNode
from gen.nodes.graph import Edge, Graph
from gen.nodes.lanes import pixels
from gen.nodes.node import Node
from gen.nodes.pool import PoolNode
from gen.nodes.window_pool import WindowPoolNode
from gen.plan.plan import Plan

Steps = Iterator[tuple[str, str]]
"""What a process does next: ``"take"`` or ``"give"``, and the edge."""


def window_ends(node: Node) -> Iterator[int]:
    """The last pixel of the map that each window has, by looking at all of its pixels."""
    op, (height, width, _) = node.op, node.inputs[0].shape
    assert isinstance(op, Conv | MaxPool | AveragePool)
    rows, columns = op.weights.shape[1:3] if isinstance(op, Conv) else (op.kernel,) * 2
    top, left = op.pad[:2]
    for y in range(node.output.shape[0]):
        for x in range(node.output.shape[1]):
            yield max(
                r * width + c
                for r in range(y * op.stride - top, y * op.stride - top + rows)
                for c in range(x * op.stride - left, x * op.stride - left + columns)
                if 0 <= r < height and 0 <= c < width
            )


class Network:
    """All processes of a graph, and what waits on its edges.

    Parameters
    ----------
    graph : Graph
    plan : Plan
    frames : int
    room : dict of int
        Pixels that an edge may hold, by its name, where it is not as planned.
    """

    def __init__(self, graph: Graph, plan: Plan, frames: int, room: dict[str, int] | None = None):
        self._graph, self._plan, self._frames = graph, plan, frames
        names = [edge.name for edges in graph.edges.values() for edge in edges]
        planned = {name: queue.pixels for name, queue in plan.queues.items()}
        self._room = dict.fromkeys(names, 1) | planned | (room or {})
        self._held = dict.fromkeys(names, 0)
        self._processes = {INPUT: self._source()}
        self._processes |= {node.name: self._process(node) for node in graph}
        self._next = {name: next(process) for name, process in self._processes.items()}

    def run(self, random: Random) -> list[str]:
        """Let processes step in random order, and often not at all, until none can.

        Returns the names of those that are not done.
        """
        while able := [name for name, step in self._next.items() if self._possible(*step)]:
            slow = random.random()
            for name in able:
                if random.random() >= slow and self._possible(*self._next[name]):
                    self._step(name)
        return list(self._next)

    def _possible(self, what: str, edge: str) -> bool:
        return self._held[edge] > 0 if what == "take" else self._held[edge] < self._room[edge]

    def _step(self, name: str) -> None:
        what, edge = self._next[name]
        self._held[edge] += -1 if what == "take" else 1
        following = next(self._processes[name], None)
        if following is None:
            del self._next[name]
        else:
            self._next[name] = following

    def _source(self) -> Steps:
        for _ in range(self._frames * pixels(next(iter(self._graph)).inputs[0])):
            yield from self._give(self._graph.readers(INPUT))

    def _process(self, node: Node) -> Steps:
        if isinstance(node, ConvNode | WindowPoolNode | GlobalAverageNode):
            return self._windows(node)
        return self._pool(node) if isinstance(node, PoolNode) else self._unit(node)

    @staticmethod
    def _give(edges: list[Edge]) -> Steps:
        """A pixel to all that read it."""
        yield from (("give", edge.name) for edge in edges)

    def _unit(self, node: Node) -> Steps:
        """A pixel of each input makes one of the output, or of sums that nobody waits for."""
        for _ in range(self._frames * pixels(node.inputs[0])):
            yield from (("take", edge.name) for edge in self._graph.edges[node.name])
            yield from self._give(self._graph.readers(node.name))

    def _pool(self, node: PoolNode) -> Steps:
        """Every pixel is taken, and a window leaves with its last one."""
        (edge,) = self._graph.edges[node.name]
        ends = list(window_ends(node))
        for _ in range(self._frames):
            for pixel in range(pixels(node.inputs[0])):
                yield "take", edge.name
                for _ in range(ends.count(pixel)):
                    yield from self._give(self._graph.readers(node.name))

    def _windows(self, node: Node) -> Steps:
        """A pixel is taken no sooner than a window needs it: the window memory helps nobody."""
        (edge,) = self._graph.edges[node.name]
        ends = list(window_ends(node))
        for _ in range(self._frames):
            taken = 0
            for end in ends:
                for _ in range(taken, end + 1):
                    yield "take", edge.name
                taken = max(taken, end + 1)
                yield from self._give(self._graph.taps(node.name))
                yield from self._give(self._graph.readers(node.name))
            for _ in range(taken, pixels(node.inputs[0])):
                yield "take", edge.name
