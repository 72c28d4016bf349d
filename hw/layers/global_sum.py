"""Sums over whole frames."""

import numpy as np
from amaranth.hdl import Module, Shape, ShapeLike, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.layers.reducer import Reducer
from hw.stream.counter import Counter
from hw.stream.fifo import MemoryKind
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer


class GlobalSum(wiring.Component):
    """Sums each channel over the pixels of a frame.

    Exact. Latency 2 from the frame's last pixel; one input transfer a cycle, and the sums leave
    while the last pixel comes in, so that the next frame follows at once.

    Parameters
    ----------
    pixels, channels : int
        Of a frame.
    lanes : int
        Divides ``channels``.
    shape : shape-like
        Of a value.
    width : int
        Bits of a sum, wide enough for any frame.
    memory : "block" or "lut"
        Of the sums.

    Members
    -------
    i : In(lane_stream(lanes, shape))
        ``ready`` comes from registers alone.
    o : Out(lane_stream(lanes, signed(width)))
        ``channels / lanes`` transfers a frame; a register.

    Raises
    ------
    ValueError
        If ``lanes`` do not divide the channels, a frame has no pixel, or its sums may not fit
        ``signed(width)``.
    """

    def __init__(
        self,
        pixels: int,
        channels: int,
        lanes: int,
        shape: ShapeLike,
        width: int,
        memory: MemoryKind = "lut",
    ):
        if lanes < 1 or channels % lanes:
            raise ValueError(f"{lanes} lanes do not divide {channels} channels")
        if pixels < 1:
            raise ValueError(f"a frame of {pixels} pixels has no sum")
        value = Shape.cast(shape)
        largest = pixels << (value.width - 1) if value.signed else pixels * ((1 << value.width) - 1)
        if largest > (1 << (width - 1)) - (not value.signed):
            raise ValueError(f"sums up to {largest} do not fit signed({width})")
        self._pixels = pixels
        self._chunks = channels // lanes
        self._lanes = lanes
        self._shape = shape
        self._width = width
        self._memory = memory
        super().__init__(
            {"i": In(lane_stream(lanes, shape)), "o": Out(lane_stream(lanes, signed(width)))}
        )

    @staticmethod
    def model(frame: np.ndarray) -> np.ndarray:
        """The sums of a frame (height, width, channels), as a frame of one pixel."""
        return frame.astype(np.int64).sum(axis=(0, 1), keepdims=True)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.reducer = reducer = Reducer(
            self._chunks,
            self._lanes,
            self._shape,
            signed(self._width),
            lambda total, value: total + value,
            self._memory,
        )
        m.submodules.chunk = chunk = Counter(self._chunks)
        m.submodules.pixel = pixel = Counter(self._pixels, [(0, 1)])
        m.submodules.skid = skid = SkidBuffer(self.o.payload.shape())
        connect(m, reducer.o, skid.i)
        connect(m, skid.o, flipped(self.o))
        m.d.comb += [
            reducer.i.valid.eq(self.i.valid),
            self.i.ready.eq(reducer.i.ready),
            reducer.i.payload["values"].eq(self.i.payload),
            reducer.i.payload.fresh.eq(pixel.o_inside),
            reducer.i.payload.emit.eq(pixel.o_last),
            chunk.i_step.eq(self.i.valid & self.i.ready),
            pixel.i_step.eq(chunk.i_step & chunk.o_last),
        ]
        return m
