"""The MULT18X18D of Lattice's ECP5, with registers at its operands and behind its product.

(Lattice FPGA-TN-02205, "ECP5 and ECP5-5G sysDSP Usage Guide".)
"""

from amaranth.hdl import (
    Cat,
    ClockDomain,
    ClockSignal,
    Const,
    Instance,
    Module,
    Signal,
    Value,
    signed,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

CELL = "MULT18X18D"
OPERAND_BITS, PRODUCT_BITS = 18, 36
LATENCY = 2
"""Cycles from operands to the product."""
_REGISTERS = ("INPUTA", "INPUTB", "OUTPUT")
_PARAMETERS = {
    **{f"REG_{name}_CLK": "CLK0" for name in _REGISTERS},
    **{f"REG_{name}_CE": "CE0" for name in _REGISTERS},
    **{f"REG_{name}_RST": "RST0" for name in _REGISTERS},
    **{"REG_INPUTC_CLK": "NONE", "REG_PIPELINE_CLK": "NONE"},
    **{"GSR": "DISABLED", "RESETMODE": "SYNC"},
}
_FIXED = {"SIGNEDA": 1, "SIGNEDB": 1, "SOURCEA": 0, "SOURCEB": 0, "CE0": 1, "RST0": 0}
PARAMETER_NAMES = tuple(_PARAMETERS)
"""What an instance sets, and the behavioural model does not have."""


class Mult18x18d(wiring.Component):
    """A signed multiplier.

    Members
    -------
    i_a, i_b : In(signed(18))
    o : Out(signed(36))
        Their product, :data:`LATENCY` cycles later.
    """

    i_a: In(signed(OPERAND_BITS))
    i_b: In(signed(OPERAND_BITS))
    o: Out(signed(PRODUCT_BITS))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        inputs = {"A": self.i_a, "B": self.i_b}
        m.submodules.mult18x18d = Instance(
            CELL,
            *[("p", name, value) for name, value in _PARAMETERS.items()],
            *[("i", name, Const(value, 1)) for name, value in _FIXED.items()],
            *[("i", f"{k}{n}", bit) for k, bits in inputs.items() for n, bit in enumerate(bits)],
            *[("o", f"P{n}", bit) for n, bit in enumerate(self.o)],
            i_CLK0=ClockSignal(),
        )
        return m


class BehaviouralMult18x18d(wiring.Component):
    """What a MULT18X18D does as :class:`Mult18x18d` sets it up, to be simulated in its place.

    The members are the primitive's ports; those in which nothing changes are there and not used.
    """

    def __init__(self) -> None:
        operands = [f"{name}{bit}" for name in "AB" for bit in range(OPERAND_BITS)]
        inputs = ("CLK0", *_FIXED, *operands)
        outputs = [f"P{bit}" for bit in range(PRODUCT_BITS)]
        super().__init__({name: In(1) for name in inputs} | {name: Out(1) for name in outputs})

    def _pins(self, name: str, count: int) -> Value:
        """Pins of one bit side by side."""
        return Cat(*(getattr(self, f"{name}{pin}") for pin in range(count)))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.domains.local = domain = ClockDomain("local", reset_less=True)
        domain.clk = self.CLK0
        a, b = Signal(signed(OPERAND_BITS)), Signal(signed(OPERAND_BITS))
        product = Signal(signed(PRODUCT_BITS))
        m.d.local += [
            a.eq(self._pins("A", OPERAND_BITS)),
            b.eq(self._pins("B", OPERAND_BITS)),
            product.eq(a * b),
        ]
        m.d.comb += self._pins("P", PRODUCT_BITS).eq(product)
        return m
