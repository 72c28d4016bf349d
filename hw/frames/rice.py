"""The codes of mapped residuals: how long one is, and what it says."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from protocol.coding.rules import LEVEL_BITS, LONGEST, THRESHOLDS, ZEROS

PARAMETER = range(len(THRESHOLDS) + 1)


class RiceDecoder(wiring.Component):
    """Reads a code a step; what it says comes two steps later.

    Members
    -------
    i_window : In(LONGEST)
        The bits that come next, the first one as the most significant.
    i_parameter : In(PARAMETER)
        Of the code.
    o_length : Out(range(LONGEST + 1))
        Its bits, in the same cycle.
    o_mapped : Out(LEVEL_BITS)
        The mapped residual, a register; anything for a step without a code.
    """

    i_window: In(LONGEST)
    i_parameter: In(PARAMETER)
    o_length: Out(range(LONGEST + 1))
    o_mapped: Out(LEVEL_BITS)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        zeros, escape = Signal(range(ZEROS)), Signal()
        m.d.comb += [
            zeros.eq(_leading_zeros(self.i_window[-ZEROS:])),
            escape.eq(self.i_window[-ZEROS:] == 0),
            self.o_length.eq(Mux(escape, LONGEST, _sum_plus_one(zeros, self.i_parameter))),
        ]
        # Behind a reset, zero comes: what is before a frame.
        code, spare = Signal(LONGEST), Signal.like(self.o_length)
        shift, quotient, escaped = Signal(PARAMETER), Signal.like(zeros), Signal()
        m.d.sync += [
            code.eq(self.i_window),
            spare.eq(LONGEST - self.o_length),
            shift.eq(self.i_parameter),
            quotient.eq(zeros),
            escaped.eq(escape),
        ]
        rest = (code >> spare)[:LEVEL_BITS]
        # Of an escape all bits count, of another code as many as its parameter says.
        kept = Cat(escaped | (shift > bit) for bit in range(LEVEL_BITS))
        quotient_part = Mux(escaped, 0, quotient << shift)
        m.d.sync += self.o_mapped.eq((rest & kept) | quotient_part)
        return m


def _leading_zeros(bits: Value) -> Value:
    """How many zeros are in front of the first one, if there is a one, of a power of two of bits.

    Half by half, which is half as deep as bit by bit.
    """
    half = len(bits) // 2
    front, back = bits[half:], bits[:half]
    none = ~front.any()
    if half == 1:
        return none
    return Cat(Mux(none, _leading_zeros(back), _leading_zeros(front)), none)


def _sum_plus_one(left: Value, right: Value) -> Value:
    """``left + right + 1`` of gates, which for so few bits are faster than a carry chain."""
    carry, bits = Value.cast(1), []
    for one, other in zip(left, right, strict=True):
        bits.append(one ^ other ^ carry)
        carry = (one & other) | (carry & (one | other))
    return Cat(*bits, carry)
