"""Where frames of contents part from those of pixels, so that no frame sees old and new ones."""

from __future__ import annotations

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.frame_input import FRAME_BYTES
from hw.link.block_reader import CONTENTS_BYTES


class ContentsGate(wiring.Component):
    """Gives frames of contents to whoever takes these, and others to the accelerator.

    A frame of contents waits until all frames before it are answered; nothing behind it goes on
    before it is dealt with. No latency, a byte a cycle.

    Parameters
    ----------
    frames : int
        At most so many are on the board without an answer.

    Members
    -------
    i : In(FRAME_BYTES)
    i_contents : In(1)
        The byte in ``i`` is one of contents.
    o : Out(FRAME_BYTES)
        Frames of pixels.
    o_contents : Out(CONTENTS_BYTES)
        Those of contents.
    o_began : Out(1)
        For one cycle: the first byte of one of contents leaves.
    i_done : In(1)
        For one cycle: it is dealt with.
    i_answered : In(1)
        For one cycle, for each frame: its result has left.
    """

    def __init__(self, frames: int):
        self._frames = frames
        super().__init__(
            {
                "i": In(FRAME_BYTES),
                "i_contents": In(1),
                "o": Out(FRAME_BYTES),
                "o_contents": Out(CONTENTS_BYTES),
                "o_began": Out(1),
                "i_done": In(1),
                "i_answered": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        first, busy, begins = Signal(init=1), Signal(), Signal()
        inside = Signal(range(self._frames + 1))
        may_write = ~first | (inside == 0)
        moves = self.i.valid & self.i.ready
        m.d.comb += [
            self.o.valid.eq(self.i.valid & ~self.i_contents & ~busy),
            self.o.payload.eq(self.i.payload),
            self.o_contents.valid.eq(self.i.valid & self.i_contents & may_write),
            self.o_contents.payload.byte.eq(self.i.payload.byte),
            self.o_contents.payload.last.eq(self.i.payload.last),
            begins.eq(moves & first),
            self.o_began.eq(begins & self.i_contents),
        ]
        with m.If(self.i_contents):
            m.d.comb += self.i.ready.eq(self.o_contents.ready & may_write)
        with m.Else():
            m.d.comb += self.i.ready.eq(self.o.ready & ~busy)
        with m.If(moves):
            m.d.sync += first.eq(self.i.payload.last)
        with m.If(self.o_began):
            m.d.sync += busy.eq(1)
        with m.Elif(self.i_done):
            m.d.sync += busy.eq(0)
        with m.If(begins & ~self.i_answered):
            m.d.sync += inside.eq(inside + 1)
        with m.Elif(self.i_answered & ~begins):
            m.d.sync += inside.eq(inside - 1)
        return m
