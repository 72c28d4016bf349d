"""The PHY of a simulated board whose Ethernet is RGMII: a nibble at each edge of 125 MHz.

To and from the simulation go the nibbles of :mod:`sim.mii`, the lower half of a byte first. The
line is faster than most boards' clocks, and the shell must bear that. So the simulation runs by
ticks of 2 ns, of which a nibble takes two; the board's clock is made of them, too.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Instance, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards.board import Phy
from boards.ethernet import rgmii_ports
from gen.backend.rtlil import MODULE
from sim.mii import DATA_VALID, ERROR, clock_of

TICK_HZ = 500_000_000
RESET_TICKS = 200
"""How long the board's reset lasts: it has to meet some edges of every clock."""
_LINK_UP = 0b1101
"""On the line between Ethernet frames: full duplex, 125 MHz, link up."""


class RgmiiPhy(wiring.Component):
    """A PHY around a board whose Ethernet is RGMII, the board as a module called ``module``.

    The line changes a tick before the edge of its clock that it is meant for, so that clocks come
    in the middle of nibbles: what the delays in PHY and FPGA are for, which are left out.

    Parameters
    ----------
    phy : Phy
    clock_hz : int
        Of the board, up to 250 MHz.

    Members
    -------
    i, o : In, Out(stream.Signature(8))
        Nibbles to and from the board.
    """

    def __init__(self, phy: Phy, clock_hz: int):
        self._phy, self._clock_hz = phy, clock_hz
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        """Build the hardware."""
        m = Module()
        clock, _ = clock_of(m, self._clock_hz, TICK_HZ)
        left, reset = Signal(range(RESET_TICKS), init=RESET_TICKS - 1), Signal(init=1)
        with m.If(reset):
            m.d.sync += [left.eq(left - 1), reset.eq(left != 0)]
        rx_clk, rx_data, rx_ctl = Signal(), Signal(4), Signal()
        tx_clk, tx_data, tx_ctl = Signal(), Signal(4), Signal()
        ports = rgmii_ports(self._phy)
        m.submodules.board = Instance(
            MODULE,
            i_clk=clock,
            i_rst=reset,
            i_i_phy_reset=reset,
            o_o_busy=Signal(),
            o_o_wrong=Signal(),
            **{f"i_{ports['rx_clk']}": rx_clk, f"i_{ports['rx_data']}": rx_data},
            **{f"i_{ports['rx_ctl']}": rx_ctl, f"o_{ports['tx_clk']}": tx_clk},
            **{f"o_{ports['tx_data']}": tx_data, f"o_{ports['tx_ctl']}": tx_ctl},
        )
        self._inwards(m, rx_clk, rx_data, rx_ctl)
        self._outwards(m, tx_clk, tx_data, tx_ctl)
        return m

    def _inwards(self, m: Module, clock: Signal, data: Signal, control: Signal) -> None:
        """The line to the board: data, rising edge, data, falling edge."""
        nibble = self.i.payload
        valid, error = nibble & DATA_VALID != 0, nibble & ERROR != 0
        phase, whole = Signal(2), Signal()
        shown = self.i.valid & self.i.ready
        m.d.sync += [phase.eq(phase + 1), clock.eq(phase.matches(1, 2))]
        # The second half of a byte comes at the falling edge, or not at all.
        m.d.comb += self.i.ready.eq((phase == 0) | ((phase == 2) & whole))
        with m.If(~phase[0]):
            m.d.sync += data.eq(Mux(shown & valid, nibble[:4], _LINK_UP))
        with m.If(phase == 0):
            m.d.sync += [whole.eq(self.i.valid), control.eq(shown & valid)]
        with m.If(phase == 2):
            m.d.sync += control.eq(shown & (valid ^ error))

    def _outwards(self, m: Module, clock: Signal, data: Signal, control: Signal) -> None:
        """The line from the board, looked at a tick after each edge of its clock."""
        before, sending = Signal(), Signal()
        m.d.sync += before.eq(clock)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(clock != before):
            m.d.sync += sending.eq(control)
            with m.If(control | sending):
                m.d.sync += self.o.valid.eq(1)
                m.d.sync += self.o.payload.eq(Cat(data, control))
