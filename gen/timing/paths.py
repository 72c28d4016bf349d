"""The slowest paths of a timing graph, from register to register."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from scipy.sparse import csr_array

from gen.timing.cell_timing import CARRY
from gen.timing.graph import TimingGraph, arrivals, incoming


@dataclass(frozen=True)
class Hop:
    """A net on a path, and the cell in front of it.

    Attributes
    ----------
    kind : str
        Of the cell.
    net : str
        Its name; empty if only the tools know it.
    fan_out : int
        Its loads.
    cell_ns, wire_ns : float
        Through the cell, and over the wire to the next.
    """

    kind: str
    net: str
    fan_out: int
    cell_ns: float
    wire_ns: float


@dataclass(frozen=True)
class Path:
    """From a clock edge through logic to the next edge.

    Attributes
    ----------
    ns : float
        All together, setup included.
    start, end : str
        The nets at both ends: what a register drives, and what the last one drives.
    hops : tuple of Hop
    setup : float
    port : str
        Of the last cell.
    last : str
        Kind of the last cell.
    """

    ns: float
    start: str
    end: str
    hops: tuple[Hop, ...]
    setup: float
    port: str
    last: str
    clock: str

    @property
    def levels(self) -> int:
        """Cells of logic between the registers; a carry chain is one."""
        kinds = (hop.kind in _CHAINS for hop in self.hops[1:])
        return sum(1 if chain else len(list(run)) for chain, run in groupby(kinds))

    @property
    def carries(self) -> int:
        """Bits of carry chains passed."""
        return sum(_CHAINS.get(hop.kind, 0) for hop in self.hops)

    @property
    def widest(self) -> int:
        """The largest fan-out on the way."""
        return max(hop.fan_out for hop in self.hops)

    @property
    def wires(self) -> float:
        """Of the time, what is wire."""
        return sum(hop.wire_ns for hop in self.hops)


_CHAINS = {"CARRY4": 4, "CCU2C": 2}
"""Bits of a chain in one cell."""


class Analysis:
    """Arrival times by clock, and paths looked up in them."""

    def __init__(self, graph: TimingGraph):
        self.graph = graph
        self._incoming: csr_array = incoming(graph)
        self._arrivals: dict[int, np.ndarray] = {}
        ends = graph.captures
        self.late = np.full(len(ends["net"]), -np.inf)
        """Of each capture: time from edge to edge."""
        for clock in np.unique(ends["clock"]):
            self._arrivals[int(clock)] = arrivals(graph, int(clock))
            mine = ends["clock"] == clock
            at = self._arrivals[int(clock)][ends["net"][mine]]
            self.late[mine] = at + ends["wire"][mine] + ends["ns"][mine]
        self.order = np.argsort(-self.late, kind="stable")
        self.order = self.order[np.isfinite(self.late[self.order])]

    def register(self, capture: int) -> str:
        """What the cell at a path's end drives, or what its pin is called."""
        cell = self.graph.netlist.cells[self.graph.captures["cell"][capture]]
        names = [self.graph.netlist.names[n] for bits in cell.outputs.values() for n in bits if n >= 0]
        name = next((name for name in names if name), "")
        return name or self.graph.netlist.names[self.graph.captures["net"][capture]]

    def path(self, capture: int) -> Path:
        """The slowest way to a capture."""
        graph, ends = self.graph, self.graph.captures
        clock = int(ends["clock"][capture])
        arcs = list(self._trace(int(ends["net"][capture]), clock))[::-1]
        net = int(graph.source[arcs[0]] if arcs else ends["net"][capture])
        hops = tuple(self._hops(net, clock, arcs, float(ends["wire"][capture])))
        cell = graph.netlist.cells[ends["cell"][capture]]
        return Path(
            float(self.late[capture]),
            graph.netlist.names[net],
            self.register(capture),
            hops,
            float(ends["ns"][capture]),
            str(ends["port"][capture]),
            cell.kind,
            graph.netlist.names[clock],
        )

    def _trace(self, net: int, clock: int) -> Iterator[int]:
        """Arcs on the slowest way to a net, the last one first."""
        late, graph = self._arrivals[clock], self.graph
        while True:
            arcs = self._incoming[[net]].data
            if not len(arcs):
                return
            times = late[graph.source[arcs]] + graph.ns[arcs]
            best = int(np.argmax(times))
            if times[best] < late[net]:  # a register drives it too, and later
                return
            yield int(arcs[best])
            net = int(graph.source[arcs[best]])

    def _hops(self, net: int, clock: int, arcs: list[int], wire: float) -> Iterator[Hop]:
        """From the net that a register drives along arcs to a last wire."""
        graph, begins = self.graph, self.graph.launches
        here = (begins["net"] == net) & (begins["clock"] == clock)
        launch = np.flatnonzero(here)[np.argmax(begins["ns"][here])]
        cell, ns = int(begins["cell"][launch]), float(begins["ns"][launch])
        for arc in arcs:
            if graph.source[arc] < len(graph.netlist.names):
                yield self._hop(cell, net, ns, float(graph.wire[arc]))
                cell, ns = int(graph.cell[arc]), 0.0
            ns += float(graph.ns[arc] - graph.wire[arc])
            net = int(graph.target[arc])
        yield self._hop(cell, net, ns, wire)

    def _hop(self, cell: int, net: int, cell_ns: float, wire_ns: float) -> Hop:
        netlist = self.graph.netlist
        return Hop(
            netlist.cells[cell].kind,
            netlist.names[net],
            int(self.graph.fan_out[net]),
            cell_ns,
            wire_ns,
        )
