"""Where a window memory reads next."""

from __future__ import annotations

from itertools import accumulate
from operator import and_

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out, connect

from hw.layers.window_arrivals import Onward, WindowArrivals, chosen
from hw.layers.window_geometry import WindowGeometry
from hw.stream.counter import Counter
from hw.stream.skid_buffer import SkidBuffer


class Move(enum.Enum, shape=3):  # type: ignore[call-arg]
    """How the reading order goes on after a word; the last three leave a window, as Onward says."""

    WORD = 0
    TAP_ROW = 1
    AGAIN = 2
    COLUMN = 4
    ROW = 5
    FRAME = 6


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
    o_left : Out(1)
        The last read of a window was made a cycle ago: ``o_onward`` says where the next one is.
    o_onward : Out(Onward)
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
                "o_left": Out(1),
                "o_onward": Out(Onward),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.arrivals = arrivals = WindowArrivals(self._geometry, self._capacity)
        m.submodules.windows = windows = SkidBuffer(Onward)
        connect(m, arrivals.o, windows.i)
        window = windows.o  # It stays there until its last word is on its way.
        issue = Signal()
        loops = self._loops()
        for name, loop in zip(("word", "column", "row", "round"), loops, strict=True):
            m.submodules[name] = loop
        *inner, window_end = accumulate((loop.o_last for loop in loops), and_)
        m.d.comb += [
            arrivals.i_written.eq(self.i_written),
            issue.eq(self.i_advance & window.valid),
            window.ready.eq(self.i_advance & window_end),
            loops[0].i_step.eq(issue),
            *(loop.i_step.eq(issue & end) for loop, end in zip(loops[1:], inner, strict=True)),
        ]
        # What the second stage needs to know of this word: how to go on.
        move = Signal(Move, reset_less=True)
        following = Signal(Move)
        _, columns_end, rows_end = inner
        within = Mux(rows_end, Move.AGAIN, Mux(columns_end, Move.TAP_ROW, Move.WORD))
        m.d.comb += following.eq(Mux(window_end, Cat(window.payload, 1), within))
        with m.If(self.i_advance):
            m.d.sync += [self.o_valid.eq(window.valid), move.eq(following)]
            if self._tap is not None:
                m.d.sync += self.o_tap.eq(self._is_tap(loops))
        step = self.i_advance & self.o_valid
        onward = Signal(Onward, reset_less=True)
        m.d.sync += [self.o_left.eq(step & move.as_value()[2]), onward.eq(move)]
        m.d.comb += self.o_onward.eq(onward)
        self._address(m, following, step)
        return m

    def _loops(self) -> list[Counter]:
        """The counters of a window's loops, the innermost first; span 0 is where the tap is."""
        sizes = self._geometry.loops
        if self._tap is None:
            return [Counter(size) for size in sizes]
        row, column = self._tap
        spans = [[], [(column, column + 1)], [(row, row + 1)], [(0, 1)]]
        return [Counter(size, span) for size, span in zip(sizes, spans, strict=True)]

    def _is_tap(self, loops: list[Counter]) -> Value:
        """The loops are at a tap, in its first fold; all chunks of it are wanted."""
        _, column, row, round_ = (loop.o_inside for loop in loops)
        return column & row if self._geometry.channelwise else column & row & round_

    def _address(self, m: Module, following: Value, step: Value) -> None:
        """The second stage: the address, and the distance to the next one.

        That is in registers of its own, rather than in look-up tables in front of the adders.
        """
        g, capacity = self._geometry, self._capacity
        moves = [*g.inner_steps, 0]
        moves += [s - g.span + 1 for s in (g.column_step, g.row_step, g.frame_step)]
        backwards = [-distance % capacity for distance in moves]
        back = Signal(range(capacity), reset_less=True)
        around = Signal(range(capacity + 1), reset_less=True)
        with m.If(self.i_advance):
            m.d.sync += [
                back.eq(chosen(following, backwards)),
                around.eq(chosen(following, [capacity - distance for distance in backwards])),
            ]
        # Both sums side by side, so that no carry waits for another.
        below = Signal(signed(len(self.o_address) + 2))
        m.d.comb += below.eq(self.o_address - back)
        with m.If(step):
            m.d.sync += self.o_address.eq(Mux(below[-1], self.o_address + around, below))
