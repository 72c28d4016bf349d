"""Packets as streams of bytes, and how they travel on a byte stream.

See :mod:`protocol.packets`, which says what is in a packet, and how it is framed.
"""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from protocol.packets import ESCAPE, FLAG, FLIP

BYTE = stream.Signature(8)
PACKET_BYTE = data.StructLayout({"byte": 8, "first": 1, "last": 1})
PACKETS = stream.Signature(PACKET_BYTE)
"""A packet after the other: header, payload, CRC. ``first`` begins one, whatever was before.

The end follows from the header, so a link that cannot tell it leaves ``last`` low.
"""


class Deframer(wiring.Component):
    """Packets out of a byte stream. One byte a cycle, latency 1.

    It is where the line's bytes come from, and needs no reset: the next flag begins a packet.

    Members
    -------
    i : In(stream.Signature(8))
    o : Out(PACKETS)
        A register. ``last`` is low. Bytes between the end of a packet and the next flag come, too.
    """

    i: In(BYTE)
    o: Out(PACKETS)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        first, escaped = Signal(reset_less=True), Signal(reset_less=True)
        byte = self.i.payload
        flag = byte == FLAG
        special = flag | (byte == ESCAPE)
        valid, held = Signal(reset_less=True), Signal(PACKET_BYTE, reset_less=True)
        m.d.comb += [
            self.o.valid.eq(valid),
            self.o.payload.eq(held),
            self.i.ready.eq(~valid | self.o.ready),
        ]
        with m.If(self.i.ready):
            m.d.sync += [
                valid.eq(self.i.valid & ~special),
                held.byte.eq(byte ^ Mux(escaped, FLIP, 0)),
                held.first.eq(first),
            ]
            with m.If(self.i.valid):
                m.d.sync += [
                    escaped.eq(special & ~flag),
                    first.eq(flag | (first & special)),
                ]
        return m


class Framer(wiring.Component):
    """Packets into a byte stream. One byte a cycle, no latency.

    Members
    -------
    i : In(PACKETS)
    o : Out(stream.Signature(8))
    """

    i: In(PACKETS)
    o: Out(BYTE)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        flagged, escaped = Signal(), Signal()
        byte = self.i.payload.byte
        special = (byte == FLAG) | (byte == ESCAPE)
        flag = self.i.payload.first & ~flagged
        escape = special & ~escaped & ~flag
        m.d.comb += [
            self.o.valid.eq(self.i.valid),
            self.o.payload.eq(byte ^ Mux(escaped, FLIP, 0)),
            self.i.ready.eq(self.o.ready & ~flag & ~escape),
        ]
        with m.If(flag):
            m.d.comb += self.o.payload.eq(FLAG)
        with m.Elif(escape):
            m.d.comb += self.o.payload.eq(ESCAPE)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [
                flagged.eq(flag | (flagged & escape)),
                escaped.eq(escape),
            ]
        return m
