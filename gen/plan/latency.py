"""How long the answer to a frame takes from its last packet on, and where the time goes."""

from __future__ import annotations

from dataclasses import dataclass

from boards.board import Board
from gen.ir.network import QuantizedNetwork
from gen.nodes.graph import Graph
from gen.plan.link import answer_seconds, packet_format, packet_seconds
from gen.plan.plan import Plan
from gen.plan.queues import lag
from hw.frames.pipeline import slots
from protocol.coding.rules import Steps
from protocol.coding.typical import typical_part


@dataclass(frozen=True)
class Latency:
    """Seconds from a frame's last packet to the answer, no other frame being on the board.

    Attributes
    ----------
    line_in : float
        The last packet on the line.
    decoder : float
        Its pixels out of the shell, or out of the decoder: they enter when all of the packet is
        there and its CRC is right.
    accelerator : float
        From there to the last class sum.
    line_out : float
        The class sums on the line.
    """

    line_in: float
    decoder: float
    accelerator: float
    line_out: float

    @property
    def parts(self) -> dict[str, float]:
        """By what they are called."""
        return {
            "line": self.line_in,
            "decoder": self.decoder,
            "accelerator": self.accelerator,
            "line back": self.line_out,
        }

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.parts.values())


def latency(network: QuantizedNetwork, board: Board, plan: Plan, graph: Graph) -> Latency:
    """What a plan's schedule and the line make of it; coded frames being typical photographs.

    Parameters
    ----------
    network : QuantizedNetwork
    board : Board
        With its link.
    plan : Plan
        Of that network; maybe for another link.
    graph : Graph
        Of the network.
    """
    info, shape = packet_format(network, board), network.input.shape
    part = typical_part(shape, Steps()) if board.coded else 1.0
    size = round(part * info.frame_bytes)
    last = (size - 1) % info.chunk + 1
    samples = last / part
    cycles = samples * (slots(shape) / shape[2] if board.coded else 1)
    pace = plan.cycles * samples / info.frame_bytes
    waits = lag(graph, plan.cycles, plan.nodes) + max(0.0, pace - cycles)
    return Latency(
        packet_seconds(board, last),
        cycles / plan.clock_hz,
        waits / plan.clock_hz,
        answer_seconds(network, board),
    )
