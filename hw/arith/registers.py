"""Registers without a reset, and copies of registers for signals that drive much."""

from amaranth.hdl import Module, Signal, Value

MOST_LOADS = 256
"""Most loads of an enable or a selection, each of which has a copy of its own otherwise."""


def later(m: Module, value: Value, name: str | None = None) -> Signal:
    """The value a cycle later.

    No reset reaches the register: operands and results need none, since a valid bit beside them, or
    the place in a window, tells what counts.

    Parameters
    ----------
    m : Module
    value : value
    name : str, optional
    """
    # ``shreg_extract`` keeps Vivado from making a LUT of three registers or more: there are twice
    # as many registers as LUTs, and the LUTs are what is short.
    late = Signal(
        value.shape(), name=name or "later", reset_less=True, attrs={"shreg_extract": "no"}
    )
    m.d.sync += late.eq(value)
    return late


def copies(
    m: Module, value: Value, count: int, name: str, *, reset_less: bool = True
) -> list[Signal]:
    """Registers that all hold the value a cycle later, for its many loads to share.

    Tools merge equal registers, but for those with ``keep``: Vivado looks for it on the wire, for
    Yosys the commands for synthesis put it on the cell.

    Parameters
    ----------
    m : Module
    value : value
    count : int
    name : str
        What the registers' names begin with.
    reset_less : bool
    """
    attributes = {"keep": "true"} if count > 1 else {}
    found = [
        Signal(value.shape(), name=f"{name}{number}", reset_less=reset_less, attrs=attributes)
        for number in range(count)
    ]
    m.d.sync += [copy.eq(value) for copy in found]
    return found
