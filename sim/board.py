"""A simulated board with its link, bit by bit.

What runs is the emitted board top without its clock generator and pads, at the far end of a serial
line of bits whose other end is a UART as on the board, or behind an Ethernet PHY; or, faster, the
top without its UART.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards import BOARDS
from boards.board import Phy, Station
from gen.backend.emit import BOARD, SIM_TOP
from gen.backend.rtlil import MODULE, extract, write_rtlil
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import UartLink
from gen.common.progress import SILENT, Progress
from hw.link.uart import UartReceiver, UartTransmitter
from sim.frames import GeneratedBoard
from sim.mii import MiiPhy
from sim.rgmii import TICK_HZ, RgmiiPhy
from sim.verilate import build

CELLS = Path(__file__).parent / "cells"
"""What the cells of the Ethernet core do that Yosys has no models of, by family."""
_XILINX_CELLS = "read_verilog -defer +/xilinx/cells_sim.v"
PATIENT = 100
"""Clock cycles a byte up to which a simulated line is fast enough for people and for time-outs."""


@dataclass(frozen=True)
class Line:
    """The serial line of an emitted board."""

    clock_hz: int
    baud: int

    @property
    def cycles_per_byte(self) -> float:
        """Clock cycles from byte to byte."""
        return 10 * self.clock_hz / self.baud


@dataclass(frozen=True)
class Ethernet:
    """The Ethernet of an emitted board."""

    clock_hz: int
    station: Station
    phy: Phy

    @property
    def tick_hz(self) -> int:
        """Of the simulation's clock: the board's, or a faster one that the line needs."""
        return self.clock_hz if self.phy.kind == "mii" else TICK_HZ


def load_link(folder: BuildFolder) -> Line | Ethernet:
    """Read from a folder's manifest what link its board has.

    Raises
    ------
    FirebrickError
        If it does not tell, or its board has no such link.
    """
    manifest = folder.manifest()
    link = manifest.link
    if isinstance(link, UartLink):
        return Line(manifest.clock_hz, link.baud)
    phy = BOARDS[manifest.board].phy if manifest.board in BOARDS else None
    if phy is None:
        raise FirebrickError(
            f"{folder.manifest_path}: there is no board {manifest.board!r} with Ethernet; "
            f"{folder.remedy}"
        )
    return Ethernet(manifest.clock_hz, Station(link.ip, link.mac, link.udp_port), phy)


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
        m.submodules.board = Instance(
            MODULE,
            i_line_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_i_rx=transmitter.o_tx,
            o_o_tx=receiver.i_rx,
            o_o_busy=Signal(),
            o_o_wrong=Signal(),
        )
        wiring.connect(m, receiver.o, wiring.flipped(self.o))
        wiring.connect(m, wiring.flipped(self.i), transmitter.i)
        return m


def build_board(
    board: GeneratedBoard, *, link: Line | Ethernet | None, progress: Progress = SILENT
) -> Path:
    """Compile a simulation of the board: with its link, or of its bytes.

    Parameters
    ----------
    board : GeneratedBoard
    link : Line, Ethernet or None
        The link to simulate bit by bit, as :func:`load_link` finds it; None for bytes.
    progress : Progress

    Returns
    -------
    Path
        The shared library, for :class:`sim.simulator.Simulator`: of bytes to the board and from
        it; with Ethernet, of nibbles as :mod:`sim.mii` has them.
    """
    folder = board.folder
    if link is None:
        return build(folder.sim_verilog, folder.simulation, progress=progress)
    around, also = _around(board, link)
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        rtlil, verilog = Path(work) / "around.il", Path(work) / "board.v"
        write_rtlil(around, rtlil, SIM_TOP)
        extract(folder.design, BOARD, rtlil, SIM_TOP, verilog, also=also)
        return build(verilog, folder.simulation_with_link, progress=progress)


def _around(board: GeneratedBoard, link: Line | Ethernet) -> tuple[wiring.Component, list[str]]:
    """The other end of a board's link, and Yosys commands that read what else is needed there."""
    if isinstance(link, Line):
        return FarEnd(link), []
    core = f'read_verilog "{board.folder.ethernet_core}"'
    if link.phy.kind == "mii":
        # The core has the vendor's flip-flops where resets cross clocks.
        return MiiPhy(link.clock_hz), [core, _XILINX_CELLS]
    family = BOARDS[board.plan.board].family
    also = [core, f'read_verilog "{CELLS / family}.v"', _XILINX_CELLS]
    return RgmiiPhy(link.phy, link.clock_hz), also
