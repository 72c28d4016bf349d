"""Multiplication by what a synthesis tool finds, with time for the way there and back."""

from amaranth.hdl import Module, Signal, Value

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
    near_a = Signal(a.shape(), name=f"{name}_a")
    m.d.sync += near_a.eq(a)
    if isinstance(b, int):
        exact = near_a * b
    else:
        near_b = Signal(b.shape(), name=f"{name}_b")
        m.d.sync += near_b.eq(b)
        exact = near_a * near_b
    product, late = Signal(exact.shape(), name=name), Signal(exact.shape(), name=f"late_{name}")
    m.d.sync += [product.eq(exact), late.eq(product)]
    return late
