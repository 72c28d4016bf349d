"""From levels to pixels: dequantiser and colour transform."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.delay import delayed
from hw.frames.predictor import LEVEL
from hw.stream.counter import plus_one
from protocol.coding.rules import STEP_BITS, VALUE_BITS

VALUE = signed(VALUE_BITS)
MIDDLE = signed(VALUE_BITS + 1)
SUM = signed(VALUE_BITS + 2)


class Dequantiser(wiring.Component):
    """Multiplies a level a step by its step.

    Members
    -------
    i : In(LEVEL)
    i_shift : In(STEP_BITS)
        The logarithm of the step.
    o : Out(VALUE)
        The lower bits of the product, a step later.
    """

    i: In(LEVEL)
    i_shift: In(STEP_BITS)
    o: Out(VALUE)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.d.sync += self.o.eq(self.i << self.i_shift)
        return m


class InverseTransform(wiring.Component):
    """Makes red, green and blue, a step each, of Y, Co and Cg, which come one after another.

    Both Y and what is in the middle between green and the mean of the others have half a difference
    added or taken away, so one adder does for all three.

    Members
    -------
    i : In(VALUE)
    i_first : In(1)
        It is Y. At least three steps from one to the next.
    o : Out(SUM)
        Red five steps later, then green and blue.
    """

    i: In(VALUE)
    i_first: In(1)
    o: Out(SUM)

    LATENCY = 5

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        values, first = _history(m, self.i, 4, "value"), _history(m, self.i_first, 5, "first")
        middle = Signal(MIDDLE)
        with m.If(first[2]):
            m.d.sync += middle.eq(values[2] - (values[0] >> 1))
        # Red in step 3, green in step 4, blue in step 5.
        base, other, minus = Signal(MIDDLE), Signal(VALUE), Signal()
        m.d.sync += [
            base.eq(Mux(first[4], values[4], middle)),
            other.eq(Mux(first[5], values[4], values[2])),
            minus.eq(first[5]),
        ]
        half = (other >> 1) ^ minus.replicate(VALUE_BITS - 1).as_signed()
        m.d.sync += self.o.eq(plus_one(base, half, other[0] | minus))
        return m


def _history(m: Module, value: Value, steps: int, name: str) -> list[Value]:
    """What a value is and was up to so many steps ago.

    Parameters
    ----------
    m : Module
    value : Value
    steps : int
    name : str
        Of the registers.
    """
    values = [value]
    for step in range(1, steps + 1):
        values.append(delayed(m, values[-1], 1, f"{name}{step}_"))
    return values


def clipped(value: Value) -> Value:
    """A number as a byte: 0 if it is negative, 255 if it is too large."""
    below, above = value[-1], value[8:-1].any()
    return Mux(below, 0, Mux(above, 255, value[:8]))
