"""Networks through plan and simulation, each network once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.designs import emitted
from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from sim import golden
from sim.frames import simulate
from sim.simulator import Simulator
from sim.verilate import build

BOARD, ROOMY = "arty_a7", "genesys2"
"""What networks are planned for, and what for where that does not hold them."""
CYCLES = 20_000
"""A frame, or as many as it has pixels: the smallest design that is as fast simulates soonest."""


@dataclass(frozen=True)
class Simulated:
    """What came of frames.

    Attributes
    ----------
    board : str
    cycles : int
        A frame, as planned.
    differing : int
        Frames whose class sums are not the golden model's.
    """

    board: str
    cycles: int
    differing: int


class Simulations:
    """Simulates networks, and remembers what came of them.

    Plan, hardware and class sums follow from a network's integers; those that have the same are
    simulated once.
    """

    def __init__(self) -> None:
        self._done: dict[bytes, Simulated] = {}

    def of(self, network: QuantizedNetwork, frames: np.ndarray) -> Simulated:
        """What the hardware makes of frames, which must follow from the network.

        Parameters
        ----------
        network : QuantizedNetwork
        frames : uint8 array (N, H, W, C)

        Raises
        ------
        FirebrickError
            If neither board holds the network.
        """
        if network.digest not in self._done:
            self._done[network.digest] = _simulated(network, frames)
        return self._done[network.digest]


def _simulated(network: QuantizedNetwork, frames: np.ndarray) -> Simulated:
    cycles = max(CYCLES, 2 * int(np.prod(network.input.shape[:2])))
    try:
        return _on(BOARD, network, frames, cycles)
    except FirebrickError:
        return _on(ROOMY, network, frames, cycles)


def _on(board: str, network: QuantizedNetwork, frames: np.ndarray, cycles: int) -> Simulated:
    """The same, on a board."""
    target = BOARDS[board]
    with (
        emitted(target, network, fps=target.clock_hz / cycles) as (made, folder),
        Simulator(build(folder.sim_verilog, folder.simulation)) as simulator,
    ):
        sums = simulate(simulator, network, frames).sums
    differing = (sums != golden.class_sums(network, frames)).any(axis=1)
    return Simulated(board, made.cycles, int(differing.sum()))
