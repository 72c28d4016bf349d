"""A small design with byte streams, to test the simulator itself with."""

from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory, MemoryData
from amaranth.lib.wiring import In, Out

STOP = 255


def table() -> list[int]:
    """What becomes of each byte."""
    return [(7 * byte + 3) % 256 for byte in range(256)]


class Translator(wiring.Component):
    """Bytes through a table, one a cycle; byte ``STOP`` is swallowed and ends it all until reset.

    Members
    -------
    i, o : In, Out(stream.Signature(8))
    """

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        init = MemoryData(shape=8, depth=256, init=table())
        m.submodules.memory = memory = Memory(init)
        port = memory.read_port(domain="comb")
        stopped = Signal()
        stop = self.i.payload == STOP
        m.d.comb += [
            port.addr.eq(self.i.payload),
            self.o.payload.eq(port.data),
            self.o.valid.eq(self.i.valid & ~stop & ~stopped),
            self.i.ready.eq((self.o.ready | stop) & ~stopped),
        ]
        with m.If(self.i.valid & stop):
            m.d.sync += stopped.eq(1)
        return m
