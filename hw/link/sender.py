"""Packets to the host: words in, bytes and a CRC out."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ISO_HDLC
from amaranth.lib.wiring import In, Out

from hw.link.packet import PACKET_BYTE, PACKETS
from hw.stream.skid_buffer import SkidBuffer

WORD = data.StructLayout({"word": 32, "first": 1, "last": 1})


class PacketSender(wiring.Component):
    """Sends one packet after the other. A word takes five cycles, the CRC another five.

    Members
    -------
    i : In(stream.Signature(WORD))
        Header and payload of a packet, ``first`` with its first word and ``last`` with its last.
    o : Out(PACKETS)
        A register; what follows from ``ready`` crosses no path either.
    """

    i: In(stream.Signature(WORD))
    o: Out(PACKETS)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        begin = Signal()
        crc = CRC32_ISO_HDLC().create()
        m.submodules.crc = ResetInserter(begin)(crc)
        m.submodules.skid = skid = SkidBuffer(PACKET_BYTE)
        wiring.connect(m, skid.o, wiring.flipped(self.o))
        part, left = Signal(32, reset_less=True), Signal(2)
        first, ends, checks = Signal(), Signal(), Signal()
        # States that are registers of their own: what follows from them is far away. In neither of
        # them, the CRC is loaded.
        loading, sending = Signal(init=1), Signal()
        given = skid.i.valid & skid.i.ready
        m.d.comb += [
            self.i.ready.eq(loading),
            begin.eq(loading & self.i.payload.first),
            crc.data.eq(part[:8]),
            crc.valid.eq(given),
            skid.i.valid.eq(sending),
            skid.i.payload.byte.eq(part[:8]),
            skid.i.payload.first.eq(first),
            skid.i.payload.last.eq(checks & (left == 3)),
        ]
        with m.If(loading):
            m.d.sync += [
                part.eq(self.i.payload.word),
                first.eq(self.i.payload.first),
                ends.eq(self.i.payload.last),
                loading.eq(~self.i.valid),
                sending.eq(self.i.valid),
            ]
        with m.Elif(~sending):
            m.d.sync += [part.eq(crc.crc), sending.eq(1)]
        with m.Elif(skid.i.ready):
            m.d.sync += [part.eq(part >> 8), left.eq(left + 1), first.eq(0)]
            with m.If(left == 3):
                m.d.sync += [ends.eq(0), checks.eq(ends), sending.eq(0), loading.eq(~ends)]
        return m
