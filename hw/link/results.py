"""Frames on their way through the accelerator, and their class sums."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

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
    o : Out(stream.Signature(32))
        The same.
    o_complete : Out(1)
        All sums of the frame in ``o`` are here; its first one may be taken from then on.
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
                "o": Out(stream.Signature(32)),
                "o_complete": Out(1),
                "o_cycles": Out(CYCLE_BITS),
                "o_done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        classes = self._info.classes
        m.submodules.starts = starts = StreamFifo(CYCLE_BITS, max(self._info.frames, 2))
        m.submodules.sums = sums = StreamFifo(32, max(classes, 2), self._memory)
        # As many frames as can be complete at once, which with a single class are all in ``sums``.
        m.submodules.cycles = cycles = StreamFifo(CYCLE_BITS, 2)
        now = Signal(CYCLE_BITS, reset_less=True)
        comes = self.i.valid & self.i.ready
        goes = self.o.valid & self.o.ready
        last_in = self._last(m, "entered", comes)
        m.d.comb += [
            sums.i.valid.eq(self.i.valid),
            sums.i.payload.eq(self.i.payload[0]),
            self.i.ready.eq(sums.i.ready),
            starts.i.valid.eq(self.i_began),
            starts.i.payload.eq(now),
            starts.o.ready.eq(last_in),
            cycles.i.valid.eq(last_in),
            cycles.i.payload.eq(now - starts.o.payload),
            cycles.o.ready.eq(self.o_done),
            self.o_complete.eq(cycles.o.valid),
            self.o_cycles.eq(cycles.o.payload),
            self.o_done.eq(self._last(m, "left", goes)),
        ]
        wiring.connect(m, sums.o, wiring.flipped(self.o))
        m.d.sync += now.eq(now + 1)
        return m

    def _last(self, m: Module, name: str, moves: Value) -> Value:
        """Counts the sums that move; high with the last one of a frame."""
        classes = self._info.classes
        if classes == 1:
            return moves
        index = Signal(range(classes), name=name)
        last = index == classes - 1
        with m.If(moves):
            m.d.sync += index.eq(Mux(last, 0, index + 1))
        return moves & last
