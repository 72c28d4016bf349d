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


class _Now:
    """What a decoder does; with none of these, it waits for a frame's first byte.

    Attributes
    ----------
    reads, flushes : Signal
        It reads codes; the samples of the last ones are under way.
    judges : Signal
        For one cycle: all pixels of the frame are made.
    drops : Signal
        It skips the rest of the frame's bytes.
    """

    def __init__(self) -> None:
        self.reads, self.flushes = Signal(name="reads"), Signal(name="flushes")
        self.judges, self.drops = Signal(name="judges"), Signal(name="drops")

    @property
    def moves(self) -> Value:
        """The pipeline may move."""
        return self.reads | self.flushes

    @property
    def waits(self) -> Value:
        """It waits."""
        return ~(self.reads | self.flushes | self.judges | self.drops)


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
        now, step = _Now(), Signal()
        reader, pipeline = BitReader(), SamplePipeline(self._shape)
        m.submodules.reader = ResetInserter(now.judges)(reader)
        m.submodules.pipeline = ResetInserter(now.judges)(EnableInserter(step)(pipeline))
        may = reader.o_enough & skid.i.ready
        m.d.comb += [
            step.eq(may & now.moves),
            pipeline.i_window.eq(reader.o_window),
            pipeline.i_reads.eq(now.reads),
            reader.i_length.eq(Mux(may & pipeline.o_takes, pipeline.o_length, 0)),
            reader.i.valid.eq(self.i.valid & now.moves),
            reader.i.payload.eq(self.i.payload),
            reader.i_end.eq(now.waits & self.i.valid & self.i.payload.last),
            self.i.ready.eq(now.waits | now.drops | (now.moves & reader.i.ready)),
            skid.i.valid.eq(step & pipeline.o_valid),
            skid.i.payload.eq(pipeline.o),
            self.o.valid.eq(skid.o.valid),
            self.o.payload[0].eq(skid.o.payload),
            skid.o.ready.eq(self.o.ready),
            self.o_done.eq(now.judges),
            self.o_refused.eq(self._head(m, now.waits, pipeline) | ~reader.o_spent),
        ]
        self._sequence(m, now, step, reader, pipeline)
        return m

    def _sequence(
        self, m: Module, now: _Now, step: Signal, reader: BitReader, pipeline: SamplePipeline
    ) -> None:
        """What comes after what.

        Parameters
        ----------
        m : Module
        now : _Now
        step : Signal
            The pipeline moves.
        reader : BitReader
        pipeline : SamplePipeline
        """
        with m.If(now.waits & self.i.valid):
            m.d.sync += now.reads.eq(1)
        with m.If(step & now.reads & pipeline.o_last):
            m.d.sync += [now.reads.eq(0), now.flushes.eq(1)]
        with m.If(step & now.flushes & pipeline.o_empty):
            m.d.sync += [now.flushes.eq(0), now.judges.eq(1)]
        with m.If(now.judges):
            m.d.sync += [now.judges.eq(0), now.drops.eq(~reader.o_ended)]
        with m.If(now.drops & self.i.valid & self.i.payload.last):
            m.d.sync += now.drops.eq(0)

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
