"""What stands in front of an accelerator: frames in packets' bytes, raw or coded, to pixels."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.bit_reader import CODED_BYTE
from hw.frames.decoder import FrameDecoder
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer
from protocol.coding.rules import Shape

FRAME_BYTE = data.StructLayout({"byte": 8, "last": 1, "coded": 1})
FRAME_BYTES = stream.Signature(FRAME_BYTE)
"""The bytes of frames, one after another; ``last`` ends one, and ``coded`` is the same in all."""


class FrameInput(wiring.Component):
    """Makes pixels of the bytes of frames, which are pixels already, or coded.

    One raw byte a cycle, without latency; for coded ones see :class:`FrameDecoder`.

    Parameters
    ----------
    shape : (height, width, channels)
    coded : bool
        There are coded frames, too.

    Members
    -------
    i : In(FRAME_BYTES)
    o : Out(lane_stream(1, unsigned(8)))
    o_first : Out(1)
        The pixel in ``o`` is the first of a frame.
    o_pixels : Out(range)
        Samples of the frame that have not left; all of them between two frames.
    o_judged : Out(1)
        For one cycle, for each frame in turn, about when its last pixel leaves.
    o_refused : Out(1)
        The frame that is judged was malformed; its pixels mean nothing.
    """

    def __init__(self, shape: Shape, *, coded: bool):
        self._shape, self._coded = shape, coded
        self._size = shape[0] * shape[1] * shape[2]
        super().__init__(
            {
                "i": In(FRAME_BYTES),
                "o": Out(lane_stream(1, unsigned(8))),
                "o_first": Out(1),
                "o_pixels": Out(range(self._size + 1), init=self._size),
                "o_judged": Out(1),
                "o_refused": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        leaves = self.o.valid & self.o.ready
        first, last = Signal(init=1), Signal(init=self._size == 1)
        m.d.comb += [self.o_first.eq(first), self.o.payload[0].eq(self.i.payload.byte)]
        with m.If(leaves):
            m.d.sync += [
                self.o_pixels.eq(Mux(last, self._size, self.o_pixels - 1)),
                first.eq(last),
                last.eq((self.o_pixels == 2) | (self._size == 1)),
            ]
        if self._coded:
            self._route(m, leaves & last)
        else:
            m.d.comb += [
                self.o.valid.eq(self.i.valid),
                self.i.ready.eq(self.o.ready),
                self.o_judged.eq(leaves & last),
            ]
        return m

    def _route(self, m: Module, ends: Value) -> None:
        """Coded frames through the decoder, and raw ones past it once it has nothing left to give.

        Parameters
        ----------
        m : Module
        ends : Value
            The last pixel of a frame leaves.
        """
        m.submodules.decoder = decoder = FrameDecoder(self._shape)
        # Bytes come out of a block RAM, which is slow.
        m.submodules.register = register = SkidBuffer(CODED_BYTE)
        wiring.connect(m, register.o, decoder.i)
        begins, decodes, done = Signal(init=1), Signal(), Signal()
        coded, taken = self.i.payload.coded, register.o.valid & register.o.ready
        passes = ~decodes & ~register.o.valid
        m.d.comb += [
            register.i.valid.eq(self.i.valid & coded),
            register.i.payload.byte.eq(self.i.payload.byte),
            register.i.payload.last.eq(self.i.payload.last),
            decoder.o.ready.eq(self.o.ready & decodes),
            self.i.ready.eq(Mux(coded, register.i.ready, self.o.ready & passes)),
            self.o.valid.eq(
                Mux(decodes, decoder.o.valid, self.i.valid & ~coded & passes),
            ),
            self.o_judged.eq(decoder.o_done | (ends & ~decodes)),
            self.o_refused.eq(decoder.o_done & decoder.o_refused),
        ]
        with m.If(decodes):
            m.d.comb += self.o.payload[0].eq(decoder.o.payload[0])
        with m.If(taken):
            m.d.sync += begins.eq(register.o.payload.last)
        # The decoder takes a frame's first byte only when it is done with the one before.
        with m.If(taken & begins):
            m.d.sync += [decodes.eq(1), done.eq(0)]
        with m.Elif(decoder.o_done):
            m.d.sync += done.eq(1)
        with m.Elif(done & ~decoder.o.valid):
            m.d.sync += decodes.eq(0)
