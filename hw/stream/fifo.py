"""First-in first-out buffers for streams, in a chosen kind of memory."""

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.dual_port import DualPortMemory, MemoryKind

LUT_BITS = 64
"""Bits of memory in a LUT."""
REGISTERS = ("memory", "output")
"""What a word passes in a FIFO, a cycle each."""
CREDIT_LOOP = (*REGISTERS, "credit", "spare")
"""What keeps a place of a :class:`CreditFifo` taken behind the pipeline, a cycle each."""


class StreamFifo(wiring.Component):
    """A FIFO between two streams.

    One transfer a cycle in and out; a word can leave two cycles after it came in, or three with
    ``late``. Neither side's handshake reaches the other within a cycle.

    Parameters
    ----------
    shape : shape-like
        Of the payload.
    depth : int
        Words that the memory holds; one more waits in the output register.
    kind : "block" or "lut"
    late : bool
        Words wait for a cycle in front of the memory, in registers that are free to be anywhere
        between it and those that send. A depth of 2 is then good for two transfers in three cycles.

    Members
    -------
    i : In(stream.Signature(shape))
    o : Out(stream.Signature(shape))

    Raises
    ------
    ValueError
        If ``depth`` is below 2.
    """

    def __init__(
        self, shape: ShapeLike, depth: int, kind: MemoryKind = "lut", *, late: bool = False
    ):
        if depth < 2:
            raise ValueError(f"a FIFO needs a depth of at least 2, not {depth}")
        self._late = late
        self._shape = shape
        self._depth = depth
        self._kind = kind
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        # A LUT holds 64 bits anyway, and addresses of a power of two need no comparison to wrap.
        small = self._kind == "lut" and self._depth <= LUT_BITS
        rows = 1 << (self._depth - 1).bit_length() if small else self._depth
        m.submodules.storage = storage = DualPortMemory(self._shape, rows, self._kind)
        write, read = storage.write, storage.read
        more = Signal(range(-1, self._depth), init=-1)  # words beyond the first
        some = ~more[-1]
        take, fetch = Signal(), Signal()
        m.d.comb += [
            take.eq(self.i.valid & self.i.ready),
            fetch.eq(some & (~self.o.valid | self.o.ready)),
            read.en.eq(fetch),
            self.o.payload.eq(read.data),
        ]
        push, word = take, Value.cast(self.i.payload)
        one_left = more == self._depth - 2
        if self._late:
            push, late_word = Signal(name="late_take"), Signal(len(word), reset_less=True)
            m.d.sync += [push.eq(take), late_word.eq(word)]
            word = late_word
            one_left = Mux(push, more == self._depth - 3, one_left)
        m.d.comb += [write.en.eq(push), Value.cast(write.data).eq(word)]
        self._tell_ready(m, take & one_left, fetch)
        with m.If(push ^ fetch):
            m.d.sync += more.eq(more + Mux(push, 1, -1))
        with m.If(push):
            m.d.sync += write.addr.eq(wrap(write.addr, rows))
        with m.If(fetch):
            m.d.sync += read.addr.eq(wrap(read.addr, rows))
            m.d.sync += self.o.valid.eq(1)
        with m.Elif(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        return m

    def _tell_ready(self, m: Module, fills: Value, fetch: Value) -> None:
        """There is a place, unless the last one is taken and none leaves the memory."""
        ready = Signal(init=1)
        m.d.comb += self.i.ready.eq(ready)
        with m.If(fetch):
            m.d.sync += ready.eq(1)
        with m.Elif(fills):
            m.d.sync += ready.eq(0)


class CreditFifo(wiring.Component):
    """The end of a pipeline that cannot stall: a FIFO whose places are reserved at its start.

    The pipeline's first stage accepts work only while ``o_credit`` is high, and reserves a place
    with ``i_take`` for each result that it will push; so no push ever finds the FIFO full, and no
    stall has to reach into the pipeline.

    Parameters
    ----------
    shape : shape-like
        Of the payload.
    depth : int
        Results that may be under way or waiting. Full throughput needs the pipeline's latency
        plus :data:`CREDIT_LOOP`'s, divided by the cycles between two results.

    Members
    -------
    i_take : In(1)
        Reserve a place; legal only while ``o_credit`` is high.
    o_credit : Out(1)
        A place is free; a register.
    i_push : In(1)
        A result arrives.
    i_payload : In(shape)
    o : Out(stream.Signature(shape))
    """

    def __init__(self, shape: ShapeLike, depth: int):
        self._shape = shape
        self._depth = depth
        super().__init__(
            {
                "i_take": In(1),
                "o_credit": Out(1, init=1),
                "i_push": In(1),
                "i_payload": In(shape),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.fifo = fifo = StreamFifo(self._shape, self._depth)
        m.d.comb += [
            fifo.i.valid.eq(self.i_push),
            fifo.i.payload.eq(self.i_payload),
            self.o.valid.eq(fifo.o.valid),
            self.o.payload.eq(fifo.o.payload),
            fifo.o.ready.eq(self.o.ready),
        ]
        taken = Signal(range(self._depth + 1))
        give_back = self.o.valid & self.o.ready
        with m.If(self.i_take ^ give_back):
            m.d.sync += [
                taken.eq(taken + Mux(self.i_take, 1, -1)),
                self.o_credit.eq(give_back | (taken != self._depth - 1)),
            ]
        return m


def wrap(counter: Signal, size: int) -> Value:
    """The next value of a counter that runs from 0 to ``size - 1``."""
    following = (counter + 1)[: len(counter)]
    return following if size == 1 << len(counter) else Mux(counter == size - 1, 0, following)
