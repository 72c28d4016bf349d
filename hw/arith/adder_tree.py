"""Sums of many terms."""

from amaranth.hdl import Module, Signal, Value, signed

from hw.arith.registers import later


def levels(terms: int) -> int:
    """Cycles that a tree of so many terms takes: its levels, a register each."""
    return (terms - 1).bit_length()


def adder_tree(m: Module, terms: list[Value]) -> Value:
    """Sum of signed terms, :func:`levels` cycles later: a register follows every level."""
    while len(terms) > 1:
        sums = []
        for a, b in zip(terms[::2], terms[1::2], strict=False):
            total = Signal(signed(max(len(a), len(b)) + 1), reset_less=True)
            m.d.sync += total.eq(a + b)
            sums.append(total)
        if len(terms) % 2:
            sums.append(later(m, terms[-1]))
        terms = sums
    return terms[0]
