"""A netlist as a graph of nets, with a delay on every arc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gen.common.errors import FirebrickError
from gen.timing.cell_timing import LOGIC, OTHER, CellTiming, Library
from gen.timing.netlist import CONSTANT, Cell, Netlist
from gen.timing.wires import WireModel

_MANY = 4
"""Outputs of a port from which on an arc between whole ports goes through a point of its own."""

Columns = Mapping[str, np.ndarray]
"""Arrays of one length, by name."""


@dataclass(frozen=True, eq=False)
class TimingGraph:
    """Arcs between nets, where paths begin and where they end.

    Numbers of nets beyond the netlist's are points inside cells.

    Attributes
    ----------
    netlist : Netlist
    points : int
        How many nets and points there are.
    timings : list of CellTiming
        Of each cell.
    fan_out : int array
        Pins that each net ends at.
    arcs : columns
        ``source`` and ``target`` are nets, ``cell`` is between them; ``wire`` leads to that, and
        ``ns`` is both together.
    launches : columns
        ``net``, ``cell``, net of the ``clock``, and ``ns`` from its edge.
    captures : columns
        The same, where ``ns`` is wire and setup, and ``wire`` the former; and the cell's ``port``.
    """

    netlist: Netlist
    points: int
    timings: list[CellTiming]
    fan_out: np.ndarray
    arcs: Columns
    launches: Columns
    captures: Columns


def build_graph(netlist: Netlist, library: Library, wires: WireModel) -> TimingGraph:
    """Put delays on a netlist.

    Parameters
    ----------
    netlist : Netlist
    library : Library
        Of its family.
    wires : WireModel

    Raises
    ------
    FirebrickError
        If it has a cell that the library does not know.
    """
    found = _Rows(len(netlist.names))
    timings = [timing_of(cell, library) for cell in netlist.cells]
    for number, (cell, timing) in enumerate(zip(netlist.cells, timings, strict=True)):
        found.add(number, cell, timing)
    arcs, launches, captures = found.columns()
    for ends, net in ((arcs, "source"), (captures, "net")):
        nets = ends[net]
        # What leaves a point has no wire of its own.
        real = nets < len(netlist.names)
        nets = np.where(real, nets, CONSTANT)
        wire = wires.delays(found.drivers[nets], ends.pop("pin"), found.fan_out[nets])
        ends["wire"] = np.where(real, wire, 0.0)
        ends["ns"] += ends["wire"]
    fan_out = found.fan_out[:CONSTANT]
    return TimingGraph(netlist, found.points, timings, fan_out, arcs, launches, captures)


def timing_of(cell: Cell, library: Library) -> CellTiming:
    """What the library says of a cell.

    Raises
    ------
    FirebrickError
        If it does not know such cells.
    """
    known = library.get(cell.kind)
    if known is None:
        raise FirebrickError(
            f"the netlist has a cell {cell.kind!r} in module {cell.module!r}, whose delays are not "
            "known; add it to the family's cells in gen/timing/"
        )
    return known if isinstance(known, CellTiming) else known(cell.parameters)


@dataclass
class _Rows:
    """Arcs, beginnings and ends as they are found, cell by cell."""

    nets: int
    points: int = 0
    arcs: list[tuple[Any, ...]] = field(default_factory=list)
    launches: list[tuple[Any, ...]] = field(default_factory=list)
    captures: list[tuple[Any, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.points = self.nets
        # One more, for pins that are constant.
        self.fan_out = np.zeros(self.nets + 1, int)
        self.drivers = np.full(self.nets + 1, OTHER, dtype="U8")

    def add(self, number: int, cell: Cell, timing: CellTiming) -> None:
        """Add what a cell has."""
        for bits in cell.inputs.values():
            for bit in bits:
                self.fan_out[bit] += 1
        for bits in cell.outputs.values():
            self.drivers[bits] = timing.drives
        for arc in timing.arcs:
            sources = _bits(cell.inputs, arc.source, arc.source_bit)
            targets = _bits(cell.outputs, arc.target, arc.target_bit)
            if sources and targets:
                pin = timing.pins.get(arc.source, LOGIC)
                self._connect(number, sources, targets, (pin, arc.ns))
        for port, clock, ns in timing.launches:
            for clock_net in _bits(cell.inputs, clock, 0):
                nets = _bits(cell.outputs, port, None)
                self.launches += [(net, number, clock_net, ns) for net in nets]
        for port, clock, ns in timing.captures:
            pin = timing.pins.get(port, LOGIC)
            for clock_net in _bits(cell.inputs, clock, 0):
                nets = _bits(cell.inputs, port, None)
                self.captures += [(net, number, clock_net, ns, pin, port) for net in nets]

    def _connect(
        self, cell: int, sources: list[int], targets: list[int], rest: tuple[str, float]
    ) -> None:
        pin, ns = rest
        if len(targets) < _MANY:
            self.arcs += [(s, t, cell, pin, ns) for s in sources for t in targets]
            return
        self.arcs += [(source, self.points, cell, pin, ns) for source in sources]
        self.arcs += [(self.points, target, cell, pin, 0.0) for target in targets]
        self.points += 1

    def columns(self) -> tuple[dict[str, np.ndarray], ...]:
        """All rows as arrays: arcs, launches, captures."""
        return (
            _columns(self.arcs, source=int, target=int, cell=int, pin="U8", ns=float),
            _columns(self.launches, net=int, cell=int, clock=int, ns=float),
            _columns(self.captures, net=int, cell=int, clock=int, ns=float, pin="U8", port="U16"),
        )


def _columns(rows: list[tuple[Any, ...]], **types: Any) -> dict[str, np.ndarray]:
    values = zip(*rows, strict=True) if rows else [()] * len(types)
    named = zip(types.items(), values, strict=True)
    return {name: np.array(column, dtype=dtype) for (name, dtype), column in named}


def _bits(ports: Mapping[str, list[int]], port: str, bit: int | None) -> list[int]:
    nets = ports.get(port, [])
    if bit is not None:
        nets = nets[bit : bit + 1]
    return [net for net in nets if net != CONSTANT]
