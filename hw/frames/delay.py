"""Values that come again after a number of steps."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.counter import Counter
from hw.stream.dual_port import memory_attributes


class RowDelay(wiring.Component):
    """Gives each value again a row later, out of LUTs that are memory.

    One address does for reading and writing, so that a LUT holds 64 bits.

    Parameters
    ----------
    bits : int
        Of a value.
    steps : int
        After how many a value comes again, at least 2.

    Members
    -------
    i : In(bits)
    o : Out(bits)
        What ``i`` was; zero for what was before the reset.

    Raises
    ------
    ValueError
        If there are too few steps.
    """

    def __init__(self, bits: int, steps: int):
        if steps < 2:
            raise ValueError(f"a row's delay must be at least 2 steps, not {steps}")
        self._bits, self._steps = bits, steps
        super().__init__({"i": In(bits), "o": Out(bits)})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        places = self._steps - 1
        m.submodules.place = place = Counter(places)
        m.submodules.values = values = memory.Memory(
            shape=self._bits, depth=places, init=[], attrs=memory_attributes("lut")
        )
        read, write = values.read_port(domain="comb"), values.write_port()
        filled = Signal()
        m.d.comb += [
            place.i_step.eq(1),
            read.addr.eq(place.o_count),
            write.addr.eq(place.o_count),
            write.en.eq(1),
            write.data.eq(self.i),
        ]
        m.d.sync += [
            filled.eq(filled | place.o_last),
            self.o.eq(Mux(filled, read.data, 0)),
        ]
        return m


def delayed(m: Module, value: Value, steps: int, name: str) -> Value:
    """What a value was so many steps ago, out of registers; zero before the reset.

    Parameters
    ----------
    m : Module
    value : Value
    steps : int
        None at all give the value itself.
    name : str
        Of the registers.
    """
    for step in range(1, steps + 1):
        register = Signal(value.shape(), name=f"{name}{step}")
        m.d.sync += register.eq(value)
        value = register
    return value
