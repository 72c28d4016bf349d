"""Multiplication by what a synthesis tool finds, with time for the way there and back."""

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.registers import later

REGISTERS = ("operands at the multiplier", "product", "product on its way back")
"""What a product passes, a cycle each."""
LATENCY = len(REGISTERS)
SMALL_OPERAND = 18
"""Bits of a signed operand of an ECP5's MULT18X18D, and of the narrower one of a DSP48E1."""


class Multiplier(wiring.Component):
    """``a * b``, exact, with registers at its operands and behind its product.

    For a board it is the chip's primitive where the platform has a ``multiplier``, so that these
    registers are the multiplier's own, whatever the tool; otherwise it is what the tool finds.

    Parameters
    ----------
    a, b : Shape
        Of the operands.

    Members
    -------
    i_a, i_b : In(a), In(b)
    o : Out
        The product, two cycles later.
    """

    def __init__(self, a: Shape, b: Shape):
        product = (Signal(a) * Signal(b)).shape()
        super().__init__({"i_a": In(a), "i_b": In(b), "o": Out(product)})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        primitive: type[wiring.Component] | None = getattr(platform, "multiplier", None)
        if primitive is None:
            m.d.comb += self.o.eq(_multiplied(m, self.i_a, self.i_b, "product"))
            return m
        m.submodules.primitive = unit = primitive()
        m.d.comb += [unit.i_a.eq(self.i_a), unit.i_b.eq(self.i_b), self.o.eq(unit.o)]
        return m


def multiply(m: Module, a: Value, b: Value, name: str) -> Signal:
    """``a * b``, exact, :data:`LATENCY` cycles later, by a multiplier of its own.

    Operands wait in registers once more, and so does the product: multipliers stand in columns of
    their own, and the way to one can take as long as the multiplication, and the way back too.

    Parameters
    ----------
    m : Module
    a, b : value
        They come together, and take up to :data:`SMALL_OPERAND` bits as signed numbers.
    name : str
        Of the product; part of the names of others.
    """
    m.submodules[f"{name}_multiplier"] = unit = Multiplier(a.shape(), b.shape())
    m.d.comb += [unit.i_a.eq(a), unit.i_b.eq(b)]
    return later(m, unit.o, f"late_{name}")


def multiply_enabled(m: Module, a: Value, b: Value | int, name: str) -> Signal:
    """The same inside an enable of the caller's, by what a synthesis tool finds.

    Parameters
    ----------
    m : Module
    a : value
    b : value or int
        A value comes together with ``a``.
    name : str
        Of the product's signal; part of the other registers' names.
    """
    return later(m, _multiplied(m, a, b, name), f"late_{name}")


def _multiplied(m: Module, a: Value, b: Value | int, name: str) -> Signal:
    near_a = later(m, a, f"{name}_a")
    near_b = b if isinstance(b, int) else later(m, b, f"{name}_b")
    return later(m, by_multiplier(m, near_a * near_b, f"exact_{name}"), name)


def by_multiplier(m: Module, product: Value, name: str, *, luts: bool = False) -> Signal:
    """A product, by a DSP block or by LUTs: what else Vivado decides by itself (UG901, USE_DSP).

    Parameters
    ----------
    m : Module
    product : value
        Of two operands.
    name : str
        Of the signal.
    luts : bool
        Whether it is made of LUTs.
    """
    attributes = {"use_dsp": "no" if luts else "yes"}
    exact = Signal(product.shape(), name=name, attrs=attributes)
    m.d.comb += exact.eq(product)
    return exact
