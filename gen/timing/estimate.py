"""What clock a netlist is good for, and what limits it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from boards.board import Family
from gen.common.errors import FirebrickError
from gen.timing import ecp5, xc7
from gen.timing.cell_timing import Library
from gen.timing.graph import TimingGraph, build_graph
from gen.timing.netlist import Cell, Netlist
from gen.timing.paths import Analysis, Path
from gen.timing.resets import reset_pins
from gen.timing.wires import WireModel

LIBRARIES: Mapping[Family, Library] = {"xc7": xc7.CELLS, "ecp5": ecp5.CELLS}
_INSIDE = re.compile(r"\.accelerator\.(\w+)")
MOST_PATHS = 10
"""Paths that are kept of the slowest of all."""
MOST_NETS = 20
"""Nets that are kept of those with the largest fan-outs."""
_TRIED = 5000
"""Slowest ends among which different paths are looked for: the bits of a register are alike."""

LayerOf = Callable[[str, str], str]
"""The layer of a cell, from the module that it is in and the name of a net at it."""


@dataclass(frozen=True)
class FanOut:
    """A net with many loads.

    Attributes
    ----------
    net : str
        Its name, or that of a register that it leads to.
    loads : int
    pins : dict of int
        How many of each kind, such as ``FDRE.CE``, the most first.
    """

    net: str
    loads: int
    pins: Mapping[str, int]


@dataclass(frozen=True)
class Estimate:
    """The paths that limit a netlist's clock.

    Attributes
    ----------
    paths : tuple of Path
        The slowest of all, the slowest first, one for each pair of registers.
    layers : dict of Path
        The slowest that ends in each layer, the slowest first.
    clocks : dict of Path
        The slowest within each clock, the clock with the most registers first.
    flip_flops, reset, cleared : int
        How many there are, how many of them have a reset, and how many others logic clears through
        the pin for it.
    fan_outs : tuple of FanOut
        Nets with the most loads, the most first; clocks are left out.
    routed : float
    error : float or None
        What routing makes of the estimate, and by what part that differed: see
        :class:`gen.timing.wires.WireModel`.
    """

    paths: tuple[Path, ...]
    layers: Mapping[str, Path]
    clocks: Mapping[str, Path]
    flip_flops: int
    reset: int
    cleared: int
    fan_outs: tuple[FanOut, ...]
    routed: float
    error: float | None

    @property
    def slowest(self) -> Path:
        """What limits the clock that most registers have: the accelerator's."""
        return next(iter(self.clocks.values()))

    @property
    def ns(self) -> float:
        """Of the slowest path, with wires as they are on average."""
        return self.slowest.ns

    @property
    def mhz(self) -> float:
        """The clock that a router is expected to reach."""
        return 1e3 / (self.ns * self.routed)

    def to_entry(self) -> dict[str, Any]:
        """All of it for a JSON file."""
        return {"ns": self.ns, "mhz": self.mhz, **asdict(self)}


def layer_by_name(module: str, net: str) -> str:
    """The module inside the accelerator that a net's name tells.

    Parameters
    ----------
    module : str
        Not used: a flat netlist has only one.
    net : str
    """
    found = _INSIDE.search(net)
    return found[1] if found else "board"


def family_of(netlist: Netlist) -> Family:
    """The family whose cells a netlist is made of.

    Raises
    ------
    FirebrickError
        If it is none that we know.
    """
    kinds = {cell.kind for cell in netlist.cells}
    families = [family for family, library in LIBRARIES.items() if kinds <= library.keys()]
    if len(families) != 1:
        strange = min((kinds - library.keys() for library in LIBRARIES.values()), key=len)
        raise FirebrickError(
            f"cells {', '.join(sorted(strange)) or 'of the netlist'} belong to no family whose "
            "delays are known"
        )
    return families[0]


def estimate(
    netlist: Netlist,
    family: Family,
    layer_of: LayerOf = layer_by_name,
    *,
    wires: WireModel | None = None,
) -> Estimate:
    """Find the slowest paths of a netlist.

    Parameters
    ----------
    netlist : Netlist
    family : str
        Of the FPGA.
    layer_of : callable
    wires : WireModel, optional
        The family's as it was fitted last, if not given.

    Raises
    ------
    FirebrickError
        If there is a cell whose delays are not known, logic that feeds back into itself, or no
        path between registers at all.
    """
    wires = wires or WireModel.load(family)
    graph = build_graph(netlist, LIBRARIES[family], wires)
    analysis = Analysis(graph)
    clocks = _by_clock(analysis)
    if not clocks:
        raise FirebrickError("the netlist has no path from one register to another")
    resets = reset_pins(graph)
    return Estimate(
        paths=_different(analysis),
        layers=_by_layer(analysis, layer_of),
        clocks=clocks,
        flip_flops=len(resets),
        reset=resets.count(True),
        cleared=resets.count(False),
        fan_outs=_fan_outs(graph),
        routed=wires.routed,
        error=wires.error,
    )


def estimated_clock(netlist: Netlist, family: Family) -> float:
    """The clock that a router is expected to reach, in MHz.

    Parameters
    ----------
    netlist : Netlist
    family : str
        Of the FPGA.

    Raises
    ------
    FirebrickError
        As :func:`estimate` does.
    """
    return estimate(netlist, family).mhz


def _different(analysis: Analysis) -> tuple[Path, ...]:
    """The slowest paths that do not merely end at, or begin from, other bits of the same."""
    found: dict[tuple[str, ...], Path] = {}
    for _, capture in zip(range(_TRIED), analysis.slowest(), strict=False):
        path = analysis.path(capture)
        found.setdefault((_word(path.start), _word(path.end), path.port), path)
        if len(found) == MOST_PATHS:
            break
    return tuple(found.values())


def _word(net: str) -> str:
    return net.partition("[")[0]


def _by_layer(analysis: Analysis, layer_of: LayerOf) -> dict[str, Path]:
    graph, found = analysis.graph, dict[str, Path]()
    for capture in analysis.slowest():
        cell = graph.netlist.cells[graph.captures["cell"][capture]]
        layer = layer_of(cell.module, analysis.end(capture))
        if layer not in found:
            found[layer] = analysis.path(capture)
    return found


def _by_clock(analysis: Analysis) -> dict[str, Path]:
    registers = Counter(map(int, analysis.graph.captures["clock"]))
    first: dict[int, int] = {}
    for capture in analysis.slowest():
        first.setdefault(int(analysis.graph.captures["clock"][capture]), capture)
    order = sorted(first, key=lambda clock: -registers[clock])
    names = analysis.graph.netlist.names
    return {names[clock] or f"clock {clock}": analysis.path(first[clock]) for clock in order}


def _fan_outs(graph: TimingGraph) -> tuple[FanOut, ...]:
    loads = graph.fan_out.copy()
    loads[np.unique(graph.captures["clock"])] = 0
    largest = [int(net) for net in np.argsort(-loads, kind="stable")[:MOST_NETS] if loads[net]]
    pins: dict[int, Counter[str]] = {net: Counter() for net in largest}
    titles = {net: graph.netlist.names[net] for net in largest}
    for cell in graph.netlist.cells:
        for port, bits in cell.inputs.items():
            for net in pins.keys() & bits:
                pins[net][f"{cell.kind}.{port}"] += bits.count(net)
                titles[net] = titles[net] or _load(graph.netlist, cell)
    return tuple(FanOut(titles[n], int(loads[n]), dict(pins[n].most_common())) for n in largest)


def _load(netlist: Netlist, cell: Cell) -> str:
    """A name for a net that has none itself, from a cell that it leads to."""
    names = (netlist.names[net] for bits in cell.outputs.values() for net in bits if net >= 0)
    name = next(filter(None, names), "")
    return f"what leads to {name}" if name else ""
