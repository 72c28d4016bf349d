"""What the planner and the emitter need to know of a board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Literal

from amaranth.build import Platform

from boards.bridge import FT2232H, Bridge

Family = Literal["xc7", "ecp5"]
"""``"xc7"``: AMD 7-series, DSP48E1 and RAMB18/36. ``"ecp5"``: Lattice ECP5, MULT18X18D, DP16KD."""

TOP = "top"
"""The module that is the whole chip, and the stem of its files."""
RAMB36_BITS = 36 * 1024


@dataclass(frozen=True)
class BuildStep:
    """A command to run in an emitted folder, and what for."""

    command: str
    purpose: str


@dataclass(frozen=True)
class Resources:
    """An FPGA's resources, or a design's use of them.

    Attributes
    ----------
    lut : int
        Look-up tables, those used as memory included: 6 inputs on 7-series, 4 on ECP5.
    ff : int
        Flip-flops.
    dsp : int
        Multiplier blocks: DSP48E1 on 7-series, MULT18X18D on ECP5.
    bram36 : float
        36 Kib block RAMs; a half is a RAMB18 on 7-series, a DP16KD on ECP5.
    """

    lut: int
    ff: int
    dsp: int
    bram36: float


@dataclass(frozen=True)
class Phy:
    """The chip between a board's FPGA and its Ethernet socket.

    Attributes
    ----------
    kind : "mii" or "rgmii"
        How it is wired: 100 Mb/s on four bits and 25 MHz, or 1 Gb/s on four bits, both edges and
        125 MHz.
    resource : str
        Its pins, by the platform's name for them.
    control : str
        What the pins ``rx_ctl`` and ``tx_ctl`` of RGMII end in on that platform.
    reference : str or None
        A pin on which it wants 25 MHz from the FPGA.
    rx_delay_taps : int
        Of the FPGA's delays of RGMII's inputs: 78 ps each on 7-series, 25 on ECP5.
    rx_margin_ns : float or None
        How long before and after each edge of the receive clock the data are steady at the
        FPGA's pins, where the PHY moves that clock amid them; None where nobody asks.
    """

    kind: Literal["mii", "rgmii"]
    resource: str
    control: str = "ctl"
    reference: str | None = None
    rx_delay_taps: int = 0
    rx_margin_ns: float | None = None

    @property
    def clock_hz(self) -> int:
        """Of each direction."""
        return 25_000_000 if self.kind == "mii" else 125_000_000

    @property
    def bits_per_second(self) -> int:
        """Of the line."""
        return 100_000_000 if self.kind == "mii" else 1_000_000_000

    @property
    def width(self) -> int:
        """Bits that the Ethernet core handles a clock cycle: enough to keep up with the line."""
        return 8 if self.kind == "mii" else 32


@dataclass(frozen=True)
class Station:
    """A board's place on a LAN.

    Attributes
    ----------
    address : IPv4Address
    mac : int
        48 bits, the first byte highest.
    port : int
        Of UDP.
    """

    address: IPv4Address
    mac: int
    port: int


@dataclass(frozen=True)
class Board:
    """A board: its part, what it holds, how fast its clock and its links are.

    Attributes
    ----------
    name : str
        As ``--board`` takes it.
    title : str
        For people.
    part : str
        Full device name, with package and speed grade.
    loader : str
        What openFPGALoader calls it; ``--list-boards`` says. Empty if the board has no cable for
        JTAG of its own.
    idcode : int
        That the FPGA gives on JTAG. What the highest four bits say, a revision or a relative, is
        not looked at.
    resources : Resources
        The device's budget.
    clock_hz : int
        Clock of the accelerator unless ``--clock`` says otherwise.
    baud : int
        Of the UART link.
    platform : callable
        Makes the ``amaranth`` platform, one of ``boards/seven_series.py`` or ``boards/ecp5.py``.
    bridge : Bridge
        Between its UART and USB.
    family : str
        Of the FPGA: which multipliers and memories it has.
    phy : Phy or None
        If it has Ethernet.
    station : Station or None
        Where it is on the LAN, if its link is Ethernet; that needs a ``phy``. Otherwise the
        link is its UART.
    coded : bool
        It is to take coded frames, too.
    keyed : bool
        Whoever gives it new contents needs its key; only of a network that can have such.
    beat_bits : int or None
        If it is no board but a place for an IP core, in a chip of whatever else: the width of the
        core's AXI4-Stream of pixels. :func:`boards.core.core_target` makes these.
    """

    name: str
    title: str
    part: str
    loader: str
    idcode: int
    resources: Resources
    clock_hz: int
    baud: int
    platform: Callable[[], Platform]
    bridge: Bridge = FT2232H
    family: Family = "xc7"
    phy: Phy | None = None
    station: Station | None = None
    coded: bool = False
    keyed: bool = False
    beat_bits: int | None = None

    @property
    def memory_bits(self) -> int:
        """Bits of all its block RAM, parity bits included."""
        return int(self.resources.bram36 * RAMB36_BITS)
