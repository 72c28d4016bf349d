"""A register between two streams."""

from amaranth.hdl import Cat, Module, ShapeLike, Signal
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
    pipeline : bool
        Whether a pipeline in front of it moves by its ``ready``.

    Members
    -------
    i : In(stream.Signature(shape))
        ``ready`` is a register.
    o_advance : Out(1)
        Only with ``pipeline``: equal to ``i.ready``, but a register of its own. A pipeline's many
        enables would keep ``i.ready`` away from whoever waits for it.
    o : Out(stream.Signature(shape))
        ``valid`` and ``payload`` are registers.
    """

    def __init__(self, shape: ShapeLike, *, pipeline: bool = False):
        self._shape, self._pipeline = shape, pipeline
        ports = {"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))}
        super().__init__({**ports, **({"o_advance": Out(1)} if pipeline else {})})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        payload = Signal(self._shape, reset_less=True)
        spare = Signal(self._shape, reset_less=True)
        readies = self._readies()
        ready = readies[0]
        m.d.comb += [self.i.ready.eq(ready), self.o.payload.eq(payload)]
        if self._pipeline:
            m.d.comb += self.o_advance.eq(readies[1])
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [self.o.valid.eq(self.i.valid | ~ready), Cat(readies).eq(-1)]
            with m.If(ready):
                m.d.sync += payload.eq(self.i.payload)
            with m.Else():
                m.d.sync += payload.eq(spare)
        with m.Elif(self.i.valid & ready):
            m.d.sync += Cat(readies).eq(0)
        # Whether there is a transfer or not: its enable follows from a register alone.
        with m.If(ready):
            m.d.sync += spare.eq(self.i.payload)
        return m

    def _readies(self) -> list[Signal]:
        """The register of ``i.ready``, and its copy if there is one."""
        if not self._pipeline:
            return [Signal(init=1, name="ready")]
        # Tools merge equal registers, but for those with ``keep``.
        return [Signal(init=1, name=name, attrs={"keep": "true"}) for name in ("ready", "advance")]
