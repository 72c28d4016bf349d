"""One stream to several."""

from amaranth.hdl import Module, ShapeLike, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Fork(wiring.Component):
    """Copies each transfer to several streams.

    Eager: each branch takes a transfer as soon as it is ready, once, whatever the others do; the
    input's transfer happens when the last branch takes it. Latency 0; one transfer a cycle.

    Parameters
    ----------
    shape : shape-like
        Of the payload.
    n : int
        Branches.

    Members
    -------
    i : In(stream.Signature(shape))
    o0, o1, ... : Out(stream.Signature(shape))

    Raises
    ------
    ValueError
        If there is no branch.
    """

    def __init__(self, shape: ShapeLike, n: int):
        if n < 1:
            raise ValueError(f"a fork needs at least one branch, not {n}")
        self._n = n
        ports = {f"o{k}": Out(stream.Signature(shape)) for k in range(n)}
        super().__init__({"i": In(stream.Signature(shape)), **ports})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        served = Signal(self._n)
        satisfied = Signal(self._n)
        for k in range(self._n):
            o = getattr(self, f"o{k}")
            m.d.comb += [
                o.payload.eq(self.i.payload),
                o.valid.eq(self.i.valid & ~served[k]),
                satisfied[k].eq(served[k] | o.ready),
            ]
        m.d.comb += self.i.ready.eq(satisfied.all())
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += served.eq(0)
        with m.Elif(self.i.valid):
            m.d.sync += served.eq(satisfied)
        return m
