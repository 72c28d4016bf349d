"""Which flip-flops have a reset, and which ones logic clears through the same pin."""

from __future__ import annotations

import re

import numpy as np

from gen.timing.graph import TimingGraph
from gen.timing.netlist import CONSTANT

_RESET = re.compile(r"(^|[._])(rst|reset)\d*(\[0\])?$")
"""The name of a net that resets a clock domain; Amaranth calls them so, and so do we."""


def reset_pins(graph: TimingGraph) -> list[bool | None]:
    """Of each flip-flop: None without a net at its reset pin, else whether a reset leads there.

    To tools that pin is as good as a gate: of ``0 if condition else value`` they make a flip-flop
    that the condition clears.

    Parameters
    ----------
    graph : TimingGraph
    """
    reached = _reached(graph)
    found: list[bool | None] = []
    for cell, timing in zip(graph.netlist.cells, graph.timings, strict=True):
        if timing.reset is not None:
            nets = [net for net in cell.inputs.get(timing.reset, ()) if net != CONSTANT]
            found.append(bool(reached[nets].any()) if nets else None)
    return found


def _reached(graph: TimingGraph) -> np.ndarray:
    """Nets that resets lead to, through any logic."""
    source, target = graph.arcs["source"], graph.arcs["target"]
    reached = np.zeros(graph.points, dtype=bool)
    names = enumerate(graph.netlist.names)
    reached[[net for net, name in names if _RESET.search(name or "")]] = True
    before = -1
    while (count := int(reached.sum())) > before:
        before = count
        reached[target[reached[source]]] = True
    return reached
