"""Running maxima and sums over a memory: what pooling units are made of."""

from collections.abc import Callable

from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.counter import Counter
from hw.stream.dual_port import DualPortMemory, MemoryKind


def reducer_layout(shape: ShapeLike, lanes: int) -> data.StructLayout:
    """What :class:`Reducer` takes: values, and what to do with them.

    ``fresh``: the total so far counts for nothing. ``restart``: these values alone are the total
    that goes on. ``emit``: the total that includes them leaves.
    """
    values = data.ArrayLayout(shape, lanes)
    return data.StructLayout({"values": values, "fresh": 1, "restart": 1, "emit": 1})


class Reducer(wiring.Component):
    """Keeps ``depth`` totals, and combines each transfer with the next one of them in turn.

    Latency 1, one transfer a cycle. The handshake passes through combinationally, by one gate.
    The first transfer of all to each total is ``fresh``.

    Parameters
    ----------
    depth : int
        Totals, each of ``lanes`` values.
    lanes : int
    i_shape, o_shape : shape-like
        Of a value that comes in, and of a total.
    combine : callable
        Makes the new total of an old total and a value.
    kind : "block" or "lut"
        Memory of the totals; a single one is a register.

    Members
    -------
    i : In(stream.Signature(reducer_layout(i_shape, lanes)))
    o : Out(stream.Signature(ArrayLayout(o_shape, lanes)))
        A transfer for each input transfer with ``emit``.
    """

    def __init__(
        self,
        depth: int,
        lanes: int,
        i_shape: ShapeLike,
        o_shape: ShapeLike,
        combine: Callable,
        kind: MemoryKind,
    ):
        self._depth = depth
        self._lanes = lanes
        self._combine = combine
        self._kind = kind
        self._i_layout = reducer_layout(i_shape, lanes)
        self._totals = data.ArrayLayout(o_shape, lanes)
        super().__init__(
            {"i": In(stream.Signature(self._i_layout)), "o": Out(stream.Signature(self._totals))}
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        held = Signal(self._i_layout, reset_less=True)
        valid = Signal()
        old = Signal(self._totals, reset_less=True)
        total = Signal(self._totals)
        kept = Signal(self._totals)
        alone = Signal(reset_less=True)
        take, write = Signal(), Signal()
        m.d.comb += [
            self.i.ready.eq(~valid | ~held.emit | self.o.ready),
            take.eq(self.i.valid & self.i.ready),
            write.eq(valid & self.i.ready),
            self.o.valid.eq(valid & held.emit),
            self.o.payload.eq(total),
        ]
        with m.If(self.i.ready):
            m.d.sync += [
                valid.eq(self.i.valid),
                held.eq(self.i.payload),
                alone.eq(self.i.payload.fresh | self.i.payload.restart),
            ]
        for lane in range(self._lanes):
            value = held["values"][lane]
            combined = self._combine(old[lane], value)
            m.d.comb += [
                total[lane].eq(Mux(held.fresh, value, combined)),
                kept[lane].eq(Mux(alone, value, combined)),
            ]
        if self._depth == 1:
            with m.If(write):
                m.d.sync += old.eq(kept)
        else:
            self._add_memory(m, take, write, old, kept)
        return m

    def _add_memory(
        self, m: Module, take: Value, write: Value, old: data.View, kept: data.View
    ) -> None:
        """Read a total when its transfer is taken, write it back a cycle or more later.

        A block RAM gives its data late in the cycle. It is read when the transfer before is taken,
        and a register takes the data up. The first total of all is then none that was written, but
        a first total is ``fresh``.
        """
        ahead = self._kind == "block" and self._depth > 2
        m.submodules.totals = totals = DualPortMemory(self._totals, self._depth, self._kind)
        m.submodules.turn = turn = Counter(self._depth)
        write_port, read_port = totals.write, totals.read
        m.d.comb += [
            turn.i_step.eq(take),
            read_port.addr.eq(turn.o_count),
            read_port.en.eq(take),
            write_port.en.eq(write),
            write_port.data.eq(kept),
        ]
        if not ahead:
            m.d.comb += old.eq(read_port.data)
            with m.If(take):
                m.d.sync += write_port.addr.eq(turn.o_count)
            return
        place = Signal.like(turn.o_count, init=self._depth - 1)
        with m.If(take):
            m.d.sync += [
                old.eq(read_port.data),
                place.eq(turn.o_count),
                write_port.addr.eq(place),
            ]
