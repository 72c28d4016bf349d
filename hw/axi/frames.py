"""Frames from AXI4-Stream: beats to bytes, and whether each frame is as it should be."""

from enum import Enum

from amaranth.hdl import Module, Mux, ResetSignal, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.axi.signatures import beat
from hw.stream.counter import Counter
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer
from protocol.registers import CoreInfo, FrameError

ERROR_BITS = 2


class _State(Enum):
    TAKE = 0
    """A frame's beats are taken, or the first one is awaited."""
    PAD = 1
    """A frame ended too early; the rest of its bytes is made up."""
    SKIP = 2
    """A frame did not end; beats are thrown away up to its end."""


class FrameIntake(wiring.Component):
    """Cuts beats into bytes, and sees to it that every frame has as many as it should.

    A frame begins with the first beat, with the one behind a beat with ``last``, and with one with
    ``user``. A beat's bytes are the frame's next ones, the lowest first; what the last beat has to
    spare is ignored. A frame that ends too early is filled up with zeros, and of one that is too
    long the rest is thrown away: what stands behind it counts bytes, and each frame of the stream
    is one there. Nothing needs ``user``, but a source that has it is followed from its next frame
    on whatever was lost.

    A byte a cycle; a beat of one byte takes no longer.

    Parameters
    ----------
    info : CoreInfo

    Members
    -------
    i : In(stream.Signature(beat(info.beat_bits)))
        ``ready`` is a register, but for the reset, in which nothing is taken.
    o : Out(lane_stream(1, unsigned(8)))
    i_room : In(1)
        There is room for another frame's verdict; falls only when one is given.
    o_judged : Out(1)
        For one cycle, the one in which a frame's last byte is taken from ``o``: its verdict.
    o_error : Out(2)
        Then: what was wrong with it, a :class:`protocol.registers.FrameError`.
    """

    def __init__(self, info: CoreInfo):
        self._info = info
        super().__init__(
            {
                "i": In(stream.Signature(beat(info.beat_bits))),
                "o": Out(lane_stream(1, unsigned(8))),
                "i_room": In(1),
                "o_judged": Out(1),
                "o_error": Out(ERROR_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.skid = skid = SkidBuffer(self.i.payload.shape())
        m.submodules.place = place = Counter(self._info.frame_bytes)
        awake = ~ResetSignal()
        m.d.comb += [
            skid.i.payload.eq(self.i.payload),
            skid.i.valid.eq(self.i.valid & awake),
            self.i.ready.eq(skid.i.ready & awake),
        ]
        now, size = skid.o.payload, self._info.beat_bits // 8
        byte, last_byte = Signal(range(max(size, 2))), Signal()
        state, begun, error = Signal(_State), Signal(), Signal(ERROR_BITS)
        padding, again, gives = Signal(), Signal(), Signal()
        m.d.comb += [
            padding.eq(state == _State.PAD),
            last_byte.eq(byte == size - 1),
            # Only a beat's first byte can begin a frame.
            again.eq(now.user & begun & (byte == 0)),
            self.o.valid.eq(
                (padding | (skid.o.valid & (state == _State.TAKE) & ~again))
                & (~place.o_last | self.i_room)
            ),
            self.o.payload[0].eq(Mux(padding, 0, now.data.word_select(byte, 8))),
            gives.eq(self.o.valid & self.o.ready),
            place.i_step.eq(gives),
            self.o_judged.eq(gives & place.o_last),
            self.o_error.eq(Mux(padding, error, Mux(now.last, FrameError.NONE, FrameError.LONG))),
        ]
        with m.If(gives):
            m.d.sync += begun.eq(~place.o_last)
        with m.Switch(state):
            with m.Case(_State.TAKE):
                m.d.comb += skid.o.ready.eq(gives & (last_byte | place.o_last))
                with m.If(gives):
                    m.d.sync += byte.eq(Mux(skid.o.ready, 0, byte + 1))
                with m.If(skid.o.valid & again):
                    m.d.sync += [state.eq(_State.PAD), error.eq(FrameError.RESTARTED)]
                with m.Elif(gives & place.o_last & ~now.last):
                    m.d.sync += state.eq(_State.SKIP)
                with m.Elif(gives & last_byte & now.last & ~place.o_last):
                    m.d.sync += [state.eq(_State.PAD), error.eq(FrameError.SHORT)]
            with m.Case(_State.PAD), m.If(self.o_judged):
                m.d.sync += state.eq(_State.TAKE)
            with m.Case(_State.SKIP):
                m.d.comb += skid.o.ready.eq(~now.user)
                with m.If(skid.o.valid & (now.user | now.last)):
                    m.d.sync += state.eq(_State.TAKE)
        return m
