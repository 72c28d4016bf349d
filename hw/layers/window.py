"""The window memory: a ring of pixels, written by a stream, re-read window by window."""

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import enum, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.fifo import MemoryKind, memory_attributes, wrap
from hw.stream.lane_stream import lane_stream

FEWEST = 4
"""Words of the smallest ring: with fewer, windows of a single word would wait for the writer."""


@dataclass(frozen=True)
class WindowGeometry:
    """The windows of a convolution over a padded map, and the order in which they are read.

    Attributes
    ----------
    height, width : int
        Of the map, padding included.
    chunks : int
        Words a pixel.
    kernel, stride : int
    folds : int
        Times that each window is read.
    """

    height: int
    width: int
    chunks: int
    kernel: int
    stride: int
    folds: int

    def __post_init__(self) -> None:
        if min(self.chunks, self.kernel, self.stride, self.folds) < 1:
            raise ValueError(f"{self}: chunks, kernel, stride and folds must be positive")
        if min(self.height, self.width) < self.kernel:
            raise ValueError(f"{self}: the map is smaller than the kernel")

    @property
    def rows(self) -> int:
        """Rows of windows."""
        return (self.height - self.kernel) // self.stride + 1

    @property
    def columns(self) -> int:
        """Windows a row."""
        return (self.width - self.kernel) // self.stride + 1

    @property
    def span(self) -> int:
        """Words from a window's first to its last, both included."""
        return ((self.kernel - 1) * self.width + self.kernel) * self.chunks

    @property
    def column_step(self) -> int:
        """Words from a window to its right neighbour."""
        return self.stride * self.chunks

    @property
    def row_step(self) -> int:
        """Words from the last window of a row to the first of the next."""
        return (self.stride * self.width - (self.columns - 1) * self.stride) * self.chunks

    @property
    def frame_step(self) -> int:
        """Words from the last window of a frame to the first of the next frame."""
        last = (self.rows - 1) * self.stride * self.width + (self.columns - 1) * self.stride
        return (self.height * self.width - last) * self.chunks

    @property
    def longest_step(self) -> int:
        """The longest of the three steps."""
        return max(self.column_step, self.row_step, self.frame_step)

    @property
    def words(self) -> int:
        """Words a window."""
        return self.kernel * self.kernel * self.chunks

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The words read for one frame.

        Parameters
        ----------
        frame : array (height, width, chunks, lanes)

        Returns
        -------
        array (rows * columns * folds * kernel * kernel * chunks, lanes)
        """
        windows = [
            frame[y : y + self.kernel, x : x + self.kernel].reshape(self.words, -1)
            for y in range(0, self.rows * self.stride, self.stride)
            for x in range(0, self.columns * self.stride, self.stride)
        ]
        return np.concatenate([w for w in windows for _ in range(self.folds)])


class WindowBuffer(wiring.Component):
    """Keeps the last rows of a padded map and reads out each output pixel's window.

    The words of a frame lie in the ring one after another, so every step of the reading order is
    a constant distance, and two counts (words written ahead of the reader, words not yet given
    up) are the whole control: a window is read once its last word is there, and a word is written
    once nobody needs what it replaces. Frames follow each other without a gap.

    One word a cycle in and out. The first word of a window leaves 3 cycles after the window's last
    word came in.

    For example, a kernel of 2 x 2 over a map of 3 x 4 words, which are named by row and column, in
    a ring of 8 places. A window's words lie at 0, 1, 4 and 5 from its first: a span of 6. After a
    word the address goes on by 1 (``WORD``) or by 3 to the next row of taps (``TAP_ROW``), and
    after a window's last word by -4 to its right neighbour (``COLUMN``), by -3 to the next row of
    windows (``ROW``) or by 1 to the next frame (``FRAME``); one more fold would take -5
    (``AGAIN``). ``ahead`` counts words written from the window on, less the span: at 0 the window
    is there. ``excess`` counts words not yet given up, less the capacity: below 0 there is room.
    Each word written adds 1 to both. Each window takes off its distance to the next, 1, 2 or 6:
    from ``ahead`` when the address of its last word is chosen, from ``excess`` when it is read::

        cycle   i  ring                     ahead  excess  address  move      o
            4  21  11 12 13 14  .  .  .  .     -2      -4                     .
            5  22  11 12 13 14 21  .  .  .     -1      -3                     .
            6  23  11 12 13 14 21 22  .  .      0      -2                     .
            7  24  11 12 13 14 21 22 23  .      1      -1        0  WORD      .
            8   .  11 12 13 14 21 22 23 24      2       0        1  TAP_ROW  11
            9   .  11 12 13 14 21 22 23 24      2       0        4  WORD     12
           10   .  11 12 13 14 21 22 23 24      1       0        5  COLUMN   21
           11  31  11 12 13 14 21 22 23 24      1      -1        1  WORD     22
           12   .  31 12 13 14 21 22 23 24      2       0        2  TAP_ROW  12
           13   .  31 12 13 14 21 22 23 24      2       0        5  WORD     13
        ...
           17   .  31 32 13 14 21 22 23 24      2       0        6  WORD     14
           18   .  31 32 13 14 21 22 23 24      0       0        7  ROW      23
           19  33  31 32 13 14 21 22 23 24      0      -2        4  WORD     24
           20  34  31 32 33 14 21 22 23 24      1      -1        5  TAP_ROW  21
        ...
           29   .  31 32 33 34 41 42 23 24      2       0        2  WORD     24
           30   .  31 32 33 34 41 42 23 24     -4       0        3  FRAME    33
           31  43  31 32 33 34 41 42 23 24     -4      -6                    34

    Parameters
    ----------
    geometry : WindowGeometry
    lanes : int
        Channels a word.
    shape : Shape
        Of a channel, ``unsigned(8)`` or ``signed(8)``.
    capacity : int
        Words of the ring. At least ``geometry.span``; rows and frames follow without a bubble
        from ``span + longest_step``. There are never fewer than 4.
    kind : "block" or "lut"
    centre : bool
        Also emit the centre tap of each window, once, on ``o_centre``.

    Members
    -------
    i : In(lane_stream(lanes, shape))
    o : Out(lane_stream(lanes, shape))
        For each window ``folds`` times: tap by tap in raster order, chunk by chunk.
    o_centre : Out(lane_stream(lanes, shape))
        Only with ``centre``: the centre pixel of each window, chunk by chunk.

    Raises
    ------
    ValueError
        If the ring does not hold a window's span, or there is no centre tap as the kernel is even.
    """

    def __init__(
        self,
        geometry: WindowGeometry,
        *,
        lanes: int,
        shape: Shape,
        capacity: int,
        kind: MemoryKind = "lut",
        centre: bool = False,
    ):
        if capacity < geometry.span:
            raise ValueError(f"capacity {capacity} is below one window's span of {geometry.span}")
        if centre and geometry.kernel % 2 == 0:
            raise ValueError(f"a kernel of {geometry.kernel} has no centre tap")
        self._geometry = geometry
        self._capacity = max(capacity, FEWEST)
        self._shape = shape
        self._kind = kind
        self._centre = centre
        ports = {"i": In(lane_stream(lanes, shape)), "o": Out(lane_stream(lanes, shape))}
        if centre:
            ports["o_centre"] = Out(lane_stream(lanes, shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        geometry, capacity = self._geometry, self._capacity
        m.submodules.ring = ring = memory.Memory(
            shape=self.i.payload.shape(),
            depth=capacity,
            init=[],
            attrs=memory_attributes(self._kind),
        )
        write, read = ring.write_port(), ring.read_port()
        m.submodules.order = order = _ReadOrder(geometry, capacity)

        # Words that are not yet given up, less the capacity: negative while there is room.
        excess = Signal(_level_shape(geometry, capacity), init=-capacity)
        push = Signal()
        m.d.comb += [
            self.i.ready.eq(excess[-1]),
            push.eq(self.i.valid & self.i.ready),
            write.en.eq(push),
            write.data.eq(self.i.payload),
            order.i_written.eq(push),
            read.addr.eq(order.o_address),
        ]
        given_up = [0, 0, 0, geometry.column_step, geometry.row_step, geometry.frame_step]
        m.d.sync += excess.eq(excess - _less_one(m, order.o_release, given_up, push))
        with m.If(push):
            m.d.sync += write.addr.eq(wrap(write.addr, capacity))

        centre = Signal()
        advance = self._output(m, centre)
        m.d.comb += [
            self.o.payload.eq(read.data),
            read.en.eq(advance & order.o_valid),
            order.i_advance.eq(advance),
        ]
        with m.If(advance):
            m.d.sync += centre.eq(order.o_centre)
        return m

    def _output(self, m: Module, centre: Signal) -> Signal:
        """Drive the outputs' ``valid`` from the pipeline; returns whether the pipeline advances."""
        order = m.submodules.order
        held = Signal()  # the output register holds a word
        advance = Signal()
        if not self._centre:
            m.d.comb += [self.o.valid.eq(held), advance.eq(~held | self.o.ready)]
        else:
            main_done, centre_done = Signal(), Signal()
            main_ok, centre_ok = Signal(), Signal()
            m.d.comb += [
                self.o.valid.eq(held & ~main_done),
                self.o_centre.valid.eq(held & centre & ~centre_done),
                self.o_centre.payload.eq(self.o.payload),
                main_ok.eq(main_done | self.o.ready),
                centre_ok.eq(~centre | centre_done | self.o_centre.ready),
                advance.eq(~held | (main_ok & centre_ok)),
            ]
            m.d.sync += [
                main_done.eq(held & main_ok & ~centre_ok),
                centre_done.eq(held & centre & centre_ok & ~main_ok),
            ]
        with m.If(advance):
            m.d.sync += held.eq(order.o_valid)
        return advance


class _ReadOrder(wiring.Component):
    """Addresses of a window memory's reads, in two stages: which step, then the address.

    Members
    -------
    i_written : In(1)
        A word is written in this cycle.
    i_advance : In(1)
        The pipeline moves.
    o_valid, o_address, o_centre
        A read to make, when ``i_advance``; whether it is a centre tap of the first fold.
    o_release : Out
        The move of :class:`_Move` that gives up words in this cycle, or one that gives up none.
    """

    def __init__(self, geometry: WindowGeometry, capacity: int):
        self._geometry = geometry
        self._capacity = capacity
        super().__init__(
            {
                "i_written": In(1),
                "i_advance": In(1),
                "o_valid": Out(1),
                "o_address": Out(range(capacity)),
                "o_centre": Out(1),
                "o_release": Out(_Move),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        g, capacity = self._geometry, self._capacity
        # Words ahead of the reader, less a window's: a window is there unless this is negative.
        ahead = Signal(_level_shape(g, capacity), init=-g.span)
        active, issue = ~ahead[-1], Signal()
        m.d.comb += issue.eq(active & self.i_advance)

        tap_ends = _nested_counters(m, issue, (g.chunks, g.kernel, g.kernel, g.folds))
        _, kx_end, ky_end, pixel_end = tap_ends.ends
        row_end, frame_end = _nested_counters(m, issue & pixel_end, (g.columns, g.rows)).ends

        onward = Mux(frame_end, _Move.FRAME, Mux(row_end, _Move.ROW, _Move.COLUMN))
        leave = Signal(_Move)
        m.d.comb += leave.eq(Mux(issue & pixel_end, onward, _Move.WORD))
        steps = [0, 0, 0, g.column_step, g.row_step, g.frame_step]
        m.d.sync += ahead.eq(ahead - _less_one(m, leave, steps, self.i_written))

        # What the second stage needs to know of this word: how to go on.
        move = Signal(_Move)
        within = Mux(ky_end, _Move.AGAIN, Mux(kx_end, _Move.TAP_ROW, _Move.WORD))
        with m.If(self.i_advance):
            m.d.sync += [
                self.o_valid.eq(active),
                self.o_centre.eq(tap_ends.is_centre(g.kernel)),
                move.eq(Mux(pixel_end, onward, within)),
            ]
        step = self.i_advance & self.o_valid
        m.d.comb += self.o_release.eq(Mux(step, move, _Move.WORD))
        self._address(m, move, step)
        return m

    def _address(self, m: Module, move: Value, step: Value) -> None:
        """The second stage: the address, and the distance to the next one."""
        g, capacity = self._geometry, self._capacity
        moves = [1, (g.width - g.kernel) * g.chunks + 1, 1 - g.span]
        moves += [s - g.span + 1 for s in (g.column_step, g.row_step, g.frame_step)]
        # Both differences side by side, so that no carry waits for another.
        below = Signal(signed(len(self.o_address) + 2))
        back = _constant(m, move, [-distance % capacity for distance in moves])
        m.d.comb += below.eq(self.o_address - back)
        around = _constant(m, move, [-distance % capacity - capacity for distance in moves])
        with m.If(step):
            m.d.sync += self.o_address.eq(Mux(below[-1], self.o_address - around, below))


class _Move(enum.Enum, shape=3):  # type: ignore[call-arg]
    """How the reading order goes on after a word; the last three leave a window."""

    WORD = 0
    TAP_ROW = 1
    AGAIN = 2
    COLUMN = 3
    ROW = 4
    FRAME = 5


def _constant(m: Module, move: Value, constants: list[int]) -> Signal:
    """The constant that belongs to a move."""
    found = Signal(range(min(*constants, 0), max(constants) + 1))
    with m.Switch(move):
        for number, constant in enumerate(constants):
            with m.Case(number):
                m.d.comb += found.eq(constant)
    return found


def _less_one(m: Module, move: Value, constants: list[int], one: Value) -> Value:
    """The constant that belongs to a move, less ``one``, in a single selection.

    A counter that takes it off needs a single adder, and as it is a difference, tools merge the
    selection into the adder's look-up tables.
    """
    both = constants + [0] * (8 - len(constants)) + [constant - 1 for constant in constants]
    return _constant(m, Cat(move, one), both)


def _level_shape(geometry: WindowGeometry, capacity: int) -> Shape:
    """Holds a count of words ahead of the reader, or behind it at the end of a frame."""
    return signed((capacity + geometry.longest_step).bit_length() + 1)


@dataclass(frozen=True)
class _Counters:
    """Nested loop counters; ``ends[k]``: counters 0 to k are all at their last value."""

    values: list[Signal]
    ends: list

    def is_centre(self, kernel: int) -> Value:
        """The loops (chunk, kx, ky, fold) are at the centre tap of the first fold."""
        _, kx, ky, fold = self.values
        return (kx == kernel // 2) & (ky == kernel // 2) & (fold == 0)


def _nested_counters(m: Module, enable: Value, sizes: tuple[int, ...]) -> _Counters:
    """Counters that step like an odometer while ``enable``, the first one fastest."""
    values, ends = [], []
    carry, end = enable, None
    for size in sizes:
        value = Signal(range(max(size, 2)))
        last = Signal()
        m.d.comb += last.eq(value == size - 1)
        with m.If(carry):
            m.d.sync += value.eq(Mux(last, 0, value + 1))
        carry = carry & last
        end = last if end is None else end & last
        values.append(value)
        ends.append(end)
    return _Counters(values, ends)
