"""A network as a dataflow graph: a node an op, and edges that carry tensors between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import TopologicalSorter
from itertools import permutations
from typing import Any

from gen.common.errors import FirebrickError, RefusedNode
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, GlobalSum, Op
from gen.nodes.add import AddNode
from gen.nodes.concat import ConcatNode
from gen.nodes.conv import ConvNode
from gen.nodes.depthwise import DepthwiseNode
from gen.nodes.global_average import GlobalAverageNode
from gen.nodes.global_sum import GlobalSumNode
from gen.nodes.node import Node
from gen.nodes.pool import PoolNode
from gen.nodes.streams import Burst, Window
from gen.nodes.window_pool import WindowPoolNode

KINDS: tuple[type[Node], ...] = (
    ConvNode,
    DepthwiseNode,
    PoolNode,
    GlobalAverageNode,
    WindowPoolNode,
    ConcatNode,
    AddNode,
    GlobalSumNode,
)
"""All kinds of node; an op is built by the first that does."""


@dataclass(frozen=True)
class Edge:
    """A stream from one node to another.

    Attributes
    ----------
    tensor : str
        What it carries.
    source : str
        The node that it comes from, or :data:`gen.ir.ops.INPUT`.
    target : str
        The node that it goes to.
    port : int
        Which of the target's inputs it is.
    tap : bool
        Whether it is a tap of the source's windows, and not what the source makes.
    """

    tensor: str
    source: str
    target: str
    port: int
    tap: bool = False

    @property
    def name(self) -> str:
        """Unique in a graph."""
        return f"{self.target}[{self.port}]"


@dataclass(frozen=True, eq=False)
class Graph:
    """A network's nodes and edges.

    Attributes
    ----------
    nodes : dict of Node
        By name, each behind those that it reads.
    edges : dict of tuple of Edge
        Those into each node, by its name, in the order of its inputs.
    """

    nodes: Mapping[str, Node]
    edges: Mapping[str, tuple[Edge, ...]]

    @staticmethod
    def of(network: QuantizedNetwork) -> Graph:
        """The graph of a network.

        Raises
        ------
        FirebrickError
            If there is no hardware for one of its ops: names it, and what there is instead.
        """
        nodes = _nodes(network)
        edges = {
            op.name: tuple(Edge(x, x, op.name, port) for port, x in enumerate(op.inputs))
            for op in network.ops
        }
        graph = Graph(nodes, edges)
        graph.check(network)
        return _with_shared_windows(graph)

    def check(self, network: QuantizedNetwork) -> None:
        """Check that every tensor is read, and the last one only is a result.

        Raises
        ------
        FirebrickError
            If not.
        """
        *others, last = network.ops
        for op in others:
            if not self.readers(op.name):
                raise FirebrickError(
                    f"network {network.name!r}: nothing reads {op.name!r}; leave it out"
                )
        if not isinstance(last, GlobalSum):
            raise FirebrickError(
                f"network {network.name!r}: ends with {last.name!r}; it must end with a global "
                "average pool, whose sums are the class scores"
            )

    @cached_property
    def _out(self) -> dict[str, list[Edge]]:
        found: dict[str, list[Edge]] = {INPUT: [], **{name: [] for name in self.nodes}}
        for edges in self.edges.values():
            for edge in edges:
                found[edge.source].append(edge)
        return found

    def readers(self, source: str) -> list[Edge]:
        """The edges that carry what a node makes, or the input."""
        return [edge for edge in self._out[source] if not edge.tap]

    def taps(self, source: str) -> list[Edge]:
        """The edges that carry a tap of a node's windows."""
        return [edge for edge in self._out[source] if edge.tap]

    @cached_property
    def levels(self) -> dict[str, int]:
        """How many nodes are in front of each node on the longest way from the input."""
        found = {INPUT: -1}
        for name, edges in self.edges.items():
            found[name] = 1 + max(found[edge.source] for edge in edges)
        del found[INPUT]
        return found

    @cached_property
    def abreast(self) -> frozenset[str]:
        """Nodes on a path that rejoins another, on which a node may be busy all the time.

        If one of them pauses, what the other path makes finds no reader.
        """
        found: set[str] = set()
        for edges in self.edges.values():
            paths = [self._depends[edge.source] for edge in edges]
            for path, other in permutations(paths, 2):
                if any(self[name].paced for name in other - path):
                    found |= path - other
        return frozenset(found)

    @cached_property
    def _depends(self) -> dict[str, frozenset[str]]:
        """Every node with all that it depends on, by its name."""
        found: dict[str, frozenset[str]] = {INPUT: frozenset()}
        for name, edges in self.edges.items():
            found[name] = frozenset({name}).union(*(found[edge.source] for edge in edges))
        return found

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes.values())

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def multipliers(self, plans: Mapping[str, Any]) -> int:
        """Multipliers for weights in all nodes, built as ``plans`` say."""
        return sum(node.multipliers(plans[node.name]) for node in self)

    def replaced(self, nodes: Mapping[str, Node]) -> Graph:
        """The same graph with other nodes in the place of those of their names."""
        return replace(self, nodes={name: nodes.get(name, own) for name, own in self.nodes.items()})


def _nodes(network: QuantizedNetwork) -> dict[str, Node]:
    """A node an op, each by itself."""
    nodes: dict[str, Node] = {}
    for op in network.ops:
        bursts = tuple(nodes[x].burst if x in nodes else Burst() for x in op.inputs)
        inputs = tuple(network.tensors[x] for x in op.inputs)
        node = _kind(network, op).make(op, inputs, network.tensors[op.name], bursts)
        if node.refusal:
            raise RefusedNode(op.name, type(op).__name__, node.refusal, f"network {network.name!r}")
        nodes[op.name] = node
    return nodes


def _kind(network: QuantizedNetwork, op: Op) -> type[Node]:
    found = next((kind for kind in KINDS if kind.builds(op, network.tensors[op.inputs[0]])), None)
    if found is None:
        raise RefusedNode(
            op.name,
            type(op).__name__,
            "there is no hardware for it; leave it out, or run the network in `python -m sim` only",
            f"network {network.name!r}",
        )
    return found


def _with_shared_windows(graph: Graph) -> Graph:
    """The graph in which nodes that read the same pixels share a window memory.

    A 1x1 convolution needs one pixel of each window that a larger kernel reads beside it, if both
    have the same stride and make maps of the same size: it gets a tap of them.
    """
    nodes, edges = dict(graph.nodes), dict(graph.edges)
    for source in (INPUT, *graph.nodes):
        windows = {
            edge.target: window
            for edge in graph.readers(source)
            if (window := graph[edge.target].window) is not None
        }
        for target, (owner, tap) in _sharing(windows).items():
            nodes[owner] = nodes[owner].with_tap(tap)
            nodes[target] = nodes[target].on_tap()
            edges[target] = (Edge(source, owner, target, 0, tap=True),)
    sources = {name: [edge.source for edge in own] for name, own in edges.items()}
    order = [name for name in TopologicalSorter(sources).static_order() if name != INPUT]
    return Graph({name: nodes[name] for name in order}, {name: edges[name] for name in order})


def _sharing(windows: Mapping[str, Window]) -> dict[str, tuple[str, tuple[int, int]]]:
    """Which nodes can read a tap of whose windows, and which one.

    ``windows`` are those of all that read a tensor, by node.
    """
    found = {}
    by_size = sorted(windows, key=lambda name: -windows[name].kernel[0] * windows[name].kernel[1])
    for name, window in windows.items():
        owner = next((n for n in by_size if _covers(windows[n], window)), None)
        if owner is not None:
            found[name] = owner, windows[owner].pad[:2]
    return found


def _covers(large: Window, small: Window) -> bool:
    """Whether a tap of one window is all of another."""
    rows, columns = large.kernel
    top, left, *_ = large.pad
    return (
        small.kernel == (1, 1) != large.kernel
        and not any(small.pad)
        and (large.stride, large.size) == (small.stride, small.size)
        and top < rows
        and left < columns
    )
