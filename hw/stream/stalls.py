"""How long each of many streams waits, counted by looking at one a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.dual_port import memory_attributes
from protocol.packets import STALL, stall_turn

COUNT_BITS = STALL.bits["samples"]


def stalled(*streams: wiring.PureInterface) -> Value:
    """A bit a stream: it has something that nobody takes in this cycle."""
    return Cat(stream.valid & ~stream.ready for stream in streams)


class StallSampler(wiring.Component):
    """Counts stalled cycles of streams by samples.

    It looks at the streams in turn, one a cycle, and counts in one small memory: a counter a stream
    would cost some ten times as much. A turn is a prime number of cycles, so that streams whose
    stalls are as regular as their frames are not always looked at in the same place.

    Parameters
    ----------
    streams : int

    Members
    -------
    i : In(streams)
        Which are stalled.
    i_index : In(range(streams))
        Whose counter to show.
    o : Out(32)
        Samples in which that stream was stalled since configuration, modulo 2^32.

    Raises
    ------
    ValueError
        If there is no stream.
    """

    def __init__(self, streams: int):
        if streams < 1:
            raise ValueError(f"there must be a stream to look at, not {streams}")
        self._streams = streams
        super().__init__(
            {
                "i": In(streams),
                "i_index": In(range(max(streams, 2))),
                "o": Out(COUNT_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        turn = stall_turn(self._streams)
        # One of eight, then one of the eights: the streams come from all over the chip.
        eights = [self.i[start : start + 8] for start in range(0, self._streams, 8)]
        m.submodules.counts = counts = memory.Memory(
            shape=COUNT_BITS, depth=turn, init=[], attrs=memory_attributes("lut")
        )
        look, show = (counts.read_port(domain="comb") for _ in range(2))
        write = counts.write_port()
        index, count = Signal(range(turn)), Signal(COUNT_BITS, reset_less=True)
        picked, late_index = (
            Signal(len(eights), reset_less=True),
            Signal.like(index, reset_less=True),
        )
        m.d.sync += [
            index.eq(Mux(index == turn - 1, 0, index + 1)),
            picked.eq(Cat(eight.bit_select(index[:3], 1) for eight in eights)),
            late_index.eq(index),
            # A turn is two cycles at least: what is written now is there when it is looked at next.
            write.addr.eq(late_index),
            write.en.eq(picked.bit_select(late_index >> 3, 1)),
            count.eq(look.data),
        ]
        m.d.comb += [
            look.addr.eq(late_index),
            write.data.eq(count + 1),
            show.addr.eq(self.i_index),
            self.o.eq(show.data),
        ]
        return m
