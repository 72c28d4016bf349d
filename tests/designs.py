"""Networks planned and assembled for simulation, every tensor and queue of them watched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Shape, signed, unsigned

from boards.board import Board
from gen.backend.assemble import Accelerator
from gen.backend.names import module_names, queue_name, stream_paths
from gen.ir.network import QuantizedNetwork
from gen.nodes.graph import Edge, Graph
from gen.plan.plan import Plan
from gen.plan.planner import plan
from gen.plan.queues import QueuePlan
from hw.stream.lane_stream import lane_stream
from sim import golden
from tests.harness import Monitor
from tests.harness.stream_bench import Bench, Result, StreamBench
from tests.networks import random_frames


@dataclass(frozen=True)
class Design:
    """A network, its plan, and the golden tensors of the frames that it is given."""

    network: QuantizedNetwork
    graph: Graph
    plan: Plan
    tensors: dict[str, np.ndarray]

    @staticmethod
    def of(network: QuantizedNetwork, board: Board, cycles: int, frames: int = 4) -> Design:
        """A network on a board, and random frames.

        Parameters
        ----------
        network : QuantizedNetwork
        board : Board
        cycles : int
            A frame, that will do.
        frames : int
        """
        made = plan(network, board, fps=board.clock_hz / cycles)
        tensors = golden.run(network, random_frames(network, frames))
        return Design(network, Graph.of(network), made, tensors)

    @property
    def hardware(self) -> Accelerator:
        """The accelerator."""
        return Accelerator(self.network, self.plan)

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

    def bench(self, folder: Path) -> StreamBench:
        """Build the accelerator, every tensor and queue in sight."""
        watched = {**self.inner(), **self.waiting()}
        return StreamBench(self.hardware, "accelerator", folder, monitored=watched)

    def run(self, bench: Bench, monitors: dict[str, Monitor], **stalls: Any) -> Result:
        """Play all frames; the class sums and what is monitored must be the golden model's."""
        frames, sums = (self.tensors[name] for name in ("input", self.network.ops[-1].name))
        return bench.run({"i": frames}, {"o": sums}, monitors=monitors, **stalls)


def most_held(result: Result, queue: str) -> int:
    """Transfers that a queue held at once."""
    came, went = (np.sort(result.stamps[f"{queue}.{end}"]) for end in "io")
    return int((np.arange(1, len(came) + 1) - np.searchsorted(went, came, side="right")).max())
