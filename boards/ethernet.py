"""A board on Ethernet: all but its clock and its pads."""

from typing import Any

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, ClockSignal, Instance, Module, ResetSignal, Signal, Value
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from boards.board import Phy
from boards.clocking import ClockGenerator
from hw.link.datagrams import DatagramPort
from hw.link.shell import Shell
from protocol.messages import DeviceInfo

CORE = "liteeth_core"
"""The module that does UDP, IP, ARP and the answers to pings."""
CORE_CLOCKS = ("eth_rx_clk", "eth_tx_clk")
"""Its nets that drive what belongs to an RGMII PHY."""
PHY_RESET_SECONDS = 20e-3
"""How long a PHY's reset lasts; the slowest asks for half of it."""
REFERENCE_HZ = 25_000_000
MII_INPUTS = {"rx_dv": 1, "rx_er": 1, "rx_data": 4, "col": 1, "crs": 1}
MII_OUTPUTS = {"tx_en": 1, "tx_data": 4}
"""Widths of an MII PHY's pins, but for its clocks."""


def rgmii_ports(phy: Phy) -> dict[str, str]:
    """What the pins of an RGMII PHY are called where an emitted :class:`EthernetBoard` has them."""
    ends = {"rx_ctl": f"rx_{phy.control}", "tx_ctl": f"tx_{phy.control}"}
    pins = ("rx_clk", "rx_ctl", "rx_data", "tx_clk", "tx_ctl", "tx_data")
    return {pin: f"{phy.resource}_0__{ends.get(pin, pin)}__io" for pin in pins}


class EthernetBoard(wiring.Component):
    """The shell at the UDP port of a Ethernet core.

    Parameters
    ----------
    shell : Shell
    info : DeviceInfo
        Of that shell.
    phy : Phy
    clock_hz : int

    Members
    -------
    i_phy_reset : In(1)
        The PHY is in reset.
    i_rx_clk, i_tx_clk, i_rx_dv, i_rx_er, i_rx_data, i_col, i_crs, o_tx_en, o_tx_data
        The PHY, where it is wired as MII. RGMII has no signals inside the chip: there the core
        has buffers of its own, and delays in them.
    o_busy, o_wrong : Out(1)
        See :class:`hw.link.shell.Shell`.
    """

    def __init__(self, shell: Shell, info: DeviceInfo, phy: Phy, clock_hz: int):
        self._shell, self._info = shell, info
        self._phy, self._clock_hz = phy, clock_hz
        self._pins: Any = None
        """Of an RGMII PHY, once the pads are connected."""
        mii = {}
        if phy.kind == "mii":
            mii = {
                **{"i_rx_clk": In(1), "i_tx_clk": In(1)},
                **{f"i_{name}": In(width) for name, width in MII_INPUTS.items()},
                **{f"o_{name}": Out(width) for name, width in MII_OUTPUTS.items()},
            }
        super().__init__({"i_phy_reset": In(1), **mii, "o_busy": Out(1), "o_wrong": Out(1)})

    def elaborate(self, platform: Platform) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.shell = shell = self._shell
        m.submodules.port = port = DatagramPort(self._info, self._phy.width)
        wiring.connect(m, port.o_packets, shell.i)
        wiring.connect(m, shell.o, port.i_packets)
        m.submodules.ethernet = self._ethernet_core(port, platform)
        m.d.comb += [
            port.i_adopt.eq(shell.o_adopt),
            shell.i_lost.eq(port.o_lost),
            self.o_busy.eq(shell.o_busy),
            self.o_wrong.eq(shell.o_wrong),
        ]
        return m

    def _ethernet_core(self, port: DatagramPort, platform: Platform) -> Instance:
        """What is between datagrams and PHY."""
        word, answer = port.i.payload, port.o.payload
        pads = self._mii() if self._phy.kind == "mii" else self._rgmii()
        return Instance(
            CORE,
            i_sys_clock=ClockSignal(),
            i_sys_reset=ResetSignal(),
            i_phy_reset=self.i_phy_reset,
            o_rx_valid=port.i.valid,
            i_rx_ready=port.i.ready,
            o_rx_data=word.data,
            o_rx_last_be=word.keep,
            o_rx_last=word.last,
            o_rx_error=word.error,
            o_rx_address=word.peer.address,
            o_rx_port=word.peer.port,
            i_tx_valid=port.o.valid,
            o_tx_ready=port.o.ready,
            i_tx_data=answer.data,
            i_tx_last=answer.last,
            i_tx_length=answer.length,
            i_tx_address=answer.peer.address,
            i_tx_port=answer.peer.port,
            **pads,
        )

    def _mii(self) -> dict[str, Any]:
        """The core's ports to an MII PHY."""
        return {
            "i_mii_clocks_rx": self.i_rx_clk,
            "i_mii_clocks_tx": self.i_tx_clk,
            **{f"i_mii_{name}": getattr(self, f"i_{name}") for name in MII_INPUTS},
            **{f"o_mii_{name}": getattr(self, f"o_{name}") for name in MII_OUTPUTS},
        }

    def _rgmii(self) -> dict[str, Any]:
        """The core's ports to an RGMII PHY: its pins as they are."""
        pins, control = self._pins, self._phy.control
        return {
            "i_rgmii_clocks_rx": pins.rx_clk.io,
            "o_rgmii_clocks_tx": pins.tx_clk.io,
            "i_rgmii_rx_ctl": getattr(pins, f"rx_{control}").io,
            "i_rgmii_rx_data": pins.rx_data.io,
            "o_rgmii_tx_ctl": getattr(pins, f"tx_{control}").io,
            "o_rgmii_tx_data": pins.tx_data.io,
        }

    def connect_pads(self, m: Module, platform: Platform, clock: ClockGenerator) -> None:
        """Add the PHY's pads to the top, with their clocks and the PHY's reset.

        Parameters
        ----------
        m : Module
            The top.
        platform : Platform
            With the pins of the PHY.
        clock : ClockGenerator
            Of the top: its oscillator aligns RGMII inputs, and makes the clock of a PHY that
            wants one.
        """
        phy = self._phy
        self._pins = pins = platform.request(phy.resource, 0, dir="-")
        platform.add_clock_constraint(pins.rx_clk.io, phy.clock_hz)
        if phy.kind == "mii":
            platform.add_clock_constraint(pins.tx_clk.io, phy.clock_hz)
            self._connect_mii(m, platform)
        else:
            self._constrain_rgmii(platform)
            platform.align_inputs(m, clock.oscillator)
        if phy.reference is not None:
            hz = int(platform.default_clk_frequency)
            pin = platform.request(phy.reference, 0, dir="-")
            m.submodules.phy_clock = buffer = io.Buffer("o", pin)
            m.d.comb += buffer.o.eq(_divided(m, platform, clock.oscillator, hz // REFERENCE_HZ))
        self._reset_phy(m)

    def _connect_mii(self, m: Module, platform: Platform) -> None:
        """Buffers for all pins, and the clocks over the global network."""
        for name in MII_INPUTS:
            m.submodules[f"mii_{name}"] = buffer = io.Buffer("i", getattr(self._pins, name))
            m.d.comb += getattr(self, f"i_{name}").eq(buffer.i)
        for name in MII_OUTPUTS:
            m.submodules[f"mii_{name}"] = buffer = io.Buffer("o", getattr(self._pins, name))
            m.d.comb += buffer.o.eq(getattr(self, f"o_{name}"))
        for name in ("rx_clk", "tx_clk"):
            m.submodules[f"mii_{name}"] = buffer = io.Buffer("i", getattr(self._pins, name))
            m.submodules[f"mii_{name}_network"] = part = Module()
            clock = getattr(self, f"i_{name}")
            platform.distribute_clock(part, buffer.i, clock)
            platform.add_clock_constraint(clock, self._phy.clock_hz)

    def _constrain_rgmii(self, platform: Platform) -> None:
        """Say what the tools cannot know of the core's clocks and inputs."""
        phy, pins = self._phy, self._pins
        platform.constrain_nets((f"board.ethernet.{net}" for net in CORE_CLOCKS), phy.clock_hz)
        if phy.rx_margin_ns is not None:
            data = (getattr(pins, f"rx_{phy.control}").io, pins.rx_data.io)
            platform.constrain_inputs(pins.rx_clk.io, data, phy.rx_margin_ns)

    def _reset_phy(self, m: Module) -> None:
        """Hold the PHY in reset for a while after the board's own."""
        cycles = int(self._clock_hz * PHY_RESET_SECONDS)
        left, reset = Signal(range(cycles), init=cycles - 1), Signal(init=1)
        with m.If(reset):
            m.d.sync += [left.eq(left - 1), reset.eq(left != 0)]
        m.submodules.phy_reset = buffer = io.Buffer("o", self._pins.rst)
        m.d.comb += [buffer.o.eq(reset), self.i_phy_reset.eq(reset)]


def _divided(m: Module, platform: Platform, source: Value, ratio: int) -> Signal:
    """A clock of an even part of another one's frequency, straight from a register."""
    m.domains.oscillator = domain = ClockDomain(reset_less=True)
    platform.add_clock_constraint(domain.clk, platform.default_clk_frequency)
    m.submodules.oscillator_network = part = Module()
    platform.distribute_clock(part, source, ClockSignal("oscillator"))
    half = ratio // 2
    count, divided = Signal(range(max(half, 2))), Signal()
    m.d.oscillator += count.eq(count + 1)
    with m.If(count == half - 1):
        m.d.oscillator += [count.eq(0), divided.eq(~divided)]
    return divided
