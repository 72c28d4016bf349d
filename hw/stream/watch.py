"""Bits that a simulation looks at."""

from amaranth.hdl import Module, Signal, Value

WATCHED = "watch_"
"""What the names of such bits begin with."""


def watch(m: Module, **bits: Value) -> None:
    """Name bits for simulations to look at. Nothing reads them, so synthesis leaves them out.

    Parameters
    ----------
    m : Module
    **bits : Value
        By name, without :data:`WATCHED`.
    """
    m.d.comb += [Signal(name=f"{WATCHED}{name}").eq(bit) for name, bit in bits.items()]
