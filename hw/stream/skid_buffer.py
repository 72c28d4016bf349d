"""A register between two streams."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class SkidBuffer(wiring.Component):
    """Registers valid, payload and ready, so that no path crosses it.

    Latency 1; one transfer a cycle. It holds two transfers: one for the output, and the one that
    comes in while the stall has not yet reached the producer.

    Parameters
    ----------
    shape : shape-like
        Of the payload.

    Members
    -------
    i : In(stream.Signature(shape))
        ``ready`` is a register.
    o : Out(stream.Signature(shape))
        ``valid`` and ``payload`` are registers.
    """

    def __init__(self, shape: ShapeLike):
        self._shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        payload = Signal(self._shape, reset_less=True)
        spare = Signal(self._shape, reset_less=True)
        ready = Signal(init=1)
        m.d.comb += [self.i.ready.eq(ready), self.o.payload.eq(payload)]
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [ready.eq(1), self.o.valid.eq(self.i.valid | ~ready)]
            with m.If(ready):
                m.d.sync += payload.eq(self.i.payload)
            with m.Else():
                m.d.sync += payload.eq(spare)
        with m.Elif(self.i.valid & ready):
            m.d.sync += [spare.eq(self.i.payload), ready.eq(0)]
        return m
