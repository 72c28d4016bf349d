"""The slowest paths of a timing graph, from register to register."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from gen.timing.arrivals import Neighbours, arrivals
from gen.timing.graph import TimingGraph

_CHAINS = {"CARRY4": 4, "CCU2C": 2}
"""Bits of a carry chain in one cell."""


@dataclass(frozen=True)
class Hop:
    """A cell on a path, and the net behind it.

    Attributes
    ----------
    cell : str
        Its kind.
    net : str
        The net's name; empty if only the tools know it.
    fan_out : int
        Its loads.
    cell_ns, wire_ns : float
        Through the cell, and over the wire to the next one.
    """

    cell: str
    net: str
    fan_out: int
    cell_ns: float
    wire_ns: float


@dataclass(frozen=True)
class Path:
    """From a clock's edge in one register through logic to the next edge in another.

    Attributes
    ----------
    ns : float
        All together, setup included.
    hops : tuple of Hop
        The first is the register that the path begins at.
    end : str
        What the register at the end drives, or what leads to it if only the tools know that.
    port : str
        Where the path ends, for example ``FDRE.D``.
    setup : float
    clock : str
    """

    ns: float
    hops: tuple[Hop, ...]
    end: str
    port: str
    setup: float
    clock: str

    @property
    def start(self) -> str:
        """What the register at the beginning drives."""
        return self.hops[0].net

    @property
    def levels(self) -> int:
        """Cells of logic between the registers, a whole carry chain being one."""
        chained = groupby(hop.cell in _CHAINS for hop in self.hops[1:])
        return sum(1 if chain else len(list(run)) for chain, run in chained)

    @property
    def carry_bits(self) -> int:
        """Bits of carry chains in the cells that are passed."""
        return sum(_CHAINS.get(hop.cell, 0) for hop in self.hops)

    @property
    def widest(self) -> int:
        """The largest fan-out on the way."""
        return max(hop.fan_out for hop in self.hops)

    @property
    def wire_ns(self) -> float:
        """What of the time is wire."""
        return sum(hop.wire_ns for hop in self.hops)


class Analysis:
    """Times from register to register, and the paths that take them.

    Parameters
    ----------
    graph : TimingGraph

    Raises
    ------
    FirebrickError
        If logic feeds back into itself.
    """

    def __init__(self, graph: TimingGraph):
        self.graph = graph
        self._incoming = Neighbours(graph.arcs["target"], graph.points)
        self._late: dict[int, np.ndarray] = {}
        ends = graph.captures
        self.ns = np.full(len(ends["net"]), -np.inf)
        """Of each of the graph's captures, from edge to edge."""
        for clock in map(int, np.unique(ends["clock"])):
            self._late[clock] = arrivals(graph, clock)
            mine = ends["clock"] == clock
            self.ns[mine] = self._late[clock][ends["net"][mine]] + ends["ns"][mine]

    def slowest(self) -> Iterator[int]:
        """Captures that a path within one clock domain leads to, the slowest first."""
        order = np.argsort(-self.ns, kind="stable")
        yield from map(int, order[np.isfinite(self.ns[order])])

    def end(self, capture: int) -> str:
        """The name of what a capture's register drives, or of what leads to it."""
        netlist, ends = self.graph.netlist, self.graph.captures
        outputs = netlist.cells[ends["cell"][capture]].outputs.values()
        names = (netlist.names[net] for bits in outputs for net in bits if net >= 0)
        return next(filter(None, names), netlist.names[ends["net"][capture]])

    def path(self, capture: int) -> Path:
        """The slowest way to a capture."""
        graph, ends = self.graph, self.graph.captures
        clock, wire = int(ends["clock"][capture]), float(ends["wire"][capture])
        arcs = self._trace(int(ends["net"][capture]), clock)
        net = int(graph.arcs["source"][arcs[0]] if arcs else ends["net"][capture])
        kind = graph.netlist.cells[ends["cell"][capture]].kind
        return Path(
            ns=float(self.ns[capture]),
            hops=tuple(self._hops(net, clock, arcs, wire)),
            end=self.end(capture),
            port=f"{kind}.{ends['port'][capture]}",
            setup=float(ends["ns"][capture]) - wire,
            clock=graph.netlist.names[clock],
        )

    def _trace(self, net: int, clock: int) -> list[int]:
        """Arcs on the slowest way from a register to a net."""
        late, arcs = self._late[clock], self.graph.arcs
        found: list[int] = []
        while len(candidates := self._incoming.of(net)):
            times = late[arcs["source"][candidates]] + arcs["ns"][candidates]
            best = int(np.argmax(times))
            if times[best] < late[net]:
                break  # a memory's clock changes this net too, and later
            found.append(int(candidates[best]))
            net = int(arcs["source"][found[-1]])
        return found[::-1]

    def _hops(self, net: int, clock: int, arcs: list[int], wire: float) -> Iterator[Hop]:
        """From the net that a register drives along arcs to a last wire."""
        columns, begins = self.graph.arcs, self.graph.launches
        here = np.flatnonzero((begins["net"] == net) & (begins["clock"] == clock))
        launch = here[np.argmax(begins["ns"][here])]
        cell, ns = int(begins["cell"][launch]), float(begins["ns"][launch])
        for arc in arcs:
            if columns["source"][arc] < len(self.graph.netlist.names):
                yield self._hop(cell, net, ns, float(columns["wire"][arc]))
                cell, ns = int(columns["cell"][arc]), 0.0
            ns += float(columns["ns"][arc] - columns["wire"][arc])
            net = int(columns["target"][arc])
        yield self._hop(cell, net, ns, wire)

    def _hop(self, cell: int, net: int, cell_ns: float, wire_ns: float) -> Hop:
        netlist = self.graph.netlist
        fan_out = int(self.graph.fan_out[net])
        return Hop(netlist.cells[cell].kind, netlist.names[net], fan_out, cell_ns, wire_ns)
