"""Where a window memory reads next."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.window_geometry import WindowGeometry


class Move(enum.Enum, shape=3):  # type: ignore[call-arg]
    """How the reading order goes on after a word; the last three leave a window."""

    WORD = 0
    TAP_ROW = 1
    AGAIN = 2
    COLUMN = 3
    ROW = 4
    FRAME = 5


class ReadOrder(wiring.Component):
    """Addresses of a window memory's reads, in two stages: which step, then the address.

    Parameters
    ----------
    geometry : WindowGeometry
    capacity : int
        Words of the memory.
    tap : tuple of int or None
        Row and column of the tap to mark.

    Members
    -------
    i_written : In(1)
        A word is written in this cycle.
    i_advance : In(1)
        The pipeline moves.
    o_valid, o_address : Out
        A read to make, when ``i_advance``.
    o_tap : Out(1)
        Only with ``tap``: this read is of that tap, for the first time in its window.
    o_release : Out(Move)
        The move that gives up words in this cycle, or one that gives up none.
    """

    def __init__(self, geometry: WindowGeometry, capacity: int, tap: tuple[int, int] | None = None):
        self._geometry = geometry
        self._capacity = capacity
        self._tap = tap
        super().__init__(
            {
                "i_written": In(1),
                "i_advance": In(1),
                "o_valid": Out(1),
                "o_address": Out(range(capacity)),
                **({} if tap is None else {"o_tap": Out(1)}),
                "o_release": Out(Move),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        g, capacity = self._geometry, self._capacity
        # Words ahead of the reader, less a window's: a window is there unless this is negative.
        ahead = Signal(level_shape(g, capacity), init=-g.span)
        active, issue = ~ahead[-1], Signal()
        m.d.comb += issue.eq(active & self.i_advance)

        inner = _nested_counters(m, issue, g.loops)
        _, columns_end, rows_end, window_end = inner.ends
        row_end, frame_end = _nested_counters(m, issue & window_end, (g.columns, g.rows)).ends

        onward = Mux(frame_end, Move.FRAME, Mux(row_end, Move.ROW, Move.COLUMN))
        leave = Signal(Move)
        m.d.comb += leave.eq(Mux(issue & window_end, onward, Move.WORD))
        m.d.sync += ahead.eq(ahead - less_one(m, leave, leaving_steps(g), self.i_written))

        # What the second stage needs to know of this word: how to go on.
        move = Signal(Move)
        within = Mux(rows_end, Move.AGAIN, Mux(columns_end, Move.TAP_ROW, Move.WORD))
        with m.If(self.i_advance):
            m.d.sync += [self.o_valid.eq(active), move.eq(Mux(window_end, onward, within))]
            if self._tap is not None:
                m.d.sync += self.o_tap.eq(self._is_tap(inner.values, self._tap))
        step = self.i_advance & self.o_valid
        m.d.comb += self.o_release.eq(Mux(step, move, Move.WORD))
        self._address(m, move, step)
        return m

    def _is_tap(self, loops: list[Signal], tap: tuple[int, int]) -> Value:
        """The loops are at a tap, in its first fold; all chunks of it are wanted."""
        _, column, row, round_ = loops
        here = (column == tap[1]) & (row == tap[0])
        return here if self._geometry.channelwise else here & (round_ == 0)

    def _address(self, m: Module, move: Value, step: Value) -> None:
        """The second stage: the address, and the distance to the next one."""
        g, capacity = self._geometry, self._capacity
        moves = list(g.inner_steps)
        moves += [s - g.span + 1 for s in (g.column_step, g.row_step, g.frame_step)]
        # Both differences side by side, so that no carry waits for another.
        below = Signal(signed(len(self.o_address) + 2))
        back = _constant(m, move, [-distance % capacity for distance in moves])
        m.d.comb += below.eq(self.o_address - back)
        around = _constant(m, move, [-distance % capacity - capacity for distance in moves])
        with m.If(step):
            m.d.sync += self.o_address.eq(Mux(below[-1], self.o_address - around, below))


def leaving_steps(geometry: WindowGeometry) -> list[int]:
    """Words that each :class:`Move` gives up."""
    return [0, 0, 0, geometry.column_step, geometry.row_step, geometry.frame_step]


def less_one(m: Module, move: Value, constants: list[int], one: Value) -> Value:
    """The constant that belongs to a move, less ``one``, in a single selection.

    A counter that takes it off needs a single adder, and as it is a difference, tools merge the
    selection into the adder's look-up tables.

    Parameters
    ----------
    m : Module
    move : value
        A :class:`Move`.
    constants : list of int
        One for each move.
    one : value
        A bit.
    """
    both = constants + [0] * (8 - len(constants)) + [constant - 1 for constant in constants]
    return _constant(m, Cat(move, one), both)


def level_shape(geometry: WindowGeometry, capacity: int) -> Shape:
    """Holds a count of words ahead of the reader, or behind it at the end of a frame."""
    return signed((capacity + geometry.longest_step).bit_length() + 1)


def _constant(m: Module, move: Value, constants: list[int]) -> Signal:
    """The constant that belongs to a move."""
    found = Signal(range(min(*constants, 0), max(constants) + 1))
    with m.Switch(move):
        for number, constant in enumerate(constants):
            with m.Case(number):
                m.d.comb += found.eq(constant)
    return found


@dataclass(frozen=True)
class _Counters:
    """Nested loop counters; ``ends[k]``: counters 0 to k are all at their last value."""

    values: list[Signal]
    ends: list[Value]


def _nested_counters(m: Module, enable: Value, sizes: tuple[int, ...]) -> _Counters:
    """Counters that step like an odometer while ``enable``, the first one fastest."""
    values: list[Signal] = []
    ends: list[Value] = []
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
