"""Pooling over windows of any size, stride and padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from numpy.lib.stride_tricks import sliding_window_view

from hw.layers.average import Average, sum_shape
from hw.layers.folding import PoolPlan
from hw.layers.pad import Padder
from hw.layers.reducer import Reducer
from hw.layers.window import WindowBuffer
from hw.layers.window_geometry import WindowGeometry
from hw.stream.counter import Counter
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer
from hw.stream.watch import watch


class WindowPool(wiring.Component):
    """The maximum, or the average, of each channel over windows of any size, stride and padding.

    Exact. Each window is read from a window memory, ``lanes`` channels at a time, tap by tap:
    ``rows * columns * C / lanes * KH * KW`` cycles a frame, if its input and output streams keep
    up. From a window's last word to its first code it takes 4 cycles (the window memory's),
    ``KH * KW - 1`` for the other taps, one for the running maximum or sum, and one at the output
    or, for an average, those of the requantiser and of its FIFO. A lane takes a comparator, or an
    adder and a scaler. :class:`hw.layers.pool.MaxPool` is faster where it will do: a cycle for each
    pixel of its input.

    Padding never is a maximum, and counts as zero in an average. Where the last windows reach past
    the map, the padding has to be as large as it takes.

    Parameters
    ----------
    size : tuple of int
        Height and width of the map without padding.
    channels : int
    kernel : int or tuple of int
        Rows and columns of a window; a single number stands for both.
    stride : int
    pad : tuple of int
        Top, left, bottom, right; less than the kernel.
    shape : Shape
        Of a value, ``unsigned(8)`` or ``signed(8)``.
    plan : PoolPlan
    average : Average or None
        What makes a code of a window's sum; None asks for the maximum.

    Members
    -------
    i : In(lane_stream(plan.lanes, shape))
    o : Out(lane_stream(plan.lanes, shape or average.o_shape))

    Raises
    ------
    ValueError
        If the lanes do not divide the channels, or a window may lie in the padding altogether.
    """

    def __init__(
        self,
        size: tuple[int, int],
        channels: int,
        *,
        kernel: int | tuple[int, int],
        stride: int,
        pad: tuple[int, int, int, int],
        shape: Shape,
        plan: PoolPlan,
        average: Average | None = None,
    ):
        if plan.lanes < 1 or channels % plan.lanes:
            raise ValueError(f"{plan.lanes} lanes do not divide {channels} channels")
        top, left, bottom, right = pad
        height, width = size[0] + top + bottom, size[1] + left + right
        chunks = channels // plan.lanes
        self._geometry = WindowGeometry(height, width, chunks, kernel, stride, channelwise=True)
        rows, columns = self._geometry.taps
        if max(top, bottom) >= rows or max(left, right) >= columns:
            raise ValueError(f"windows of {rows} x {columns} may lie in a padding of {pad}")
        self._size, self._pad, self._plan = size, pad, plan
        self._shape, self._average = shape, average
        o_shape = shape if average is None else average.o_shape
        super().__init__(
            {"i": In(lane_stream(plan.lanes, shape)), "o": Out(lane_stream(plan.lanes, o_shape))}
        )

    @property
    def _pad_code(self) -> int:
        """What stands for padding: nothing is less, or it adds nothing."""
        return -128 if self._average is None and self._shape.signed else 0

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The pooled frame (height, width, channels)."""
        top, left, bottom, right = self._pad
        border = ((top, bottom), (left, right), (0, 0))
        padded = np.pad(frame.astype(np.int64), border, constant_values=self._pad_code)
        g = self._geometry
        windows = sliding_window_view(padded, g.taps, axis=(0, 1))[:: g.stride, :: g.stride]
        if self._average is None:
            return windows.max(axis=(3, 4))
        return self._average.model(windows.sum(axis=(3, 4)))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        g, plan, lanes = self._geometry, self._plan, self._plan.lanes
        m.submodules.pad = pad = Padder(
            *self._size,
            g.chunks,
            lanes,
            self._shape,
            self._pad,
            [self._pad_code] * g.chunks * lanes,
        )
        m.submodules.window = window = WindowBuffer(
            g,
            lanes=lanes,
            shape=self._shape,
            capacity=plan.window_pixels * g.chunks,
            kind=plan.window_memory,
        )
        connect(m, flipped(self.i), pad.i)
        connect(m, pad.o, window.i)
        m.submodules.last = last = self._last()
        connect(m, self._reduced(m, window), last.i)
        connect(m, last.o, flipped(self.o))
        return m

    def _last(self) -> wiring.Component:
        """What follows the reduction."""
        if self._average is None:
            return SkidBuffer(self.o.payload.shape())
        return self._average.requantise(self._plan.lanes, self._total_shape, self._plan.scaler)

    @property
    def _total_shape(self) -> Shape:
        """Of a running maximum or sum."""
        if self._average is None:
            return self._shape
        rows, columns = self._geometry.taps
        return sum_shape(rows * columns, self._shape)

    def _reduced(self, m: Module, window: WindowBuffer) -> wiring.PureInterface:
        """The stream of the windows' maxima or sums."""
        rows, columns = self._geometry.taps
        combine: Callable[[Value, Value], Value] = _larger if self._average is None else _sum
        m.submodules.reducer = reducer = Reducer(
            1, self._plan.lanes, self._shape, self._total_shape, combine, "lut"
        )
        m.submodules.tap = tap = Counter(rows * columns, [(0, 1)])
        m.d.comb += [
            reducer.i.valid.eq(window.o.valid),
            window.o.ready.eq(reducer.i.ready),
            reducer.i.payload["values"].eq(window.o.payload),
            reducer.i.payload.fresh.eq(tap.o_inside),
            reducer.i.payload.emit.eq(tap.o_last),
            tap.i_step.eq(window.o.valid & window.o.ready),
        ]
        watch(m, works=window.o.valid & window.o.ready)
        return reducer.o


def _larger(old: Value, value: Value) -> Value:
    return Mux(value > old, value, old)


def _sum(old: Value, value: Value) -> Value:
    return old + value
