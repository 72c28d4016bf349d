"""A simulated board in this process: the emitted design, compiled by Verilator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gen.errors import FirebrickError
from host.transport import Transport


class SimTransport(Transport):
    """The byte streams of the board's shell, clock cycle for clock cycle.

    The clock stands still between calls: a read runs the design until the bytes are there, so
    time-outs are in cycles without a byte moving, and are raised by the simulator.

    Parameters
    ----------
    folder : path
        What ``python -m gen`` wrote for a board. The compiled simulation is kept there.
    progress : callable, optional
        Told how compiling goes; see :data:`sim.verilate.Progress`.
    """

    def __init__(
        self, folder: str | Path, *, progress: Callable[[str, int, int], None] | None = None
    ):
        # Only a simulated board needs the simulator and its tools.
        from sim.simulator import Simulator
        from sim.verilate import build

        verilog = Path(folder) / "sim_top.v"
        if not verilog.is_file():
            raise FirebrickError(
                f"{folder}: holds no generated board (no {verilog.name}); "
                "run `python -m gen --board BOARD --out FOLDER` first"
            )
        self._name = f"simulation of {folder}"
        self._simulator = Simulator(build(verilog, Path(folder) / "sim", progress=progress))
        self._pending = b""

    @property
    def name(self) -> str:
        """The folder."""
        return self._name

    @property
    def cycles(self) -> int:
        """Clock cycles simulated so far."""
        return self._simulator.cycles

    def write(self, data: bytes) -> None:
        """Keep ``data`` for the next read, which runs the design."""
        self._pending += data

    def read(self, count: int, timeout: float) -> bytes:
        """Run the design until ``count`` bytes are there; not at all without a time-out."""
        if timeout <= 0:
            return b""
        moved = self._simulator.run(self._pending, count, drain=False)
        self._pending = self._pending[moved.taken :]
        return moved.data

    def close(self) -> None:
        """End the simulation."""
        self._simulator.close()
