"""The decoder of coded frames: bytes in, pixels out."""

from __future__ import annotations

from amaranth.hdl import Cat, EnableInserter, Module, Mux, ResetInserter, Signal, Value, unsigned
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.bit_reader import CODED, BitReader
from hw.frames.pipeline import SamplePipeline
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer
from protocol.coding.rules import COLOURS, STEP_BITS, Shape


class _State(enum.Enum):
    HEAD = 0
    CODES = 1
    FLUSH = 2
    JUDGE = 3
    DROP = 4


class FrameDecoder(wiring.Component):
    """Decodes frames of one shape.

    A sample a cycle, if there are three channels or more, the row has four pixels or more, and
    codes take up to 8 bits; see
    :func:`hw.frames.pipeline.slots`. Between two frames are some 15 cycles. Whatever
    the bytes of a frame are, its pixels are as many as it has.

    Parameters
    ----------
    shape : (height, width, channels)

    Members
    -------
    i : In(CODED)
    o : Out(lane_stream(1, unsigned(8)))
        Pixels, as a raw frame has them.
    o_done : Out(1)
        For one cycle, behind a frame's last pixel.
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
        state = Signal(_State)
        judges = state == _State.JUDGE
        m.submodules.reader = reader = ResetInserter(judges)(BitReader())
        m.submodules.skid = skid = SkidBuffer(8)
        pipeline = SamplePipeline(self._shape)
        step = Signal()
        moves = (state == _State.CODES) | (state == _State.FLUSH)
        m.submodules.pipeline = ResetInserter(judges)(EnableInserter(step)(pipeline))
        m.d.comb += [
            step.eq(moves & reader.o_enough & skid.i.ready),
            pipeline.i_window.eq(reader.o_window),
            pipeline.i_reads.eq(state == _State.CODES),
            reader.i_length.eq(Mux(step, pipeline.o_length, 0)),
            skid.i.valid.eq(step & pipeline.o_valid),
            skid.i.payload.eq(pipeline.o),
            self.o.payload[0].eq(skid.o.payload),
            self.o.valid.eq(skid.o.valid),
            skid.o.ready.eq(self.o.ready),
        ]
        head = self._head(m, state, reader, pipeline)
        self._sequence(m, state, reader, pipeline, step)
        m.d.comb += [
            self.o_done.eq(judges),
            self.o_refused.eq(~reader.o_spent | head),
        ]
        return m

    def _head(self, m: Module, state: Signal, reader: BitReader, pipeline: SamplePipeline) -> Signal:
        """The first byte of a frame, and all others to the reader; returns whether it is wrong."""
        byte, wrong = self.i.payload.byte, Signal(reset_less=True)
        bits = STEP_BITS * (2 if self._shape[2] == COLOURS else 1)
        in_head = state == _State.HEAD
        reads = (state == _State.CODES) | (state == _State.FLUSH)
        m.d.comb += [
            reader.i.valid.eq(self.i.valid & reads),
            reader.i.payload.eq(self.i.payload),
            reader.i_end.eq(in_head & self.i.valid & self.i.payload.last),
            self.i.ready.eq(
                in_head | (state == _State.DROP) | (reads & reader.i.ready),
            ),
        ]
        with m.If(in_head):
            m.d.sync += [
                Cat(pipeline.i_luma, pipeline.i_chroma).eq(byte),
                wrong.eq(byte[bits:].any()),
            ]
        return wrong

    def _sequence(
        self, m: Module, state: Signal, reader: BitReader, pipeline: SamplePipeline, step: Value
    ) -> None:
        """What comes after what."""
        with m.Switch(state):
            with m.Case(_State.HEAD), m.If(self.i.valid):
                m.d.sync += state.eq(_State.CODES)
            with m.Case(_State.CODES), m.If(step & pipeline.o_last):
                m.d.sync += state.eq(_State.FLUSH)
            with m.Case(_State.FLUSH), m.If(step & pipeline.o_empty):
                m.d.sync += state.eq(_State.JUDGE)
            with m.Case(_State.JUDGE):
                m.d.sync += state.eq(Mux(reader.o_ended, _State.HEAD, _State.DROP))
            with m.Case(_State.DROP), m.If(self.i.valid & self.i.payload.last):
                m.d.sync += state.eq(_State.HEAD)
