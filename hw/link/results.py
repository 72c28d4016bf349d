"""Frames on their way through the accelerator, and their class sums."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.counter import Counter
from hw.stream.fifo import MemoryKind, StreamFifo
from hw.stream.lane_stream import lane_stream
from protocol.messages import DeviceInfo

CYCLE_BITS = 32
LATENCY = 3
"""Cycles that an accelerator takes at least."""


class ResultQueue(wiring.Component):
    """How long frames take, and the class sums of those that are done.

    Parameters
    ----------
    info : DeviceInfo
    memory : "block" or "lut"
        What holds a frame's class sums.

    Members
    -------
    i_began : In(1)
        For one cycle: a frame's first pixel enters the accelerator. At most ``info.frames`` do so
        before the first of them has left ``o``.
    i : In(lane_stream(1, signed(32)))
        Class sums, one a cycle; a frame's last one comes at least ``LATENCY`` cycles behind its
        first pixel.
    i_judged : In(1)
        For one cycle, for each frame in turn: all its pixels are on their way. Only looked at if
        frames can be refused (``info.coded`` or ``info.memories``), as ``i_refused``.
    i_refused : In(1)
        That frame is refused.
    o : Out(stream.Signature(32))
        The same.
    o_complete : Out(1)
        All sums of the frame in ``o`` are here; its first one may be taken from then on.
    o_refused : Out(1)
        The frame in ``o`` is refused.
    o_cycles : Out(32)
        Clock cycles of that frame, from its first pixel to its last class sum.
    o_done : Out(1)
        For one cycle: the last sum of a frame leaves.
    """

    def __init__(self, info: DeviceInfo, memory: MemoryKind):
        self._info = info
        self._memory = memory
        super().__init__(
            {
                "i_began": In(1),
                "i": In(lane_stream(1, signed(32))),
                "i_judged": In(1),
                "i_refused": In(1),
                "o": Out(stream.Signature(32)),
                "o_complete": Out(1),
                "o_refused": Out(1),
                "o_cycles": Out(CYCLE_BITS),
                "o_done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        classes = self._info.classes
        m.submodules.starts = starts = StreamFifo(CYCLE_BITS, max(self._info.frames, 2))
        m.submodules.sums = sums = StreamFifo(32, max(classes, 2), self._memory, late=True)
        # As many frames as can be complete at once, which with a single class are all in ``sums``.
        m.submodules.cycles = cycles = StreamFifo(CYCLE_BITS, 2)
        m.submodules.entered = entered = Counter(classes)
        m.submodules.left = left = Counter(classes)
        now, elapsed = (Signal(CYCLE_BITS, name=n, reset_less=True) for n in ("now", "elapsed"))
        began, came, last_in, ended = Signal(), Signal(), Signal(), Signal()
        # Begin and end are both seen a cycle late.
        m.d.sync += [
            now.eq(now + 1),
            began.eq(self.i_began),
            came.eq(self.i.valid & self.i.ready),
            elapsed.eq(now - starts.o.payload),
            ended.eq(last_in),
        ]
        m.d.comb += [
            last_in.eq(came & entered.o_last),
            entered.i_step.eq(came),
            left.i_step.eq(self.o.valid & self.o.ready),
            sums.i.valid.eq(self.i.valid),
            sums.i.payload.eq(self.i.payload[0]),
            self.i.ready.eq(sums.i.ready),
            starts.i.valid.eq(began),
            starts.i.payload.eq(now),
            starts.o.ready.eq(last_in),
            cycles.i.valid.eq(ended),
            cycles.i.payload.eq(elapsed),
            cycles.o.ready.eq(self.o_done),
            self.o_complete.eq(cycles.o.valid),
            self.o_cycles.eq(cycles.o.payload),
            self.o_done.eq(left.i_step & left.o_last),
        ]
        wiring.connect(m, sums.o, wiring.flipped(self.o))
        if self._info.coded or self._info.memories:
            m.submodules.verdicts = verdicts = StreamFifo(1, max(self._info.frames, 2))
            m.d.comb += [
                verdicts.i.valid.eq(self.i_judged),
                verdicts.i.payload.eq(self.i_refused),
                verdicts.o.ready.eq(self.o_done),
                self.o_complete.eq(cycles.o.valid & verdicts.o.valid),
                self.o_refused.eq(verdicts.o.payload),
            ]
        return m
