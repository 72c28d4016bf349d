"""A unit that moves in step, between two streams."""

from amaranth.hdl import Cat, EnableInserter, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class Stepped(wiring.Component):
    """Takes all inputs of a unit in one transfer, and shows one output in the same one.

    Parameters
    ----------
    unit : wiring.Component
        Whose output is a register.
    inputs : dict of int
        Its inputs and their bits, the least significant first.
    output : str
    """

    def __init__(self, unit, inputs, output):
        self._unit, self._inputs, self._output = unit, inputs, output
        shape = unit.signature.members[output].shape
        super().__init__(
            {
                "i": In(stream.Signature(sum(inputs.values()))),
                "o": Out(stream.Signature(shape)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        step = self.i.valid & self.o.ready
        m.submodules.unit = EnableInserter(step)(self._unit)
        m.d.comb += [
            Cat(getattr(self._unit, name) for name in self._inputs).eq(self.i.payload),
            self.o.payload.eq(getattr(self._unit, self._output)),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(self.o.ready),
        ]
        return m

    def transfers(self, **values):
        """What goes in: a list of numbers for each input."""
        words = [0] * len(next(iter(values.values())))
        low = 0
        for name, bits in self._inputs.items():
            mask = (1 << bits) - 1
            words = [
                word | (int(v) & mask) << low for word, v in zip(words, values[name], strict=True)
            ]
            low += bits
        return words
