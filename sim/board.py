"""A simulated board on a pseudo-terminal, for programs that expect a serial port.

What runs is the emitted board top without its clock generator and pads, at the far end of a serial
line of bits whose other end is a UART as on the board; or, faster, the top without its UART.
"""

from __future__ import annotations

import json
import os
import select
import tempfile
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards.board import TOP
from gen.emit import MANIFEST, SERIAL_BOARD, SIM_TOP
from gen.errors import FirebrickError
from gen.rtlil import extract, write_rtlil
from hw.uart import UartReceiver, UartTransmitter
from sim.frames import GeneratedBoard
from sim.simulator import Simulator
from sim.verilate import Progress, build

SLICE = 2_000
"""Cycles between two looks at the pseudo-terminal."""
LINGER = 2_000_000
"""Cycles without a byte, after which the clock stops until the next one."""
PATIENT = 100
"""Clock cycles a byte up to which a simulated line is fast enough for people and for time-outs."""
_AT_ONCE = 1 << 16


@dataclass(frozen=True)
class Line:
    """The serial line of an emitted board."""

    clock_hz: int
    baud: int

    @property
    def cycles_per_byte(self) -> float:
        """Clock cycles from byte to byte."""
        return 10 * self.clock_hz / self.baud

    @staticmethod
    def load(folder: Path) -> Line:
        """Read it from the folder's manifest."""
        path = folder / MANIFEST
        try:
            entry = json.loads(path.read_text())
            return Line(int(entry["clock_hz"]), int(entry["baud"]))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise FirebrickError(
                f"{path}: does not tell clock and baud rate ({error!r}); generate the board again"
            ) from None


class FarEnd(wiring.Component):
    """The host's end of a board's serial line, with the board as a module called ``module``.

    Parameters
    ----------
    line : Line

    Members
    -------
    i, o : In, Out(stream.Signature(8))
        Bytes to and from the board.
    """

    def __init__(self, line: Line):
        self._line = line
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        """Build the hardware."""
        m = Module()
        line = self._line
        m.submodules.transmitter = transmitter = UartTransmitter(line.clock_hz, line.baud)
        m.submodules.receiver = receiver = UartReceiver(line.clock_hz, line.baud)
        lights = Signal(3)
        m.submodules.board = Instance(
            "module",
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_i_rx=transmitter.o_tx,
            o_o_tx=receiver.i_rx,
            o_o_lights=lights,
        )
        wiring.connect(m, receiver.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        return m


def build_board(
    board: GeneratedBoard, *, line: Line | None, progress: Progress | None = None
) -> Path:
    """Compile a simulation of the board: with its serial line, or of its bytes.

    Returns
    -------
    Path
        The shared library, for :class:`sim.simulator.Simulator`.
    """
    if line is None:
        return build(board.verilog, board.simulation(), progress=progress)
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        far_end, verilog = Path(work) / "far_end.il", Path(work) / "board.v"
        write_rtlil(FarEnd(line), far_end, SIM_TOP)
        extract(board.folder / f"{TOP}.il", SERIAL_BOARD, far_end, SIM_TOP, verilog)
        return build(verilog, board.folder / "sim_board", progress=progress)


class Terminal:
    """A simulated board behind a pseudo-terminal. Use it as a context manager.

    Parameters
    ----------
    simulator : Simulator
        Of a board's bytes.

    Attributes
    ----------
    port : str
        What a program opens as its serial port.
    """

    def __init__(self, simulator: Simulator):
        self._simulator = simulator
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.port = os.ttyname(self._theirs)
        self._inwards = b""
        self._outwards = b""
        self._quiet = 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._theirs)
        os.close(self._ours)

    def serve(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Run the board until ``stopped`` says so, which is asked every now and then."""
        while not stopped():
            idle = self._quiet >= LINGER
            self._exchange(0.1 if idle else 0.0)
            if idle and not self._inwards:
                continue
            moved = self._simulator.advance(self._inwards, SLICE)
            self._inwards = self._inwards[moved.taken :]
            self._outwards += moved.data
            self._quiet = 0 if moved.taken or moved.data else self._quiet + SLICE

    def _exchange(self, timeout: float) -> None:
        """Take what the program wrote, and give it what the board said."""
        writes = [self._ours] if self._outwards else []
        # No more is taken than the board can use soon, so that the program feels the line's speed.
        reads = [self._ours] if len(self._inwards) < SLICE else []
        readable, writable, _ = select.select(reads, writes, [], timeout)
        if readable:
            self._inwards += os.read(self._ours, _AT_ONCE)
        if writable:
            written = os.write(self._ours, self._outwards)
            self._outwards = self._outwards[written:]
