"""Class sums to AXI4-Stream: whole packets only, and the class with the largest sum."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.axi.signatures import beat
from hw.stream.counter import Counter

SUM_BITS = 32
CLASS_BITS = 16


class AnswerOutput(wiring.Component):
    """Gives each frame's class sums out as a packet, and its best class as another one.

    ``user`` is set on all beats of a malformed frame's answer. Of equal sums, the first class is
    the best. Of an aborted packet the beats that are missing are zeros with ``user``, so that a
    packet always has as many beats as there are classes, and its last one says whether it counts;
    its frame has no best class.

    A class sum a cycle. All that it gives out is registers.

    Parameters
    ----------
    classes : int

    Members
    -------
    i : In(stream.Signature(signed(32)))
        Class sums.
    i_verdict : In(stream.Signature(1))
        For each frame in turn: it was malformed. Taken with its last sum; none leaves before it.
    i_abort : In(1)
        Forget the frame that is being given out. What comes in ``i`` meanwhile is nothing.
    o : Out(stream.Signature(beat(32)))
        Class sums, ``last`` with a frame's last one.
    o_best : Out(stream.Signature(beat(64)))
        A frame's best class in the lower half, its sum in the upper one; ``last`` is always set.
    o_done : Out(1)
        For one cycle: the last sum of a frame has been taken that was not aborted.
    o_class : Out(16)
        The best class of the last frame of which that is so, from the cycle behind ``o_done`` on.
    o_malformed : Out(1)
        That frame was malformed.
    """

    def __init__(self, classes: int):
        self._classes = classes
        super().__init__(
            {
                "i": In(stream.Signature(signed(SUM_BITS))),
                "i_verdict": In(stream.Signature(1)),
                "i_abort": In(1),
                "o": Out(stream.Signature(beat(SUM_BITS))),
                "o_best": Out(stream.Signature(beat(2 * SUM_BITS))),
                "o_done": Out(1),
                "o_class": Out(CLASS_BITS),
                "o_malformed": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.place = place = Counter(self._classes)
        begun, aborting, ends = Signal(), Signal(), Signal()
        free, offered, takes, fills = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            free.eq(~self.o.valid | self.o.ready),
            # The best class of the frame before makes room first.
            offered.eq(
                self.i.valid
                & self.i_verdict.valid
                & ~self.i_abort
                & ~aborting
                & (~place.o_last | ~self.o_best.valid | self.o_best.ready)
            ),
            takes.eq(free & offered),
            fills.eq(free & aborting),
            self.i.ready.eq(takes),
            self.i_verdict.ready.eq(takes & place.o_last),
            place.i_step.eq(takes | fills),
            ends.eq(place.i_step & place.o_last),
        ]
        with m.If(place.i_step):
            m.d.sync += begun.eq(~place.o_last)
        with m.If(ends):
            m.d.sync += aborting.eq(0)
        with m.Elif(self.i_abort):
            m.d.sync += aborting.eq(Mux(place.i_step, ~place.o_last, begun))
        with m.If(free):
            m.d.sync += [
                self.o.valid.eq(offered | aborting),
                self.o.payload.data.eq(Mux(aborting, 0, self.i.payload)),
                self.o.payload.last.eq(place.o_last),
                self.o.payload.user.eq(aborting | self.i_verdict.payload),
            ]
        self._best(m, takes, place)
        return m

    def _best(self, m: Module, takes: Signal, place: Counter) -> None:
        """Compare sums as they pass; tell when a frame has been taken."""
        best, best_class = Signal(signed(SUM_BITS)), Signal(CLASS_BITS)
        better, now, now_class = Signal(), Signal(signed(SUM_BITS)), Signal(CLASS_BITS)
        counted = Signal()
        m.d.comb += [
            better.eq((place.o_count == 0) | (self.i.payload > best)),
            now.eq(Mux(better, self.i.payload, best)),
            now_class.eq(Mux(better, place.o_count, best_class)),
            self.o_done.eq(self.o.valid & self.o.ready & self.o.payload.last & counted),
        ]
        with m.If(takes):
            m.d.sync += [best.eq(now), best_class.eq(now_class)]
        with m.If(takes & place.o_last):
            payload = self.o_best.payload
            m.d.sync += [
                self.o_best.valid.eq(1),
                payload.data.eq(now_class | (now.as_unsigned() << SUM_BITS)),
                payload.last.eq(1),
                payload.user.eq(self.i_verdict.payload),
            ]
        with m.Elif(self.o_best.ready):
            m.d.sync += self.o_best.valid.eq(0)
        with m.If(self.i_abort):
            m.d.sync += counted.eq(0)
        with m.Elif(place.i_step):
            m.d.sync += counted.eq(takes)
        with m.If(self.o_done):
            m.d.sync += [self.o_class.eq(best_class), self.o_malformed.eq(self.o.payload.user)]
