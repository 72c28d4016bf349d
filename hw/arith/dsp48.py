"""The DSP48E1 of AMD's 7-series as a multiply-accumulate unit of one or two rows, and as a scaler.

Two rows of a matrix, packed into one DSP block, share one activation x: the pre-adder forms
``w1 * 2**k + w0``, the multiplier multiplies that by x, and P adds up the products of a window,
``s1 * 2**k + s0`` with the upper row's sum ``s1 = sum w1 x`` and the lower row's ``s0 = sum w0 x``.
The rows are told apart afterwards: by :func:`separate`, or where s0 is wider than k bits by
:func:`separate_overlapping`. (AMD UG479, "7 Series DSP48E1 Slice"; two multiplications a slice as
in AMD WP486, "Deep Learning with INT8 Optimization", but accumulated in P.)

What ends in ``_model`` says on integers, or on arrays of them, what the hardware computes.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from amaranth.hdl import (
    Cat,
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
REGISTERS = ("A, D and the first B", "AD and the second B", "M", "P")
"""What operands pass until they are in the sum, a cycle each."""
LATENCY = len(REGISTERS)
"""Cycles from operands to the sum in P."""
OPMODE_DELAY = REGISTERS.index("M")
"""Cycles by which an OPMODE follows its operands: its own register stands beside M."""
PREADDER_BITS = 25
P_BITS = 48
MOST_OVERLAP = 4
"""Most bits by which a lower row's sum may reach into the upper row's. Each costs a bit of a
second, small sum of products in LUTs: see :func:`borrowed`."""

Integers = Any
"""An int, or an array of integers."""

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
_OPERANDS = {"A": 30, "B": 18, "C": 48, "D": 25, "OPMODE": 7}
_ONE = ("CEA1", "CEA2", "CEAD", "CEB1", "CEB2", "CECTRL", "CED", "CEM", "CEP")
_ZERO = (
    *("RSTA", "RSTALLCARRYIN", "RSTALUMODE", "RSTB", "RSTC", "RSTCTRL", "RSTD", "RSTINMODE"),
    *("RSTM", "RSTP", "CARRYIN"),
    *("CEALUMODE", "CEC", "CECARRYIN", "CEINMODE"),
)
_FIXED = {
    **dict.fromkeys(_ONE, (1, 1)),
    **dict.fromkeys(_ZERO, (1, 0)),
    # P = Z + X + Y; the multiplier takes D + A2 and B2.
    **{"ALUMODE": (4, 0), "CARRYINSEL": (3, 0), "INMODE": (5, 0b00100)},
}
"""Width and value of the inputs that never change. Those of the cascades (ACIN, BCIN, PCIN,
CARRYCASCIN, MULTSIGNIN) come from the block below by wires of their own, which no constant
reaches: they are left open."""
_LOAD, _ACCUMULATE, _ADD_C = 0b000_01_01, 0b010_01_01, 0b011_01_01
"""OPMODE: X and Y from the multiplier, Z zero, P or C."""


def packing_offset(weight_bits: int, symmetric: bool) -> int:
    """The k of two packed rows, as large as the pre-adder's 25 bits allow.

    Parameters
    ----------
    weight_bits : int
    symmetric : bool
        No weight is ``-2**(weight_bits - 1)``; otherwise two such weights need a bit more.
    """
    return PREADDER_BITS - weight_bits - (not symmetric)


def rows_per_dsp(weight_bits: int, accumulator_bits: int, symmetric: bool) -> int:
    """2 where a sum fits below the upper row's or reaches a few bits into it, and P has room.

    Parameters
    ----------
    weight_bits : int
    accumulator_bits : int
        Of a sum of products, in two's complement.
    symmetric : bool
        No weight is ``-2**(weight_bits - 1)``.
    """
    offset = packing_offset(weight_bits, symmetric)
    return 2 if accumulator_bits <= min(offset + MOST_OVERLAP, P_BITS - offset) else 1


def wrapped(value: Integers, bits: int) -> Integers:
    """The lowest bits of a value, in two's complement."""
    half = 1 << (bits - 1)
    return ((value + half) & (1 << bits) - 1) - half


def packed_model(lower: Integers, upper: Integers, offset: int) -> Integers:
    """A sum of packed products, of its two rows' sums.

    Parameters
    ----------
    lower, upper : int or int array
    offset : int
        The k of :func:`packing_offset`.
    """
    return (upper << offset) + lower


def separate(packed: Value, offset: int, width: int) -> list[Value]:
    """The lower and the upper row's sum, signed, of ``width`` bits, from a sum of packed products.

    A negative lower row has borrowed one from the upper row.

    Parameters
    ----------
    packed : value
        The sum of packed products, at least ``offset + width`` bits.
    offset : int
        The k of :func:`packing_offset`.
    width : int
        Bits of a sum, at most ``offset``.
    """
    low = packed[:width].as_signed()
    high = packed[offset : offset + width] + packed[offset - 1]
    return [low, high[:width].as_signed()]


def separate_model(packed: Integers, offset: int, width: int) -> list[Integers]:
    """What :func:`separate` gives.

    Parameters
    ----------
    packed : int or int array
    offset : int
    width : int
        Bits of a sum, at most ``offset``.
    """
    low = wrapped(packed, width)
    return [low, wrapped((packed - low) >> offset, width)]


def borrowed(packed: Value, upper: Value, offset: int) -> Value:
    """What a lower row's sum that is wider than ``offset`` bits has added to the upper row's.

    ``(s1 * 2**k + s0) >> k`` is s1 plus the ``r`` bits by which s0 reaches over k, with their sign.
    Who knows s1 modulo ``2**r`` gets these bits by a subtraction of r bits.

    Parameters
    ----------
    packed : value
        The sum of packed products.
    upper : value (r bits)
        The upper row's sum modulo ``2**r``.
    offset : int
        The k of :func:`packing_offset`.
    """
    bits = len(upper)
    return (packed[offset : offset + bits] - upper)[:bits].as_signed()


def borrowed_model(packed: Integers, upper: Integers, offset: int, bits: int) -> Integers:
    """What :func:`borrowed` gives.

    Parameters
    ----------
    packed : int or int array
        The sum of packed products.
    upper : int or int array
        The upper row's sum, as it is or modulo ``2**bits``.
    offset : int
    bits : int
        By which the lower row's sum is wider than ``offset`` bits.
    """
    return wrapped((packed >> offset) - upper, bits)


def separate_overlapping(packed: Value, reach: Value, offset: int, width: int) -> list[Value]:
    """The lower and the upper row's sum of ``width`` bits, with what :func:`borrowed` gave.

    Parameters
    ----------
    packed : value
        The sum of packed products, at least ``offset + width`` bits.
    reach : value
        Signed, ``width - offset`` bits.
    offset : int
        The k of :func:`packing_offset`.
    width : int
        Bits of a sum, more than ``offset``.
    """
    low = Cat(packed[:offset], reach)[:width].as_signed()
    high = packed[offset : offset + width] - reach
    return [low, high[:width].as_signed()]


def separate_overlapping_model(
    packed: Integers, reach: Integers, offset: int, width: int
) -> list[Integers]:
    """What :func:`separate_overlapping` gives.

    Parameters
    ----------
    packed, reach : int or int array
    offset : int
    width : int
        Bits of a sum, more than ``offset``.
    """
    low = (packed & (1 << offset) - 1) + (reach << offset)
    return [low, wrapped((packed - low) >> offset, width)]


def multiply_accumulate(
    weights: Sequence[Value], x: Value, offset: int, first: Value
) -> tuple[Instance, list, Signal]:
    """One DSP48E1 that accumulates the products of one or two signed weights with ``x``.

    Parameters
    ----------
    weights : sequence of 1 or 2 signed values
    x : value
        9 bits at most, signed or not.
    offset : int
        See :func:`packing_offset`; without meaning for one weight.
    first : value
        Whether P starts anew with the operands of :data:`OPMODE_DELAY` cycles ago.

    Returns
    -------
    tuple
        The instance, what drives its operands, and its P, 48 bits.
    """
    high = weights[1] << offset if len(weights) == 2 else Const(0, 25)
    return _slice(weights[0], high, x, Const(0, 48), Mux(first, _LOAD, _ACCUMULATE))


def multiply_accumulate_model(weights: np.ndarray, x: np.ndarray, offset: int) -> int:
    """What :func:`multiply_accumulate` leaves in P after a window, modulo ``2**P_BITS``.

    Parameters
    ----------
    weights : int array (words, 1 or 2)
    x : int array (words,)
    offset : int
    """
    lower, *upper = (int(total) for total in np.asarray(x) @ np.asarray(weights))
    return packed_model(lower, upper[0], offset) if upper else lower


def add_multiply_add(a: Value, d: Value, b: Value, c: int) -> tuple[Instance, list, Signal]:
    """One DSP48E1 that computes ``(a + d) * b + c``, :data:`LATENCY` cycles later.

    Parameters
    ----------
    a, d, b : value
        ``a + d`` fits 25 bits with a sign, and ``b`` 18.
    c : int

    Returns
    -------
    tuple
        The instance, what drives its operands, and its P, 48 bits.
    """
    return _slice(a, d, b, Const(c, 48), Const(_ADD_C, 7))


def add_multiply_add_model(a: Integers, d: Integers, b: Integers, c: int) -> Integers:
    """What :func:`add_multiply_add` computes.

    Parameters
    ----------
    a, d, b : int or int array
    c : int
    """
    return (a + d) * b + c


def _slice(a: Value, d: Value, b: Value, c: Value, opmode: Value) -> tuple[Instance, list, Signal]:
    """The primitive with its operands: values of the widths of its ports, sign-extended."""
    comb = []
    operands = {"A": (a, 30), "D": (d, 25), "B": (b, 18)}
    ports = {}
    for name, (value, width) in operands.items():
        ports[name] = port = Signal(signed(width), name=name.lower())
        comb.append(port.eq(value))
    p = Signal(P_BITS)
    instance = Instance(
        CELL,
        *[("p", name, value) for name, value in _PARAMETERS.items()],
        *[("i", name, Const(value, width)) for name, (width, value) in _FIXED.items()],
        *[("i", name, port) for name, port in ports.items()],
        i_CLK=ClockSignal(),
        i_C=c,
        i_OPMODE=opmode,
        o_P=p,
    )
    return instance, comb, p


class BehaviouralDSP48E1(wiring.Component):
    """What a DSP48E1 does as the functions here set it up, to be simulated in its place.

    The members are the primitive's ports; those in which nothing changes are there and not used.
    """

    def __init__(self) -> None:
        inputs = {name: In(width) for name, width in _OPERANDS.items()}
        inputs |= {name: In(width) for name, (width, _) in _FIXED.items()}
        super().__init__({"CLK": In(1), **inputs, "P": Out(48)})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.domains.local = domain = ClockDomain("local", reset_less=True)
        domain.clk = self.CLK
        a, d, ad = Signal(signed(25)), Signal(signed(25)), Signal(signed(25))
        b1, b2 = Signal(signed(18)), Signal(signed(18))
        product = Signal(signed(43))
        z = Signal(3)
        m.d.local += [
            a.eq(self.A[:25]),
            d.eq(self.D),
            ad.eq(a + d),
            b1.eq(self.B),
            b2.eq(b1),
            product.eq(ad * b2),
            z.eq(self.OPMODE[4:]),
            self.P.eq(
                Mux(z == _ADD_C >> 4, self.C, Mux(z == _ACCUMULATE >> 4, self.P, 0)) + product
            ),
        ]
        return m


PARAMETER_NAMES = tuple(_PARAMETERS)
"""What an instance sets, and the behavioural model does not have."""
