"""A counter whose comparisons are registers."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Mux, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Counter(wiring.Component):
    """Counts 0 to ``size - 1`` and again.

    What units decide by, the end of the count and spans of it, comes from flip-flops that are
    computed one step ahead.

    Parameters
    ----------
    size : int
    spans : sequence of (start, stop)
        With ``0 <= start < stop <= size``.

    Members
    -------
    i_step : In(1)
        Count at the end of this cycle.
    o_count : Out(range(size))
        At least one bit.
    o_last : Out(1)
        The count is ``size - 1``.
    o_inside : Out(len(spans))
        Bit k: the count is in ``range(*spans[k])``. At least one bit, 0 without spans.

    Raises
    ------
    ValueError
        If ``size`` is below 1, or a span is empty or not inside the count.
    """

    def __init__(self, size: int, spans: Sequence[tuple[int, int]] = ()):
        if size < 1:
            raise ValueError(f"a counter needs a size of at least 1, not {size}")
        for start, stop in spans:
            if not 0 <= start < stop <= size:
                raise ValueError(f"span {start}..{stop} is not inside a count of {size}")
        self._size = size
        self._spans = tuple(spans)
        inside = sum(1 << k for k, (start, _) in enumerate(self._spans) if start == 0)
        super().__init__(
            {
                "i_step": In(1),
                "o_count": Out(range(max(size, 2))),
                "o_last": Out(1, init=size == 1),
                "o_inside": Out(max(len(self._spans), 1), init=inside),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        if self._size == 1:
            return m
        count, last = self.o_count, self._size - 1
        with m.If(self.i_step):
            m.d.sync += [
                count.eq(Mux(self.o_last, 0, count + 1)),
                self.o_last.eq(count == last - 1),
            ]
            for k, (start, stop) in enumerate(self._spans):
                # A span that begins at 0 is entered from the last count.
                with m.If(count == (start - 1) % self._size):
                    m.d.sync += self.o_inside[k].eq(1)
                with m.Elif(count == stop - 1):
                    m.d.sync += self.o_inside[k].eq(0)
        return m


def plus_one(count: Value, change: Value, one: Value) -> Value:
    """``count + change + one``, modulo a power of two, by one adder whose carry is ``one``, a bit.

    At least as wide as ``count``. Of three terms, tools would make two adders.

    Parameters
    ----------
    count, change : value
        In two's complement, if signed.
    one : value
        A bit.
    """
    terms = [
        Cat(one, value).as_signed() if value.shape().signed else Cat(one, value)
        for value in (count, change)
    ]
    return (terms[0] + terms[1])[1:]
