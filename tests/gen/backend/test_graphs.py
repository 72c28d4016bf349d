"""Networks of many shapes, from integers to the simulated accelerator: tensors, pace and queues."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth.hdl import Shape, signed, unsigned

from gen.backend.assemble import Accelerator
from gen.backend.names import module_names, queue_name, stream_paths
from gen.ir.network import QuantizedNetwork
from gen.nodes.graph import Edge, Graph
from gen.plan.plan import Plan
from gen.plan.planner import plan
from gen.plan.queues import QueuePlan, waits
from hw.stream.lane_stream import lane_stream
from sim import golden
from tests.gen.backend.test_assemble import small_board
from tests.graphs import GRAPHS
from tests.harness import Monitor, StreamBench
from tests.harness.stream_bench import Result
from tests.networks import random_frames

TARGET = 2000
"""Cycles a frame that will do."""
STALLS: tuple[Any, ...] = (0.4, {"i": 0.8}, {"o": 0.998})
"""Of both ends, of the pixels, and of the few class sums, which then hold all nodes up."""
TELLING = 8
"""Pixels that must wait for their number to be compared: a transfer more or less does not count."""
FILLED = 0.6
"""Part of the pixels that wait by the analysis, which thinks of the worst, that really do."""


@dataclass(frozen=True)
class Design:
    """A network, its plan, and the golden tensors of the frames that it is given."""

    network: QuantizedNetwork
    graph: Graph
    plan: Plan
    tensors: dict[str, np.ndarray]

    @staticmethod
    def of(name: str, frames: int = 4) -> "Design":
        """One of the networks, for a small board, and so many frames."""
        network = GRAPHS[name]()
        made = plan(network, small_board(dsp=100), fps=100e6 / TARGET)
        tensors = golden.run(network, random_frames(network, frames))
        return Design(network, Graph.of(network), made, tensors)

    def queues(self) -> Iterator[tuple[str, Edge, QueuePlan]]:
        """Each queue's module, the edge that it is on, and its plan."""
        modules = module_names(self.graph)
        for edge in (edge for edges in self.graph.edges.values() for edge in edges):
            if edge.name in self.plan.queues:
                module = queue_name(modules[edge.target], edge.port)
                yield module, edge, self.plan.queues[edge.name]

    def carried(self, edge: Edge) -> np.ndarray:
        """What an edge carries: all of a tensor, or the pixels of it that a tap reads."""
        codes = self.tensors[edge.tensor]
        stride = self.network.op(edge.target).stride if edge.tap else 1
        return codes[:, ::stride, ::stride]

    def inner(self) -> dict[str, Monitor]:
        """Monitors of every tensor but the pixels and the class sums."""
        *paths, _ = stream_paths(self.graph).items()
        return {
            path: self._monitor(self.plan.nodes[name].lanes, name, self.tensors[name])
            for name, path in paths
        }

    def waiting(self) -> dict[str, Monitor]:
        """Monitors of both ends of every queue."""
        return {
            f"{module}.{end}": self._monitor(queue.lanes, edge.tensor, self.carried(edge))
            for module, edge, queue in self.queues()
            for end in "io"
        }

    def _monitor(self, lanes: int, tensor: str, codes: np.ndarray) -> Monitor:
        shape: Shape = signed(8) if self.network.tensors[tensor].signed else unsigned(8)
        return Monitor(lane_stream(lanes, shape), codes)

    def run(self, bench: StreamBench, monitors: dict[str, Monitor], **stalls: Any) -> Result:
        """Play all frames; the class sums and what is monitored must be the golden model's."""
        frames, sums = (self.tensors[name] for name in ("input", self.network.ops[-1].name))
        return bench.run({"i": frames}, {"o": sums}, monitors=monitors, **stalls)


def most_held(result: Result, queue: str) -> int:
    """Transfers that a queue held at once."""
    came, went = (np.sort(result.stamps[f"{queue}.{end}"]) for end in "io")
    return int((np.arange(1, len(came) + 1) - np.searchsorted(went, came, side="right")).max())


def check_queues(design: Design, result: Result) -> None:
    """Check that no queue overflows, and that those for a longer path are needed."""
    analysed = waits(design.graph, design.plan.cycles, design.plan.nodes)
    for module, _, queue in design.queues():
        held = most_held(result, module)
        assert 0 < held <= queue.depth + 1, module
        pixels = analysed[queue.join].pixels
        if pixels > TELLING:
            transfers = queue.depth / queue.pixels
            assert held / transfers >= FILLED * pixels, module


@pytest.mark.parametrize("name", GRAPHS)
def test_every_tensor_and_the_pace_are_as_told(name: str, tmp_path: Path):
    design = Design.of(name)
    bench = StreamBench(Accelerator(design.network, design.plan), "accelerator", tmp_path)
    for seed, stalls in enumerate(STALLS):
        design.run(bench, design.inner(), stalls=stalls, seed=seed)
    result = design.run(bench, design.waiting())
    assert result.period("o") == pytest.approx(design.plan.cycles, rel=0.01)
    check_queues(design, result)


def test_queues_of_rejoining_paths_are_among_them():
    telling = {
        name
        for name in GRAPHS
        for design in [Design.of(name, frames=1)]
        for wait in waits(design.graph, design.plan.cycles, design.plan.nodes).values()
        if wait.pixels > TELLING
    }
    assert telling >= {"complex_bypass", "bypass_two_modules", "resnet_stride"}
