"""When the windows of a map are complete."""

from __future__ import annotations

from amaranth.hdl import Const, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import enum, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.window_geometry import WindowGeometry
from hw.stream.counter import Counter, plus_one


class Onward(enum.Enum, shape=2):  # type: ignore[call-arg]
    """Where the next window is."""

    COLUMN = 0
    ROW = 1
    FRAME = 2


class WindowArrivals(wiring.Component):
    """Announces windows whose words are all written, in order, a cycle after the last word.

    One window a cycle. It runs ahead of whoever reads them, so that no decision of a reader has to
    pass through its counts.

    Parameters
    ----------
    geometry : WindowGeometry
    capacity : int
        Words of the memory.

    Members
    -------
    i_written : In(1)
        A word is written in this cycle.
    o : Out(stream.Signature(Onward))
        A window that is there, and how the one behind it lies.
    """

    def __init__(self, geometry: WindowGeometry, capacity: int):
        self._geometry = geometry
        self._capacity = capacity
        super().__init__({"i_written": In(1), "o": Out(stream.Signature(Onward))})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        g = self._geometry
        m.submodules.column = column = Counter(g.columns)
        m.submodules.row = row = Counter(g.rows)
        # Words written from the next window on, less a window's: it is there from 0 on.
        ahead = Signal(level_shape(g, self._capacity), init=-g.span)
        taken = self.o.valid & self.o.ready
        onward = Mux(column.o_last, Mux(row.o_last, Onward.FRAME, Onward.ROW), Onward.COLUMN)
        m.d.comb += [
            self.o.valid.eq(~ahead[-1]),
            self.o.payload.eq(onward),
            column.i_step.eq(taken),
            row.i_step.eq(taken & column.o_last),
        ]
        m.d.sync += ahead.eq(plus_one(ahead, given_up(g, taken, onward), self.i_written))
        return m


def given_up(geometry: WindowGeometry, enable: Value, onward: Value) -> Value:
    """Minus the words from a window to the next one, if enabled, else 0.

    Parameters
    ----------
    geometry : WindowGeometry
    enable : value
        A bit.
    onward : value
        An :class:`Onward`.
    """
    steps = (geometry.column_step, geometry.row_step, geometry.frame_step)
    return Mux(enable, chosen(onward, [-step for step in steps]), 0)


def chosen(code: Value, constants: list[int]) -> Value:
    """The constant of a code.

    By multiplexers of two, one a bit of the code: they all merge into the look-up tables of an
    adder behind them, where a tool may make shifts, and more adders, of a wide multiplexer.
    """
    if len(constants) == 1:
        return Const(constants[0])
    half = 1 << (len(constants) - 1).bit_length() - 1
    bit = Value.cast(code)[half.bit_length() - 1]
    return Mux(bit, chosen(code, constants[half:]), chosen(code, constants[:half]))


def level_shape(geometry: WindowGeometry, capacity: int) -> Shape:
    """Holds a count of words ahead of the reader, or behind it at the end of a frame."""
    return signed((capacity + geometry.longest_step).bit_length() + 1)
