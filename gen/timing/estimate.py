"""What a netlist's clock may be, and what limits it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from boards.board import Family
from gen.timing import ecp5, xc7
from gen.timing.cell_timing import LOGIC, Library
from gen.timing.graph import TimingGraph, build_graph
from gen.timing.netlist import CONSTANT, Netlist
from gen.timing.paths import Analysis, Path
from gen.timing.wires import WireModel

LIBRARIES: Mapping[Family, Library] = {"xc7": xc7.CELLS, "ecp5": ecp5.CELLS}
_INSIDE = re.compile(r"\.accelerator\.(\w+)")


@dataclass(frozen=True)
class FanOut:
    """A net with many loads."""

    net: str
    loads: int
    kind: str


@dataclass(frozen=True)
class Estimate:
    """What was found."""

    worst: tuple[Path, ...]
    by_layer: Mapping[str, Path]
    flip_flops: int
    reset: int
    fan_outs: tuple[FanOut, ...]

    @property
    def ns(self) -> float:
        return self.worst[0].ns


def layer_of(net: str) -> str:
    """The module of the accelerator that a net is in, by its name."""
    found = _INSIDE.search(net)
    return found[1] if found else "board"


def estimate(
    netlist: Netlist, family: Family, *, layer: Callable[[str], str] = layer_of, most: int = 10
) -> Estimate:
    graph = build_graph(netlist, LIBRARIES[family], WireModel.load(family))
    analysis = Analysis(graph)
    by_layer: dict[str, Path] = {}
    worst: dict[tuple[str, str], Path] = {}
    for capture in analysis.order[:20000]:
        name = layer(analysis.register(capture))
        if name in by_layer and len(worst) >= most:
            continue
        path = analysis.path(int(capture))
        by_layer.setdefault(name, path)
        if len(worst) < most:
            worst.setdefault((path.start.partition("[")[0], path.end.partition("[")[0]), path)
    resets = [t.reset for t in graph.timings]
    ffs = [(c, r) for c, r in zip(netlist.cells, resets) if r]
    with_reset = sum(1 for c, r in ffs if any(b != CONSTANT for b in c.inputs.get(r, ())))
    return Estimate(tuple(worst.values()), by_layer, len(ffs), with_reset, _fan_outs(graph))


def _fan_outs(graph: TimingGraph, most: int = 20) -> tuple[FanOut, ...]:
    fan = graph.fan_out.copy()
    clocks = np.unique(graph.captures["clock"])
    fan[clocks] = 0
    top = np.argsort(-fan)[:most]
    uses: dict[int, dict[str, int]] = {int(n): {} for n in top}
    for cell in graph.netlist.cells:
        for port, bits in cell.inputs.items():
            for b in bits:
                if b in uses:
                    key = f"{cell.kind}.{port}"
                    uses[b][key] = uses[b].get(key, 0) + 1
    return tuple(
        FanOut(graph.netlist.names[n], int(fan[n]),
               ", ".join(f"{k} {v}" for k, v in sorted(uses[int(n)].items(), key=lambda i: -i[1])[:3]))
        for n in top
    )
