"""The DSP48E1 of AMD's 7-series as a multiply-accumulate unit of one or two lanes.

Two lanes share one activation x: the pre-adder forms ``w1 * 2**k + w0``, the multiplier multiplies
that by x, and P adds up the products of a window, ``(sum w1 x) * 2**k + sum w0 x``. The lanes are
told apart afterwards: :func:`separate`. (AMD UG479, "7 Series DSP48E1 Slice"; two multiplications a
slice as in AMD WP486, "Deep Learning with INT8 Optimization", but accumulated in P.)
"""

from collections.abc import Sequence

from amaranth.hdl import (
    ClockDomain,
    ClockSignal,
    Const,
    Instance,
    Module,
    Mux,
    Signal,
    Value,
    signed,
)
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

CELL = "DSP48E1"
LATENCY = 4
"""Cycles from operands to the sum in P."""
PREADDER_BITS = 25

_PARAMETERS = {
    "ACASCREG": 1,
    "ADREG": 1,
    "ALUMODEREG": 0,
    "AREG": 1,
    "A_INPUT": "DIRECT",
    "BCASCREG": 2,
    "BREG": 2,
    "B_INPUT": "DIRECT",
    "CARRYINREG": 0,
    "CARRYINSELREG": 0,
    "CREG": 0,
    "DREG": 1,
    "INMODEREG": 0,
    "MREG": 1,
    "OPMODEREG": 1,
    "PREG": 1,
    "USE_DPORT": "TRUE",
    "USE_MULT": "MULTIPLY",
    "USE_SIMD": "ONE48",
}
_OPERANDS = {"A": 30, "B": 18, "D": 25, "OPMODE": 7}
_ONE = ("CEA1", "CEA2", "CEAD", "CEB1", "CEB2", "CECTRL", "CED", "CEM", "CEP")
_ZERO = (
    *("RSTA", "RSTALLCARRYIN", "RSTALUMODE", "RSTB", "RSTC", "RSTCTRL", "RSTD", "RSTINMODE"),
    *("RSTM", "RSTP", "CARRYIN", "CARRYCASCIN", "MULTSIGNIN"),
    *("CEALUMODE", "CEC", "CECARRYIN", "CEINMODE"),
)
_FIXED = {
    **dict.fromkeys(_ONE, (1, 1)),
    **dict.fromkeys(_ZERO, (1, 0)),
    **{"ACIN": (30, 0), "BCIN": (18, 0), "C": (48, 0), "PCIN": (48, 0)},
    # P = Z + X + Y; the multiplier takes D + A2 and B2.
    **{"ALUMODE": (4, 0), "CARRYINSEL": (3, 0), "INMODE": (5, 0b00100)},
}
"""Width and value of the inputs that never change."""
_LOAD, _ACCUMULATE = 0b000_01_01, 0b010_01_01
"""OPMODE: X and Y from the multiplier, Z zero or P."""


def lane_offset(weight_bits: int, symmetric: bool) -> int:
    """The k of two packed lanes, as large as the pre-adder's 25 bits allow.

    Parameters
    ----------
    weight_bits : int
    symmetric : bool
        No weight is ``-2**(weight_bits - 1)``; otherwise two such weights need a bit more.
    """
    return PREADDER_BITS - weight_bits - (not symmetric)


def lanes_per_dsp(weight_bits: int, accumulator_bits: int, symmetric: bool) -> int:
    """2 where a sum fits below the upper lane, else 1."""
    return 2 if accumulator_bits <= lane_offset(weight_bits, symmetric) else 1


def separate(packed: Value, offset: int, width: int) -> list[Value]:
    """The lower and the upper lane's sum, signed, of ``width`` bits, from a sum of packed products.

    A negative lower lane has borrowed one from the upper lane.
    """
    low = packed[:width].as_signed()
    high = packed[offset : offset + width] + packed[offset - 1]
    return [low, high[:width].as_signed()]


def multiply_accumulate(weights: Sequence[Value], x: Value, offset: int, first: Value):
    """One DSP48E1 that accumulates the products of one or two signed weights with ``x``.

    Parameters
    ----------
    weights : sequence of 1 or 2 signed values
    x : value
        9 bits at most, signed or not.
    offset : int
        See :func:`lane_offset`; without meaning for one weight.
    first : value
        Whether P starts anew; belongs to the operands of the cycle before the last but one.

    Returns
    -------
    tuple
        The instance, and its P, 48 bits.
    """
    low, high = Signal(signed(30)), Signal(signed(25))
    shifted = weights[1] << offset if len(weights) == 2 else Const(0, 25)
    operand = Signal(signed(18))
    p = Signal(48)
    comb = [low.eq(weights[0]), high.eq(shifted), operand.eq(x)]
    instance = Instance(
        CELL,
        *[("p", name, value) for name, value in _PARAMETERS.items()],
        *[("i", name, Const(value, width)) for name, (width, value) in _FIXED.items()],
        i_CLK=ClockSignal(),
        i_A=low,
        i_B=operand,
        i_D=high,
        i_OPMODE=Mux(first, _LOAD, _ACCUMULATE),
        o_P=p,
    )
    return instance, comb, p


class Twin(wiring.Component):
    """What a DSP48E1 does as :func:`multiply_accumulate` sets it up, to be simulated in its place.

    The members are the primitive's ports; those in which nothing changes are there and not used.
    """

    def __init__(self):
        inputs = {name: In(width) for name, width in _OPERANDS.items()}
        inputs |= {name: In(width) for name, (width, _) in _FIXED.items()}
        super().__init__({"CLK": In(1), **inputs, "P": Out(48)})

    def elaborate(self, platform):
        """Build the hardware."""
        m = Module()
        m.domains.local = domain = ClockDomain("local", reset_less=True)
        domain.clk = self.CLK
        a, d, ad = Signal(signed(25)), Signal(signed(25)), Signal(signed(25))
        b1, b2 = Signal(signed(18)), Signal(signed(18))
        product = Signal(signed(43))
        accumulate = Signal()
        m.d.local += [
            a.eq(self.A[:25]),
            d.eq(self.D),
            ad.eq(a + d),
            b1.eq(self.B),
            b2.eq(b1),
            product.eq(ad * b2),
            accumulate.eq(self.OPMODE[5]),
            self.P.eq(Mux(accumulate, self.P, 0) + product),
        ]
        return m


PARAMETER_NAMES = tuple(_PARAMETERS)
"""What an instance sets, and the twin does not have."""
