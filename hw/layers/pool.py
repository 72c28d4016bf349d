"""Max pooling."""

import numpy as np
from amaranth.hdl import Module, Mux, ShapeLike, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.layers.reducer import Reducer
from hw.stream.counter import Counter
from hw.stream.fifo import MemoryKind, StreamFifo
from hw.stream.lane_stream import lane_stream


class MaxPool(wiring.Component):
    """Max pooling without padding, over windows that overlap by one pixel or not at all.

    Separable: a running maximum along each row, and of its results one along each column, which
    keeps one row of partial maxima. Exact. Latency 4 from a window's last pixel; one input
    transfer a cycle, ``height * width * channels / lanes`` cycles a frame.

    Parameters
    ----------
    height, width, channels : int
        Of the input.
    lanes : int
        Divides ``channels``.
    kernel : int
        ``stride`` or ``stride + 1``.
    stride : int
    ceil : bool
        Windows that reach past the bottom or right edge are cut there; without, they are left out
        (their pixels are taken and ignored).
    shape : shape-like
        Of a value.
    memory : "block" or "lut"
        Of the row of partial maxima.

    Members
    -------
    i : In(lane_stream(lanes, shape))
        ``ready`` comes from registers alone.
    o : Out(lane_stream(lanes, shape))
        A register.

    Raises
    ------
    ValueError
        If ``lanes`` do not divide the channels, the kernel is neither the stride nor one more, or
        the input is smaller than a window.
    """

    def __init__(
        self,
        height: int,
        width: int,
        channels: int,
        lanes: int,
        kernel: int,
        stride: int,
        ceil: bool,
        shape: ShapeLike,
        memory: MemoryKind = "lut",
    ):
        if lanes < 1 or channels % lanes:
            raise ValueError(f"{lanes} lanes do not divide {channels} channels")
        if stride < 1 or kernel not in (stride, stride + 1):
            raise ValueError(
                f"a {kernel}x{kernel} window at stride {stride} is not supported: "
                "the kernel must be the stride or one more"
            )
        if min(height, width) < kernel:
            raise ValueError(f"a {height}x{width} map is smaller than a {kernel}x{kernel} window")
        self._height = height
        self._width = width
        self._chunks = channels // lanes
        self._lanes = lanes
        self._kernel = kernel
        self._stride = stride
        self._ceil = ceil
        self._shape = shape
        self._memory = memory
        super().__init__({"i": In(lane_stream(lanes, shape)), "o": Out(lane_stream(lanes, shape))})

    def _windows(self, size: int) -> int:
        span = size - self._kernel
        return (-(-span // self._stride) if self._ceil else span // self._stride) + 1

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the output."""
        return self._windows(self._height), self._windows(self._width)

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The pooled frame (height, width, channels)."""
        rows, columns = self.output_size
        starts = [(y * self._stride, x * self._stride) for y in range(rows) for x in range(columns)]
        k = self._kernel
        maxima = [frame[y : y + k, x : x + k].max(axis=(0, 1)) for y, x in starts]
        return np.array(maxima).reshape(rows, columns, -1)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        rules = self._kernel, self._stride, self._ceil
        along = _Axis(self._chunks, self._width, *rules, self._lanes, self._shape, "lut")
        depth = self._chunks * self._windows(self._width)
        down = _Axis(depth, self._height, *rules, self._lanes, self._shape, self._memory)
        m.submodules.along = along
        m.submodules.down = down
        # A pixel comes in one go, and then none for a stride: whoever takes it slower has time.
        m.submodules.queue = queue = StreamFifo(self.o.payload.shape(), max(2, self._chunks))
        connect(m, flipped(self.i), along.i)
        connect(m, along.o, down.i)
        connect(m, down.o, queue.i)
        connect(m, queue.o, flipped(self.o))
        return m


class _Axis(wiring.Component):
    """Maxima of windows along one axis of ``size`` positions, each of ``depth`` transfers."""

    def __init__(
        self,
        depth: int,
        size: int,
        kernel: int,
        stride: int,
        ceil: bool,
        lanes: int,
        shape: ShapeLike,
        kind: MemoryKind,
    ):
        self._depth = depth
        self._size = size
        self._overlap = kernel > stride
        self._stride = stride
        self._ceil = ceil
        self._lanes = lanes
        self._shape = shape
        self._kind = kind
        port = stream.Signature(data.ArrayLayout(shape, lanes))
        super().__init__({"i": In(port), "o": Out(port)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reducer = reducer = Reducer(
            self._depth,
            self._lanes,
            self._shape,
            self._shape,
            lambda old, value: Mux(value > old, value, old),
            self._kind,
        )
        connect(m, reducer.o, flipped(self.o))
        # The position and, within its window, the phase. A cut window ends with the axis.
        m.submodules.item = item = Counter(self._depth)
        m.submodules.position = position = Counter(self._size, [(0, 1)])
        opening, closing = self._phase_flags(m, position)
        m.d.comb += [
            reducer.i.valid.eq(self.i.valid),
            self.i.ready.eq(reducer.i.ready),
            reducer.i.payload["values"].eq(self.i.payload),
            item.i_step.eq(self.i.valid & self.i.ready),
            position.i_step.eq(item.i_step & item.o_last),
        ]
        edge = position.o_last & int(self._ceil)
        if self._overlap:
            # The first pixel of a window is the last one of the window before.
            m.d.comb += [
                reducer.i.payload.fresh.eq(position.o_inside),
                reducer.i.payload.restart.eq(opening),
                reducer.i.payload.emit.eq((opening & ~position.o_inside) | edge),
            ]
        else:
            m.d.comb += [
                reducer.i.payload.fresh.eq(opening),
                reducer.i.payload.emit.eq(closing | edge),
            ]
        return m

    def _phase_flags(self, m: Module, position: Counter) -> tuple[Value, Value]:
        """Registers: the position is at the first and at the last step of a stride."""
        phase = Signal(self._stride, init=1)
        with m.If(position.i_step):
            m.d.sync += phase.eq(phase.rotate_left(1))
            with m.If(position.o_last):
                m.d.sync += phase.eq(1)
        return phase[0], phase[-1]
