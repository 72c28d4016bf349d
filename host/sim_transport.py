"""A simulated board in this process: the emitted design, compiled by Verilator."""

from __future__ import annotations

from gen.common.build_folder import BuildFolder
from gen.common.progress import SILENT, Progress
from host.transport import Transport

CYCLES_PER_SECOND = 1_000_000
"""About what a simulation does, so that time-outs fit people's patience too."""
SLICE = 500
"""Cycles between two looks at what came."""


class SimTransport(Transport):
    """The byte streams of the board's shell, clock cycle for clock cycle.

    Time is the design's: it stands still between calls, and a second is a million clock cycles.

    Parameters
    ----------
    folder : BuildFolder
        What ``python -m gen`` wrote for a board. The compiled simulation is kept there.
    progress : Progress
        Told how compiling goes.
    cycles_per_second : int
        Of the clock that time-outs go by.
    """

    def __init__(
        self,
        folder: BuildFolder,
        *,
        progress: Progress = SILENT,
        cycles_per_second: int = CYCLES_PER_SECOND,
    ):
        # Only a simulated board needs the simulator and its tools.
        from sim.simulator import Simulator
        from sim.verilate import build

        folder.require(folder.sim_verilog)
        self._name = f"simulation of {folder}"
        library = build(folder.sim_verilog, folder.simulation, progress=progress)
        self._simulator = Simulator(library)
        self._pending = b""
        self._before = 0
        self._cycles_per_second = cycles_per_second

    @property
    def name(self) -> str:
        """The folder."""
        return self._name

    @property
    def first(self) -> int:
        """Always the same, since no earlier session's answers can come: runs are repeatable."""
        return 0

    @property
    def cycles(self) -> int:
        """Clock cycles simulated so far."""
        return self._before + self._simulator.cycles

    def write(self, data: bytes) -> None:
        """Keep ``data`` for the next read, which runs the design."""
        self._pending += data

    def now(self) -> float:
        """Clock cycles simulated so far, as seconds."""
        return self.cycles / self._cycles_per_second

    def read(self, timeout: float) -> bytes:
        """Run the design until a byte comes, or for ``timeout`` seconds of its time."""
        end = self.cycles + timeout * self._cycles_per_second
        while True:
            moved = self._simulator.advance(self._pending, SLICE)
            self._pending = self._pending[moved.taken :]
            if moved.data or self.cycles >= end:
                return moved.data

    def reset(self) -> None:
        """Press the board's reset button; what was on its way to it is lost."""
        cycles = self._simulator.cycles
        self._simulator.reset()
        self._before += cycles
        self._pending = b""

    def close(self) -> None:
        """End the simulation."""
        self._simulator.close()
