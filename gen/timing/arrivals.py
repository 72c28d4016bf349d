"""How late each net of a timing graph is after a clock's edge."""

from __future__ import annotations

import numpy as np

from gen.common.errors import FirebrickError
from gen.timing.graph import TimingGraph


class Neighbours:
    """Numbers of the arcs at each net, by one of their two ends.

    Parameters
    ----------
    ends : int array
        A net of each arc.
    nets : int
        How many there are.
    """

    def __init__(self, ends: np.ndarray, nets: int):
        self.counts = np.bincount(ends, minlength=nets)
        """Of arcs at each net."""
        self._order = np.argsort(ends, kind="stable")
        self._first = np.concatenate([[0], np.cumsum(self.counts)])

    def of(self, net: int) -> np.ndarray:
        """The arcs at one net."""
        return self._order[self._first[net] : self._first[net + 1]]

    def of_all(self, nets: np.ndarray) -> np.ndarray:
        """The arcs at some nets."""
        counts = self.counts[nets]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return self._order[np.repeat(self._first[nets], counts) + within]


def arrivals(graph: TimingGraph, clock: int) -> np.ndarray:
    """When each net is steady after an edge of a clock, in ns; minus infinity if it never changes.

    Parameters
    ----------
    graph : TimingGraph
    clock : int
        Net of the clock.

    Raises
    ------
    FirebrickError
        If logic feeds back into itself.
    """
    late = np.full(graph.points, -np.inf)
    starts = graph.launches["clock"] == clock
    np.maximum.at(late, graph.launches["net"][starts], graph.launches["ns"][starts])
    outgoing = Neighbours(graph.arcs["source"], graph.points)
    waiting = np.bincount(graph.arcs["target"], minlength=graph.points)
    ready, done = np.flatnonzero(waiting == 0), 0
    while len(ready):
        done += len(ready)
        arcs = outgoing.of_all(ready)
        targets = graph.arcs["target"][arcs]
        np.maximum.at(late, targets, late[graph.arcs["source"][arcs]] + graph.arcs["ns"][arcs])
        np.subtract.at(waiting, targets, 1)
        ready = np.unique(targets[waiting[targets] == 0])
    if done < graph.points:
        _refuse_loop(graph, waiting)
    return late


def _refuse_loop(graph: TimingGraph, waiting: np.ndarray) -> None:
    nets = np.flatnonzero(waiting[: len(graph.netlist.names)])
    named = [graph.netlist.names[net] for net in nets if graph.netlist.names[net]]
    near = f", near {', '.join(named[:3])}" if named else ""
    raise FirebrickError(f"logic feeds back into itself without a register{near}")
