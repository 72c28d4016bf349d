"""A netlist as a graph of nets, and how late each net is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from gen.common.errors import FirebrickError
from gen.timing.cell_timing import LOGIC, OPERAND, OTHER, CellTiming, Library
from gen.timing.netlist import CONSTANT, Cell, Netlist
from gen.timing.wires import WireModel

_MANY = 4
"""Outputs of a port from which on an arc between whole ports goes through a point of its own."""
_BLANK = CellTiming()


@dataclass(frozen=True, eq=False)
class TimingGraph:
    """Arcs between nets, where paths begin and where they end.

    Numbers of nets above the netlist's are points inside cells.

    Attributes
    ----------
    netlist : Netlist
    fan_out : int array
        Pins that each net ends at.
    source, target, cell : int array
        Of each arc: its nets, and the cell that it goes through.
    wire, ns : float array
        Of each arc: the wire in front of the cell, and both together.
    launches, captures : dict of array
        Columns ``net``, ``cell``, ``clock``, ``port``, ``ns``, and for captures ``wire``, which is
        not in ``ns``.
    """

    netlist: Netlist
    timings: list[CellTiming]
    fan_out: np.ndarray
    source: np.ndarray
    target: np.ndarray
    cell: np.ndarray
    wire: np.ndarray
    ns: np.ndarray
    launches: dict[str, np.ndarray]
    captures: dict[str, np.ndarray]
    points: int


@dataclass
class _Columns:
    """Rows as they are found."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)

    def arrays(self, **types: Any) -> dict[str, np.ndarray]:
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(types)
        return {
            name: np.array(column, dtype=dtype)
            for (name, dtype), column in zip(types.items(), columns, strict=True)
        }


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
    timings = [timing_of(cell, library) for cell in netlist.cells]
    arcs, launches, captures = _Columns(), _Columns(), _Columns()
    points = len(netlist.names)
    fan_out = np.zeros(points + 1, int)
    drivers = np.full(points + 1, OTHER, dtype="U8")
    for number, (cell, timing) in enumerate(zip(netlist.cells, timings, strict=True)):
        for bits in cell.inputs.values():
            for bit in bits:
                fan_out[bit] += 1
        for bits in cell.outputs.values():
            drivers[bits] = timing.drives
        points = _add_arcs(arcs, number, cell, timing, points)
        launches.rows += _launches(number, cell, timing)
        captures.rows += _captures(number, cell, timing)
    found = arcs.arrays(source=int, target=int, cell=int, pin="U8", ns=float)
    ends = captures.arrays(net=int, cell=int, clock=int, port="U16", ns=float, pin="U8")
    begins = launches.arrays(net=int, cell=int, clock=int, port="U16", ns=float)
    source, real = found["source"], found["source"] < len(netlist.names)
    at = np.where(real, source, CONSTANT)
    wire = np.where(real, wires.delays(drivers[at], found["pin"], fan_out[at]), 0.0)
    ends["wire"] = wires.delays(drivers[ends["net"]], ends["pin"], fan_out[ends["net"]])
    return TimingGraph(
        netlist,
        timings,
        fan_out[:CONSTANT],
        source,
        found["target"],
        found["cell"],
        wire,
        found["ns"] + wire,
        begins,
        ends,
        points,
    )


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


def _add_arcs(arcs: _Columns, number: int, cell: Cell, timing: CellTiming, points: int) -> int:
    """Add a cell's arcs; returns how many points there are then."""
    for arc in timing.arcs:
        sources = _bits(cell.inputs, arc.source, arc.source_bit)
        targets = _bits(cell.outputs, arc.target, arc.target_bit)
        if not sources or not targets:
            continue
        pin = timing.pins.get(arc.source, LOGIC)
        if len(targets) < _MANY:
            arcs.rows += [(s, t, number, pin, arc.ns) for s in sources for t in targets]
            continue
        arcs.rows += [(source, points, number, pin, arc.ns) for source in sources]
        arcs.rows += [(points, target, number, pin, 0.0) for target in targets]
        points += 1
    return points


def _bits(ports: Any, port: str, bit: int | None) -> list[int]:
    nets = ports.get(port, ())
    if bit is not None:
        nets = nets[bit : bit + 1]
    return [net for net in nets if net != CONSTANT]


def _launches(number: int, cell: Cell, timing: CellTiming) -> Iterator[tuple[Any, ...]]:
    for port, clock, ns in timing.launches:
        clocks = _bits(cell.inputs, clock, 0)
        for net in _bits(cell.outputs, port, None) if clocks else ():
            yield net, number, clocks[0], port, ns


def _captures(number: int, cell: Cell, timing: CellTiming) -> Iterator[tuple[Any, ...]]:
    for port, clock, ns in timing.captures:
        clocks = _bits(cell.inputs, clock, 0)
        for net in _bits(cell.inputs, port, None) if clocks else ():
            yield net, number, clocks[0], port, ns, timing.pins.get(port, LOGIC)


def outgoing(graph: TimingGraph) -> csr_array:
    """Numbers of the arcs from each net, a row a net."""
    return _by(graph.source, graph.points)


def incoming(graph: TimingGraph) -> csr_array:
    """Numbers of the arcs to each net, a row a net."""
    return _by(graph.target, graph.points)


def _by(nets: np.ndarray, points: int) -> csr_array:
    arcs = np.arange(len(nets))
    return csr_array((arcs, (nets, arcs)), shape=(points, len(nets)))


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
    out, waiting = outgoing(graph), np.bincount(graph.target, minlength=graph.points)
    ready, done = np.flatnonzero(waiting == 0), 0
    while len(ready):
        done += len(ready)
        arcs = out[ready].data
        targets = graph.target[arcs]
        np.maximum.at(late, targets, late[graph.source[arcs]] + graph.ns[arcs])
        np.subtract.at(waiting, targets, 1)
        ready = np.unique(targets[waiting[targets] == 0])
    if done < graph.points:
        _refuse_loop(graph, waiting)
    return late


def _refuse_loop(graph: TimingGraph, waiting: np.ndarray) -> None:
    nets = np.flatnonzero(waiting[: len(graph.netlist.names)])
    named = [graph.netlist.names[net] for net in nets if graph.netlist.names[net]]
    raise FirebrickError(f"logic feeds back into itself without a register, near {named[:3]}")
