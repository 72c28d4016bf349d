"""The decoder of coded frames: bytes in, pixels out."""

from __future__ import annotations

from amaranth.hdl import Cat, EnableInserter, Module, Mux, ResetInserter, Signal, Value, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.bit_reader import CODED, BitReader
from hw.frames.pipeline import SamplePipeline
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer
from protocol.coding.rules import COLOURS, STEP_BITS, Shape


class FrameDecoder(wiring.Component):
    """Decodes frames of one shape.

    A sample a cycle, if there are three channels or more, the row has four pixels or more, and
    codes take up to 8 bits; see :func:`hw.frames.pipeline.slots`. Between two frames are some 30
    cycles. Whatever the bytes of a frame are, its pixels are as many as it has.

    Parameters
    ----------
    shape : (height, width, channels)

    Members
    -------
    i : In(CODED)
    o : Out(lane_stream(1, unsigned(8)))
        Pixels, as a raw frame has them.
    o_done : Out(1)
        For one cycle, when a frame's last pixel is in ``o`` or has left it.
    o_refused : Out(1)
        The frame that is done is malformed.
    """

    def __init__(self, shape: Shape):
        self._shape = shape
        super().__init__(
            {
                "i": In(CODED),
                "o": Out(lane_stream(1, unsigned(8))),
                "o_done": Out(1),
                "o_refused": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.skid = skid = SkidBuffer(8)
        # What it does, one at a time; with none of them, it waits for a frame's first byte.
        reads, flushes, judges, drops = (
            Signal(name=name) for name in ("reads", "flushes", "judges", "drops")
        )
        step = Signal()
        reader, pipeline = BitReader(), SamplePipeline(self._shape)
        m.submodules.reader = ResetInserter(judges)(reader)
        m.submodules.pipeline = ResetInserter(judges)(EnableInserter(step)(pipeline))
        waits = ~(reads | flushes | judges | drops)
        may = reader.o_enough & skid.i.ready
        m.d.comb += [
            step.eq(may & (reads | flushes)),
            pipeline.i_window.eq(reader.o_window),
            pipeline.i_reads.eq(reads),
            reader.i_length.eq(Mux(may & pipeline.o_takes, pipeline.o_length, 0)),
            reader.i.valid.eq(self.i.valid & (reads | flushes)),
            reader.i.payload.eq(self.i.payload),
            reader.i_end.eq(waits & self.i.valid & self.i.payload.last),
            self.i.ready.eq(waits | drops | ((reads | flushes) & reader.i.ready)),
            skid.i.valid.eq(step & pipeline.o_valid),
            skid.i.payload.eq(pipeline.o),
            self.o.valid.eq(skid.o.valid),
            self.o.payload[0].eq(skid.o.payload),
            skid.o.ready.eq(self.o.ready),
            self.o_done.eq(judges),
            self.o_refused.eq(self._head(m, waits, pipeline) | ~reader.o_spent),
        ]
        with m.If(waits & self.i.valid):
            m.d.sync += reads.eq(1)
        with m.If(step & reads & pipeline.o_last):
            m.d.sync += [reads.eq(0), flushes.eq(1)]
        with m.If(step & flushes & pipeline.o_empty):
            m.d.sync += [flushes.eq(0), judges.eq(1)]
        with m.If(judges):
            m.d.sync += [judges.eq(0), drops.eq(~reader.o_ended)]
        with m.If(drops & self.i.valid & self.i.payload.last):
            m.d.sync += drops.eq(0)
        return m

    def _head(self, m: Module, waits: Value, pipeline: SamplePipeline) -> Signal:
        """Keep what the first byte of a frame says; returns whether it is wrong.

        Parameters
        ----------
        m : Module
        waits : Value
            This is the cycle in which it may come.
        pipeline : SamplePipeline
        """
        byte, wrong = self.i.payload.byte, Signal(name="wrong")
        luma, chroma = Signal(STEP_BITS, name="luma"), Signal(STEP_BITS, name="chroma")
        bits = STEP_BITS * (2 if self._shape[2] == COLOURS else 1)
        m.d.comb += [pipeline.i_luma.eq(luma), pipeline.i_chroma.eq(chroma)]
        with m.If(waits):
            m.d.sync += [Cat(luma, chroma).eq(byte), wrong.eq(byte[bits:].any())]
        return wrong
