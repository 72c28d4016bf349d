"""What every layer does while frames pass: works, waits for a reader, starves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from gen.backend.names import module_names
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.progress import SILENT, Progress
from gen.nodes.graph import Graph
from hw.stream.watch import WATCHED
from sim.frames import GeneratedBoard, SimulatedFrames, simulate
from sim.simulator import Simulator
from sim.verilate import build

STATES = ("works", "waits", "starves", "fills")
"""In this order of precedence: its streams or multipliers move; its output is not taken; there is
no input to take; or, the rest, it has what it needs and nothing comes out yet."""
PERIODS = 2
"""Frames' periods that are shown, with frames in front of them and behind them."""
FRAMES = 6
"""As many as are usually needed for that."""
BUCKETS = 400
"""Parts of a frame's period in which cycles are counted together."""
_INSTANCE = "board.shell.accelerator"
"""The accelerator in what is simulated."""
_MODULE = re.compile(r"^module \\\S+\.accelerator\.(\w+) \(", re.MULTILINE)
_OWN = re.compile(rf"^  wire {WATCHED}works;$", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Activity:
    """What the layers of a network did in some periods of many frames.

    Attributes
    ----------
    layers : tuple of str
        In the order of the dataflow graph.
    readers : dict of tuple of str
        For each layer, those that read it.
    clock_hz : int
    period : int
        Clock cycles a frame.
    bucket : int
        Clock cycles that are counted together.
    cycles : uint32 array (buckets, layers, states)
        How many of a bucket's cycles a layer was in each of :data:`STATES`.
    """

    layers: tuple[str, ...]
    readers: dict[str, tuple[str, ...]]
    clock_hz: int
    period: int
    bucket: int
    cycles: np.ndarray

    def shares(self) -> dict[str, dict[str, float]]:
        """The part of all cycles that each layer was in each state."""
        total = self.cycles.sum(axis=0)
        parts = total / total.sum(axis=1, keepdims=True)
        return {
            name: dict(zip(STATES, map(float, row), strict=True))
            for name, row in zip(self.layers, parts, strict=True)
        }

    def trace(self) -> dict[str, Any]:
        """Events of the Chrome Trace Event Format, for Perfetto: a thread a layer.

        Buckets in which a layer is mostly in one state follow each other as one event. Times are in
        microseconds of the accelerator's clock.
        """
        events: list[dict[str, Any]] = []
        for thread, name in enumerate(self.layers):
            meta = {"ph": "M", "pid": 0, "tid": thread}
            events.append({**meta, "name": "thread_name", "args": {"name": name}})
            events.append({**meta, "name": "thread_sort_index", "args": {"sort_index": thread}})
            events += self._slices(thread, name)
        return {"traceEvents": events, "displayTimeUnit": "ns"}

    def _slices(self, thread: int, name: str) -> list[dict[str, Any]]:
        cycles, slices, at = self.cycles[:, thread], [], 0
        for state, run in groupby(cycles.argmax(axis=1)):
            length = len(list(run))
            counted = cycles[at : at + length].sum(axis=0)
            title = STATES[state]
            if title == "waits":
                title = f"waits for {', '.join(self.readers[name]) or 'the link'}"
            slices.append(
                {
                    "ph": "X",
                    "pid": 0,
                    "tid": thread,
                    "name": title,
                    "ts": self._microseconds(at),
                    "dur": self._microseconds(length),
                    "args": {k: int(v) for k, v in zip(STATES, counted, strict=True)},
                }
            )
            at += length
        return slices

    def _microseconds(self, buckets: int) -> float:
        return 1e6 * buckets * self.bucket / self.clock_hz

    def save(self, folder: BuildFolder) -> None:
        """Keep in a build folder what the report shows of it."""
        entry = {"periods": PERIODS, "period": self.period, "layers": self.shares()}
        with replacing(folder.activity) as file:
            file.write(json.dumps(entry, indent=1).encode())


def observe(
    board: GeneratedBoard, frames: np.ndarray, progress: Progress = SILENT
) -> tuple[SimulatedFrames, Activity]:
    """Simulate frames back to back, and watch every layer.

    Parameters
    ----------
    board : GeneratedBoard
        Compiled once more for this.
    frames : uint8 array (N, height, width, channels)
        So many that all layers are at work in some periods: :data:`FRAMES`, or more where a frame
        is longer in the accelerator than others take.
    progress : Progress

    Returns
    -------
    SimulatedFrames, Activity

    Raises
    ------
    FirebrickError
        If there are too few frames, or as building and simulating do.
    """
    graph = Graph.of(board.network)
    bits = _bits(board, graph)
    expressions = [bit for group in bits for bit in group]
    verilog, library = board.folder.sim_verilog, board.folder.simulation_with_watch
    bucket = max(board.plan.cycles // BUCKETS, 1)
    with Simulator(build(verilog, library, watch=expressions, progress=progress)) as simulator:
        progress.begin("simulating")
        simulator.watch(bucket)
        found = simulate(simulator, board.network, frames, progress=progress)
        counts = simulator.counts(len(expressions))
    period, start = _steady(found)
    shown = counts[start // bucket :][: PERIODS * period // bucket]
    return found, Activity(
        tuple(node.name for node in graph),
        {node.name: tuple(edge.target for edge in graph.readers(node.name)) for node in graph},
        board.plan.clock_hz,
        period,
        bucket,
        shown.reshape(len(shown), len(bits), len(STATES)),
    )


def _steady(found: SimulatedFrames) -> tuple[int, int]:
    """Clock cycles of a frame's period, and when the periods begin that are shown.

    They end when the last frame comes in, and begin after the first one has left.

    Raises
    ------
    FirebrickError
        If there were too few frames for that.
    """
    latency, finished = found.latency, found.finished
    period = found.steady_cycles or latency
    start = int(finished[-1]) - latency - PERIODS * period
    if start < finished[0]:
        needed = 1 + PERIODS + -(-latency // period)
        raise FirebrickError(
            f"{len(finished)} frames are too few to see all layers at work, since a frame takes "
            f"{latency} cycles from end to end and {period} until the next; give --frames {needed}"
        )
    return period, start


def _bits(board: GeneratedBoard, graph: Graph) -> list[tuple[str, ...]]:
    """Verilog of the bits that say in which of the states each node is in a cycle.

    Raises
    ------
    FirebrickError
        If the design has no such bits.
    """
    text = board.folder.sim_verilog.read_text()
    if f"{WATCHED}{next(iter(module_names(graph).values()))}_moves" not in text:
        raise FirebrickError(
            f"{board.folder.sim_verilog}: was generated by an older version, which named nothing "
            f"to watch; {board.folder.remedy}"
        )
    with_works = {
        match[1]
        for match in _MODULE.finditer(text)
        if _OWN.search(text, match.end(), text.index("\nendmodule", match.end()))
    }
    return [_states(module, module in with_works) for module in module_names(graph).values()]


def _states(module: str, works: bool) -> tuple[str, ...]:
    """Verilog of the states of a node, of which one is 1 at a time."""
    moves, waits, starves = (
        f"{_INSTANCE}.{WATCHED}{module}_{bit}" for bit in ("moves", "waits", "starves")
    )
    if works:
        moves = f"({moves} | {_INSTANCE}.{module}.{WATCHED}works)"
    return (
        moves,
        f"(~{moves} & {waits})",
        f"(~{moves} & ~{waits} & {starves})",
        f"(~{moves} & ~{waits} & ~{starves})",
    )
