"""An AXI4-Lite slave: one access to a word at a time, with what it says of itself."""

from amaranth.hdl import Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.axi.signatures import AXI_LITE, DATA_BITS
from protocol.registers import ADDRESS_BITS

WORD_BITS = ADDRESS_BITS - 2
"""Of a word's address."""


class AxiLiteSlave(wiring.Component):
    """Takes addresses and data in whatever order they come; one write and one read at a time.

    A write is done when both its address and its data are there, which is two cycles or more after
    they came, and a read two cycles after its address; an answer waits as long as it must. Reads
    and writes do not wait for one another. The lowest two bits of addresses are not looked at: all
    accesses are as wide as the bus. In reset it takes nothing. No path crosses it.

    Parameters
    ----------
    waits : bool
        Accesses may have to wait for what is behind it.

    Members
    -------
    bus : In(AXI_LITE)
    o_write : Out(1)
        For one cycle: ``o_data`` is written to word ``o_write_word``, the bytes of it that
        ``o_strobe`` names.
    o_write_word : Out(10)
    o_data : Out(32)
    o_strobe : Out(4)
    i_write_response : In(2)
        In that cycle: how it ended.
    o_read : Out(1)
        For one cycle: the word ``o_read_word`` is read.
    o_read_word : Out(10)
        It holds in the next cycle, too.
    i_data : In(32)
        In the next cycle: what it holds.
    i_read_response : In(2)
        In the next cycle: how it ended.
    i_write_wait, i_read_wait : In(1)
        Only with ``waits``: not in this cycle. What waits is ``o_write_word`` or ``o_read_word``.
    o_reads : Out(1)
        Only with ``waits``: ``o_read_word`` is to be read.
    """

    def __init__(self, *, waits: bool = False):
        self._waits = waits
        members: dict[str, wiring.Member] = {
            "bus": In(AXI_LITE),
            "o_write": Out(1),
            "o_write_word": Out(WORD_BITS),
            "o_data": Out(DATA_BITS),
            "o_strobe": Out(DATA_BITS // 8),
            "i_write_response": In(2),
            "o_read": Out(1),
            "o_read_word": Out(WORD_BITS),
            "i_data": In(DATA_BITS),
            "i_read_response": In(2),
        }
        if waits:
            members |= {"i_write_wait": In(1), "i_read_wait": In(1), "o_reads": Out(1)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        self._writes(m)
        self._reads(m)
        return m

    def _writes(self, m: Module) -> None:
        bus = self.bus
        addressed, filled = Signal(), Signal()
        now = addressed & filled & ~bus.bvalid
        m.d.comb += [
            bus.awready.eq(~addressed & ~ResetSignal()),
            bus.wready.eq(~filled & ~ResetSignal()),
            self.o_write.eq(now & ~self.i_write_wait if self._waits else now),
        ]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [addressed.eq(1), self.o_write_word.eq(bus.awaddr[2:])]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [filled.eq(1), self.o_data.eq(bus.wdata), self.o_strobe.eq(bus.wstrb)]
        with m.If(self.o_write):
            m.d.sync += [
                addressed.eq(0),
                filled.eq(0),
                bus.bvalid.eq(1),
                bus.bresp.eq(self.i_write_response),
            ]
        with m.Elif(bus.bready):
            m.d.sync += bus.bvalid.eq(0)

    def _reads(self, m: Module) -> None:
        bus = self.bus
        addressed, looked = Signal(), Signal()
        now = addressed & ~looked & ~bus.rvalid
        m.d.comb += [
            bus.arready.eq(~addressed & ~ResetSignal()),
            self.o_read.eq(now & ~self.i_read_wait if self._waits else now),
        ]
        if self._waits:
            m.d.comb += self.o_reads.eq(now)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [addressed.eq(1), self.o_read_word.eq(bus.araddr[2:])]
        m.d.sync += looked.eq(self.o_read)
        with m.If(looked):
            m.d.sync += [
                addressed.eq(0),
                bus.rvalid.eq(1),
                bus.rdata.eq(self.i_data),
                bus.rresp.eq(self.i_read_response),
            ]
        with m.Elif(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
