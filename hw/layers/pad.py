"""A border of padding pixels."""

from collections.abc import Sequence

import numpy as np
from amaranth.hdl import Module, Shape, ShapeLike, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.stream.counter import Counter
from hw.stream.lane_stream import lane_stream


class Padder(wiring.Component):
    """Puts a border of constant pixels around each frame.

    No latency but the padding's; one output transfer a cycle, padding included:
    ``(height + top + bottom) * (width + left + right) * chunks`` cycles a frame. A frame's padding
    starts when its first pixel is there. What is padding comes from registers, so that each side's
    handshake passes a gate only. Without padding it is a wire.

    Parameters
    ----------
    height, width : int
        Of the frame without padding.
    chunks : int
        Transfers a pixel.
    lanes : int
    shape : shape-like
        Of a value.
    pad : tuple of int
        Top, left, bottom, right.
    code : sequence of int
        The padding pixel, ``chunks * lanes`` values.

    Members
    -------
    i : In(lane_stream(lanes, shape))
    o : Out(lane_stream(lanes, shape))

    Raises
    ------
    ValueError
        If a frame is empty, ``pad`` is not four sizes of at least 0, or ``code`` is not
        ``chunks * lanes`` values that fit ``shape``.
    """

    def __init__(
        self,
        height: int,
        width: int,
        chunks: int,
        lanes: int,
        shape: ShapeLike,
        pad: tuple[int, int, int, int],
        code: Sequence[int],
    ):
        if height < 1 or width < 1 or chunks < 1:
            raise ValueError(f"a frame of {height}x{width} pixels of {chunks} transfers is empty")
        if len(pad) != 4 or min(pad) < 0:
            raise ValueError(f"padding must be four sizes of at least 0, not {pad}")
        if len(code) != chunks * lanes:
            raise ValueError(f"a padding pixel needs {chunks * lanes} values, not {len(code)}")
        for value in code:
            if not _fits(int(value), shape):
                raise ValueError(f"padding value {value} does not fit {shape}")
        self._size = height, width
        self._chunks = chunks
        self._lanes = lanes
        self._shape = shape
        self._pad = tuple(pad)
        self._code = np.array(code, dtype=int)
        super().__init__({"i": In(lane_stream(lanes, shape)), "o": Out(lane_stream(lanes, shape))})

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The frame (height, width, channels) with its border."""
        top, left, bottom, right = self._pad
        height, width = self._size
        shape = (height + top + bottom, width + left + right, len(self._code))
        padded = np.broadcast_to(self._code, shape).copy()
        padded[top : top + height, left : left + width] = frame
        return padded

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        if not any(self._pad):
            connect(m, flipped(self.i), flipped(self.o))
            return m
        top, left, bottom, right = self._pad
        height, width = self._size
        row_span, column_span = (top, top + height), (left, left + width)
        m.submodules.row = row = Counter(height + top + bottom, [row_span])
        m.submodules.column = column = Counter(width + left + right, [column_span])
        m.submodules.chunk = chunk = Counter(self._chunks)

        first = Signal(init=1)
        inside = Signal()
        step = Signal()
        m.d.comb += [
            inside.eq(row.o_inside & column.o_inside),
            self.o.valid.eq(self.i.valid | ~(inside | first)),
            self.i.ready.eq(inside & self.o.ready),
            step.eq(self.o.valid & self.o.ready),
            chunk.i_step.eq(step),
            column.i_step.eq(step & chunk.o_last),
            row.i_step.eq(column.i_step & column.o_last),
        ]
        with m.If(step):
            m.d.sync += first.eq(row.i_step & row.o_last)
        with m.If(inside):
            m.d.comb += self.o.payload.eq(self.i.payload)
        with m.Else():
            self._drive_code(m, self.o.payload, chunk.o_count)
        return m

    def _drive_code(self, m: Module, payload: data.View, chunk: Signal) -> None:
        codes = [[int(v) for v in part] for part in self._code.reshape(self._chunks, self._lanes)]
        if all(code == codes[0] for code in codes):
            m.d.comb += _assign(payload, codes[0])
            return
        with m.Switch(chunk):
            for index, code in enumerate(codes):
                with m.Case(index):
                    m.d.comb += _assign(payload, code)


def _assign(payload: data.View, code: list[int]) -> list:
    return [payload[lane].eq(value) for lane, value in enumerate(code)]


def _fits(value: int, shape: ShapeLike) -> bool:
    cast = Shape.cast(shape)
    low = -(1 << (cast.width - 1)) if cast.signed else 0
    return low <= value < low + (1 << cast.width)
