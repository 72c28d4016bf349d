"""A simulated board with its link, bit by bit.

What runs is the emitted board top without its clock generator and pads, at the far end of a serial
line of bits whose other end is a UART as on the board, or behind an Ethernet PHY; or, faster, the
top without its UART.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards import BOARDS
from boards.board import TOP, Phy, Station
from gen.backend.emit import BOARD, MANIFEST, SIM_TOP
from gen.backend.ethernet_core import CORE_FILE
from gen.backend.rtlil import MODULE, extract, write_rtlil
from gen.common.errors import FirebrickError
from hw.link.uart import UartReceiver, UartTransmitter
from sim.frames import GeneratedBoard
from sim.mii import MiiPhy
from sim.rgmii import TICK_HZ, RgmiiPhy
from sim.verilate import Progress, build

CELLS = Path(__file__).parent / "cells"
"""What the cells of the network core do that Yosys has no models of, by family."""
_XILINX_CELLS = "read_verilog -defer +/xilinx/cells_sim.v"
_MALFORMED = (OSError, RecursionError, ArithmeticError, LookupError, TypeError, ValueError)
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
class Network:
    """The Ethernet of an emitted board."""

    clock_hz: int
    station: Station
    phy: Phy

    @property
    def tick_hz(self) -> int:
        """Of the simulation's clock: the board's, or a faster one that the line needs."""
        return self.clock_hz if self.phy.kind == "mii" else TICK_HZ


def load_link(folder: Path) -> Line | Network:
    """Read from a folder's manifest what link its board has.

    Raises
    ------
    FirebrickError
        If it does not tell.
    """
    path = folder / MANIFEST
    try:
        return _link(json.loads(path.read_text()))
    except _MALFORMED as error:
        raise FirebrickError(
            f"{path}: does not tell clock and link ({error!r}); generate the board again"
        ) from None


def _link(entry: dict[str, Any]) -> Line | Network:
    """The link of a manifest; whatever is wrong raises as it happens to."""
    clock_hz = _positive(entry["clock_hz"])
    if entry["link"] == "uart":
        return Line(clock_hz, _positive(entry["baud"]))
    mac, port = _positive(entry["mac"]), _positive(entry["udp_port"])
    if mac >= 1 << 48 or port >= 1 << 16:
        raise ValueError(f"there is no MAC address {mac} or port {port}")
    phy = BOARDS[entry["board"]].phy
    if phy is None:
        raise ValueError(f"{entry['board']} has no Ethernet")
    return Network(clock_hz, Station(IPv4Address(entry["ip"]), mac, port), phy)


def _positive(value: object) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} where a number should be")
    return value


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
            i_clk=ClockSignal(),
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
    board: GeneratedBoard, *, link: Line | Network | None, progress: Progress | None = None
) -> Path:
    """Compile a simulation of the board: with its link, or of its bytes.

    Returns
    -------
    Path
        The shared library, for :class:`sim.simulator.Simulator`: of bytes to the board and from
        it; with Ethernet, of nibbles as :mod:`sim.mii` has them.
    """
    if link is None:
        return build(board.verilog, board.simulation(), progress=progress)
    around, also = _around(board, link)
    with tempfile.TemporaryDirectory(prefix="firebrick-") as work:
        rtlil, verilog = Path(work) / "around.il", Path(work) / "board.v"
        write_rtlil(around, rtlil, SIM_TOP)
        extract(board.folder / f"{TOP}.il", BOARD, rtlil, SIM_TOP, verilog, also=also)
        return build(verilog, board.folder / "sim_board", progress=progress)


def _around(board: GeneratedBoard, link: Line | Network) -> tuple[wiring.Component, list[str]]:
    """The other end of a board's link, and Yosys commands that read what else is needed there."""
    if isinstance(link, Line):
        return FarEnd(link), []
    core = f'read_verilog "{board.folder / CORE_FILE}"'
    if link.phy.kind == "mii":
        # The core has the vendor's flip-flops where resets cross clocks.
        return MiiPhy(link.clock_hz), [core, _XILINX_CELLS]
    family = BOARDS[board.plan.board].family
    also = [core, f'read_verilog "{CELLS / family}.v"', _XILINX_CELLS]
    return RgmiiPhy(link.phy, link.clock_hz), also
