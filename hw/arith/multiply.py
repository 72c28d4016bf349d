"""Multiplication by what a synthesis tool finds, with time for the way there and back."""

from amaranth.hdl import Module, Signal, Value

from hw.arith.registers import later

REGISTERS = ("operands at the multiplier", "product", "product on its way back")
"""What a product passes, a cycle each."""
LATENCY = len(REGISTERS)
SMALL_OPERAND = 18
"""Bits of a signed operand of an ECP5's MULT18X18D, and of the narrower one of a DSP48E1."""


def multiply(m: Module, a: Value, b: Value | int, name: str) -> Signal:
    """``a * b``, exact, :data:`LATENCY` cycles later.

    Operands wait in registers once more, and so does the product: multipliers stand in columns of
    their own, and the way to one can take as long as the multiplication, and the way back too.

    Parameters
    ----------
    m : Module
    a : value
    b : value or int
        A value comes together with ``a``.
    name : str
        Of the product's signal; part of the other registers' names.
    """
    near_a = later(m, a, f"{name}_a")
    near_b = b if isinstance(b, int) else later(m, b, f"{name}_b")
    exact = by_multiplier(m, near_a * near_b, f"exact_{name}")
    return later(m, later(m, exact, name), f"late_{name}")


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
