"""Requantisation: accumulators to 8-bit codes, by integers alone."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from amaranth.hdl import Cat, Module, Shape, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith import dsp48, multiply
from hw.arith.registers import later
from hw.arith.rom import Rom
from hw.stream.dual_port import MemoryKind
from hw.stream.fifo import CREDIT_LOOP, CreditFifo
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.contents.rows import MULTIPLIER_BITS, scale_rows

LUT_ROWS = 256
"""Unless told, the ROM of biases and multipliers goes into LUTs up to this depth."""
ScalerKind = Literal["dsp48e1", "inferred"]
REGISTERS: dict[ScalerKind, tuple[str, ...]] = {
    "dsp48e1": ("sum, bias and multiplier", *dsp48.REGISTERS, "code"),
    "inferred": (
        *("sum, bias and multiplier", "sum with bias"),
        *multiply.REGISTERS,
        *("product of both halves", "product with the half that rounds", "code"),
    ),
}
"""What a transfer passes until it is codes, a cycle each."""
LATENCY = {kind: len(registers) for kind, registers in REGISTERS.items()}
"""Cycles from a transfer to its codes."""
DEPTH = max(LATENCY.values()) + len(CREDIT_LOOP)
"""Codes under way or waiting, enough for one transfer a cycle."""


def requantise_model(
    accumulators: np.ndarray,
    bias: np.ndarray,
    multiplier: np.ndarray,
    shift: int,
    low: int,
    high: int,
    offset: int = 0,
) -> np.ndarray:
    """Codes of accumulators.

    Parameters
    ----------
    accumulators : int64 array (..., C)
    bias, multiplier : int array (C,)
    shift, low, high, offset : int
        As for :class:`Requantise`.
    """
    total = (accumulators + np.asarray(bias, np.int64)) * np.asarray(multiplier, np.int64)
    return np.clip((total + offset + (1 << (shift - 1))) >> shift, low, high)


class Requantise(wiring.Component):
    """``y = clamp(((acc + bias[c]) * multiplier[c] + offset + 2**(shift-1)) >> shift, low, high)``.

    The shift is arithmetic: the rounding is to nearest, halves up. One transfer a cycle,
    :data:`LATENCY` and the FIFO's two cycles after it came in; one DSP block a lane, or two where
    that is an ECP5's and sums are wide.

    Parameters
    ----------
    bias : int array (C,)
        Of 32 bits.
    multiplier : int array (C,)
        Unsigned, of 16 bits.
    shift : int
        1 to 47.
    low, high : int
        The clamp, within ``o_shape``.
    lanes : int
        Divides C.
    i_shape, o_shape : Shape
        Of an accumulator (signed) and of a code.
    scaler : "dsp48e1" or "inferred"
        Whether one DSP48E1 adds the bias, multiplies and rounds, or what a tool makes of these. The
        former takes sums with the bias of up to 25 bits.
    memory : "block", "lut" or None
        What holds biases and multipliers. None puts them into LUTs up to :data:`LUT_ROWS` transfers
        of all channels, into block RAM beyond.
    offset : int
        Unsigned, of 16 bits.
    bias_bits : int or None
        Of a bias, in two's complement; None for as many as these biases need.
    writable : bool
        Biases and multipliers are what the ROM begins with, and may be replaced.

    Members
    -------
    i : In(lane_stream(lanes, i_shape))
    o : Out(lane_stream(lanes, o_shape))
    i_load : In(LOAD)
        Only if it is writable: words for the ROM, while nothing is requantised.

    Raises
    ------
    ValueError
        If ``lanes`` do not divide C, the shift is not 1 to 47, a multiplier or the offset is not an
        unsigned 16-bit number, the clamp is no range within ``o_shape``, or sums with the bias are
        wider than the 25 bits of a DSP48E1 that is asked for, or biases than ``bias_bits``.
    """

    def __init__(
        self,
        bias: np.ndarray | Sequence[int],
        multiplier: np.ndarray | Sequence[int],
        *,
        shift: int,
        low: int,
        high: int,
        lanes: int,
        i_shape: Shape,
        o_shape: Shape,
        scaler: ScalerKind = "inferred",
        memory: MemoryKind | None = None,
        offset: int = 0,
        bias_bits: int | None = None,
        writable: bool = False,
    ):
        self._bias = np.asarray(bias, dtype=np.int64)
        self._multiplier = np.asarray(multiplier, dtype=np.int64)
        if len(bias) % lanes:
            raise ValueError(f"lanes {lanes} must divide the {len(bias)} channels")
        if not 1 <= shift <= 47:
            raise ValueError(f"shift {shift} is not 1 to 47")
        if min(self._multiplier.min(), offset) < 0 or max(self._multiplier.max(), offset) >> 16:
            raise ValueError("multipliers and offset must be unsigned, of 16 bits")
        smallest = -(1 << (o_shape.width - 1)) if o_shape.signed else 0
        if not smallest <= low <= high < smallest + (1 << o_shape.width):
            raise ValueError(f"clamp {low}..{high} does not fit {o_shape}")
        self._shift, self._low, self._high, self._lanes = shift, low, high, lanes
        self._i_shape, self._o_shape = i_shape, o_shape
        self._scaler = scaler
        self._offset, self._writable = offset, writable
        least = Shape.cast(range(min(int(self._bias.min()), -1), int(self._bias.max()) + 1)).width
        self._bias_bits = least if bias_bits is None else bias_bits
        if self._bias_bits < least:
            raise ValueError(f"biases need {least} bits and not {bias_bits}")
        rows = len(bias) // lanes
        self._memory: MemoryKind = memory or ("lut" if rows <= LUT_ROWS else "block")
        if scaler == "dsp48e1" and self._sum_width > dsp48.PREADDER_BITS:
            raise ValueError(f"a sum of {self._sum_width} bits does not fit a DSP48E1's pre-adder")
        ports = {"i": In(lane_stream(lanes, i_shape)), "o": Out(lane_stream(lanes, o_shape))}
        super().__init__(ports | ({"i_load": In(LOAD)} if writable else {}))

    @property
    def _rounding(self) -> int:
        """What is added to a product."""
        return self._offset + (1 << (self._shift - 1))

    @property
    def _sum_width(self) -> int:
        """Bits of an accumulator plus its bias."""
        return max(self._i_shape.width, self._bias_bits) + 1

    def model(self, accumulators: np.ndarray) -> np.ndarray:
        """Codes of an int64 array (..., C) of accumulators."""
        constants = self._bias, self._multiplier, self._shift, self._low, self._high
        return requantise_model(accumulators, *constants, self._offset)

    def rom(self) -> list[int]:
        """Rows of lanes, each a multiplier below the bias."""
        return scale_rows(self._bias, self._multiplier, self._lanes, self._bias_bits)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        entry = self._bias_bits + MULTIPLIER_BITS
        m.submodules.constants = constants = Rom(
            self.rom(), entry * self._lanes, self._memory, writable=self._writable
        )
        if self._writable:
            m.d.comb += constants.i_load.eq(self.i_load)
        m.submodules.results = results = CreditFifo(self.o.payload.shape(), DEPTH)
        accept = Signal()
        m.d.comb += [
            self.i.ready.eq(results.o_credit),
            accept.eq(self.i.valid & results.o_credit),
            results.i_take.eq(accept),
            constants.i_next.eq(accept),
        ]
        arrived = Signal(LATENCY[self._scaler])
        m.d.sync += arrived.eq((arrived << 1) | accept)
        m.d.comb += results.i_push.eq(arrived[-1])
        for lane in range(self._lanes):
            constant = constants.o_data[lane * entry : (lane + 1) * entry]
            code = self._lane(m, self.i.payload[lane], constant, lane)
            m.d.comb += results.i_payload[lane].eq(code)
        wiring.connect(m, results.o, wiring.flipped(self.o))
        return m

    def _lane(self, m: Module, accumulator: Value, constant: Value, lane: int) -> Signal:
        """The pipeline of one lane: add, multiply, round and shift, clamp."""
        value = later(m, accumulator)
        bias, multiplier = constant[16:].as_signed(), constant[:16]
        if self._scaler == "dsp48e1":
            instance, operands, total = dsp48.add_multiply_add(
                value, bias, multiplier, self._rounding
            )
            m.submodules += instance
            m.d.comb += operands
        else:
            total = self._by_parts(m, value, bias, multiplier, lane)
        width = max(self._sum_width + 16 - self._shift, 1) + 1
        shifted = Signal(signed(width))
        m.d.comb += shifted.eq(total >> self._shift)
        code = Signal(self._o_shape, reset_less=True)
        with m.If(shifted < self._low):
            m.d.sync += code.eq(self._low)
        with m.Elif(shifted > self._high):
            m.d.sync += code.eq(self._high)
        with m.Else():
            m.d.sync += code.eq(shifted)
        return code

    def _by_parts(
        self, m: Module, value: Value, bias: Value, multiplier: Value, lane: int
    ) -> Signal:
        """Adders and multipliers, each a stage or more of its own.

        A sum too wide for a small one is split, so that its two products get a cycle to be added.
        """
        small = multiply.SMALL_OPERAND
        split = small - 1 if self._sum_width > small else 0
        biased = Signal(signed(self._sum_width), reset_less=True)
        m.d.sync += biased.eq(value + bias)
        late_multiplier = later(m, multiplier)
        product = multiply.multiply(
            m, biased[split:].as_signed(), late_multiplier, f"product{lane}"
        )
        if split:
            low = multiply.multiply(m, biased[:split], late_multiplier, f"low{lane}")
            product = Cat(low[:split], product + low[split:]).as_signed()
        exact = Signal(signed(self._sum_width + 16), reset_less=True)
        m.d.sync += exact.eq(product)
        total = Signal(signed(max(self._sum_width + 17, self._shift) + 1), reset_less=True)
        m.d.sync += total.eq(exact + self._rounding)
        return total
