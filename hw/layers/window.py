"""The window memory: a ring of pixels, written by a stream, re-read window by window."""

from __future__ import annotations

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.read_order import ReadOrder
from hw.layers.window_arrivals import given_up, level_shape
from hw.layers.window_geometry import WindowGeometry
from hw.stream.counter import Counter, plus_one
from hw.stream.dual_port import DualPortMemory, MemoryKind
from hw.stream.fifo import LUT_BITS
from hw.stream.lane_stream import lane_stream

REGISTERS = ("ring and count", "announced window", "address", "word")
"""What a window's last word passes until its first one leaves, a cycle each."""
FEWEST = 8
"""Words of the smallest ring: with fewer, windows of a single word would wait for the writer."""


class WindowBuffer(wiring.Component):
    """Keeps the last rows of a padded map and reads out each output pixel's window.

    The words of a frame lie in the ring one after another, so every step of the reading order is
    a constant distance, and two counts (words written ahead of the reader, words not yet given
    up) are the whole control: a window is read once its last word is there, and a word is written
    once nobody needs what it replaces. Frames follow each other without a gap.

    One word a cycle in and out. The first word of a window leaves 4 cycles after the window's last
    word came in. Neither count waits for the output: windows are announced ahead of the reader
    (:class:`hw.layers.window_arrivals.WindowArrivals`), and what a window gives up is told a cycle
    late.

    For example, a kernel of 2 x 2 over a map of 3 x 4 words, which are named by row and column, in
    a ring of 8 places. A window's words lie at 0, 1, 4 and 5 from its first: a span of 6. After a
    word the address goes on by 1 (``WORD``) or by 3 to the next row of taps (``TAP_ROW``), and
    after a window's last word by -4 to its right neighbour (``COLUMN``), by -3 to the next row of
    windows (``ROW``) or by 1 to the next frame (``FRAME``); one more fold would take -5
    (``AGAIN``). ``ahead`` counts words written from the next window to be announced on, less the
    span: at 0 the window is there. Two windows may have been announced and not be read to their
    end. ``excess`` counts words not yet given up, less the capacity: below 0 there is room.
    Each word written adds 1 to both. Each window takes off its distance to the next, 1, 2 or 6:
    from ``ahead`` when it is announced, from ``excess`` a cycle after its last word is read::

        cycle   i  ring                     ahead  excess  address  move      o
            4  21  11 12 13 14  .  .  .  .     -2      -4                     .
            5  22  11 12 13 14 21  .  .  .     -1      -3                     .
            6  23  11 12 13 14 21 22  .  .      0      -2                     .
            7  24  11 12 13 14 21 22 23  .      0      -1                     .
            8   .  11 12 13 14 21 22 23 24      0       0        0  WORD      .
            9   .  11 12 13 14 21 22 23 24      0       0        1  TAP_ROW  11
           10   .  11 12 13 14 21 22 23 24      0       0        4  WORD     12
           11   .  11 12 13 14 21 22 23 24      0       0        5  COLUMN   21
           12   .  11 12 13 14 21 22 23 24     -2       0        1  WORD     22
           13  31  11 12 13 14 21 22 23 24     -2      -1        2  TAP_ROW  12
           14   .  31 12 13 14 21 22 23 24     -1       0        5  WORD     13
        ...
           18   .  31 32 13 14 21 22 23 24      0       0        6  WORD     14
           19   .  31 32 13 14 21 22 23 24     -1       0        7  ROW      23
           20   .  31 32 13 14 21 22 23 24     -1       0        4  WORD     24
           21  33  31 32 13 14 21 22 23 24     -1      -2        5  TAP_ROW  21
           22  34  31 32 33 14 21 22 23 24      0      -1        0  WORD     22
        ...
           30   .  31 32 33 34 41 42 23 24     -4       0        2  WORD     24
           31   .  31 32 33 34 41 42 23 24     -4       0        3  FRAME    33
           32   .  31 32 33 34 41 42 23 24     -4       0                    34
           33  43  31 32 33 34 41 42 23 24     -4      -6                     .

    Parameters
    ----------
    geometry : WindowGeometry
    lanes : int
        Channels a word.
    shape : Shape
        Of a channel, ``unsigned(8)`` or ``signed(8)``.
    capacity : int
        Words of the ring. At least ``geometry.span``; rows and frames follow without a bubble
        from ``span + longest_step``, or one more where as many words are read as written. There
        are never fewer than 8.
    kind : "block" or "lut"
    tap : tuple of int or None
        Row and column of a tap of the kernel to emit as well, once a window, on ``o_tap``: what a
        convolution of a single tap and of the same stride reads of the map.

    Members
    -------
    i : In(lane_stream(lanes, shape))
    o : Out(lane_stream(lanes, shape))
        For each window ``folds`` times: tap by tap in raster order, chunk by chunk; or channelwise,
        chunk by chunk, each of them tap by tap.
    o_tap : Out(lane_stream(lanes, shape))
        Only with ``tap``: that pixel of each window, chunk by chunk. Neither output waits for the
        other with a word that both get, and both wait with the next one.

    Raises
    ------
    ValueError
        If the ring does not hold a window's span, or the kernel has no such tap.
    """

    def __init__(
        self,
        geometry: WindowGeometry,
        *,
        lanes: int,
        shape: Shape,
        capacity: int,
        kind: MemoryKind = "lut",
        tap: tuple[int, int] | None = None,
    ):
        if capacity < geometry.span:
            raise ValueError(f"capacity {capacity} is below one window's span of {geometry.span}")
        rows, columns = geometry.taps
        if tap is not None and not (0 <= tap[0] < rows and 0 <= tap[1] < columns):
            raise ValueError(f"a kernel of {rows} x {columns} has no tap {tap}")
        self._geometry = geometry
        self._capacity = max(capacity, FEWEST)
        self._shape = shape
        self._kind = kind
        self._tap = tap
        ports = {"i": In(lane_stream(lanes, shape)), "o": Out(lane_stream(lanes, shape))}
        if tap is not None:
            ports["o_tap"] = Out(lane_stream(lanes, shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        geometry, capacity = self._geometry, self._capacity
        m.submodules.ring = ring = DualPortMemory(self.i.payload.shape(), capacity, self._kind)
        write, read = ring.write, ring.read
        m.submodules.place = place = Counter(capacity)
        m.submodules.order = order = ReadOrder(geometry, capacity, self._tap)

        # Words that are not yet given up, less the capacity: negative while there is room.
        attributes = {"keep": "true"} if self._has_parts else {}
        level = level_shape(geometry, capacity)
        excess = Signal(level, init=-capacity, attrs=attributes)
        following, push = Signal(level), Signal()
        room = self._room(m, excess, following)
        m.d.comb += [
            self.i.ready.eq(excess[-1]),
            push.eq(self.i.valid & room),
            write.en.eq(push),
            place.i_step.eq(push),
            write.addr.eq(place.o_count),
            write.data.eq(self.i.payload),
            order.i_written.eq(push),
            read.addr.eq(order.o_address),
        ]
        given = given_up(geometry, order.o_left, order.o_onward)
        m.d.comb += following.eq(plus_one(excess, given, push))
        m.d.sync += excess.eq(following)

        advance = self._output(m, order)
        m.d.comb += [
            self.o.payload.eq(read.data),
            read.en.eq(advance & order.o_valid),
            order.i_advance.eq(advance),
        ]
        return m

    @property
    def _has_parts(self) -> bool:
        """Its words are in many small memories, whose enables take more than a gate."""
        return self._kind == "lut" and self._capacity > 2 * LUT_BITS

    def _room(self, m: Module, excess: Signal, following: Signal) -> Value:
        """Whether there is room for a word: in a register near the memories, if there are many.

        The register that the writer waits for would otherwise be as near to the writer as to them.
        """
        if not self._has_parts:
            return excess[-1]
        room = Signal(init=1, attrs={"keep": "true"})
        m.d.sync += room.eq(following[-1])
        return room

    def _output(self, m: Module, order: ReadOrder) -> Signal:
        """Drive the outputs' ``valid`` from the pipeline; returns whether the pipeline advances."""
        held = Signal()  # the output register holds a word
        advance = Signal()
        if self._tap is None:
            m.d.comb += [self.o.valid.eq(held), advance.eq(~held | self.o.ready)]
        else:
            self._output_both(m, order, held, advance)
        with m.If(advance):
            m.d.sync += held.eq(order.o_valid)
        return advance

    def _output_both(self, m: Module, order: ReadOrder, held: Signal, advance: Signal) -> None:
        """A word that is of the tap leaves by both outputs, each when it is ready."""
        tap = Signal(reset_less=True)
        main_done, tap_done = Signal(), Signal()
        main_ok, tap_ok = Signal(), Signal()
        m.d.comb += [
            self.o.valid.eq(held & ~main_done),
            self.o_tap.valid.eq(held & tap & ~tap_done),
            self.o_tap.payload.eq(self.o.payload),
            main_ok.eq(main_done | self.o.ready),
            tap_ok.eq(~tap | tap_done | self.o_tap.ready),
            advance.eq(~held | (main_ok & tap_ok)),
        ]
        m.d.sync += [
            main_done.eq(held & main_ok & ~tap_ok),
            tap_done.eq(held & tap & tap_ok & ~main_ok),
        ]
        with m.If(advance):
            m.d.sync += tap.eq(order.o_tap)
