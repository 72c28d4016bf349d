"""Arrays of multiply-accumulate units, of the kinds that an FPGA has."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.arith import dsp48, multiply
from hw.arith.adder_tree import adder_tree, levels
from hw.arith.digits import chain_cycles, chains, digit_totals
from hw.arith.registers import MOST_LOADS, copies, later

MultiplierKind = Literal["dsp48e1", "mult18x18d", "lut"]
PRODUCT_BITS = 8
"""A product of a signed weight and an activation is this much wider than the weight."""


def mult18_offset(weight_bits: int) -> int:
    """The k of two products in one: ``(w1 * 2**k + w0) * x``."""
    return weight_bits + PRODUCT_BITS


def rows_per_multiplier(
    kind: MultiplierKind, weight_bits: int, accumulator_bits: int, symmetric: bool
) -> int:
    """Output channels that one multiplier of a kind serves.

    Parameters
    ----------
    kind : "dsp48e1", "mult18x18d" or "lut"
    weight_bits, accumulator_bits : int
    symmetric : bool
        No weight is ``-2**(weight_bits - 1)``.
    """
    if kind == "dsp48e1":
        return dsp48.rows_per_dsp(weight_bits, accumulator_bits, symmetric)
    if kind == "mult18x18d":
        # One bit more, for the sum of two most negative weights.
        bits = mult18_offset(weight_bits) + weight_bits + (not symmetric)
        return 2 if bits <= multiply.SMALL_OPERAND else 1
    return 1


@dataclass(frozen=True)
class MacConfig:
    """What an array of multiply-accumulate units looks like from outside.

    Attributes
    ----------
    kind : "dsp48e1", "mult18x18d" or "lut"
    pe, simd, weight_bits, accumulator_bits : int
    symmetric : bool
        No weight is ``-2**(weight_bits - 1)``.
    depthwise : bool
        Every row multiplies an activation of its own: no two of them share a multiplier.

    Raises
    ------
    ValueError
        If rows of more than one activation are to be depthwise.
    """

    kind: MultiplierKind
    pe: int
    simd: int
    weight_bits: int
    accumulator_bits: int
    symmetric: bool
    depthwise: bool = False

    def __post_init__(self) -> None:
        if self.depthwise and self.simd != 1:
            raise ValueError(f"a depthwise row multiplies one activation, not {self.simd}")

    @property
    def activations(self) -> int:
        """Activations that come side by side."""
        return self.pe if self.depthwise else self.simd

    @property
    def rows_per_multiplier(self) -> int:
        """Rows that share a multiplier, 1 or 2."""
        if self.depthwise:
            return 1
        return rows_per_multiplier(
            self.kind, self.weight_bits, self.accumulator_bits, self.symmetric
        )

    @property
    def rows_per_sum(self) -> int:
        """Rows that share a raw sum: 1, or 2 that are told apart afterwards."""
        return self.rows_per_multiplier if self.kind == "dsp48e1" else 1

    @property
    def parts(self) -> int:
        """Raw sums that make up a row's sum; left to be added when they are sent on."""
        return self.simd if self.kind == "dsp48e1" else 1

    @property
    def groups(self) -> int:
        """Groups of rows that share raw sums."""
        return -(-self.pe // self.rows_per_sum)

    @property
    def multipliers(self) -> int:
        """DSP blocks, or multipliers made of LUTs."""
        return -(-self.pe // self.rows_per_multiplier) * self.simd

    @property
    def offset(self) -> int:
        """Bit at which the upper of two packed rows begins."""
        return dsp48.packing_offset(self.weight_bits, self.symmetric)

    @property
    def overlap(self) -> int:
        """Bits by which the lower of two packed rows' sums reaches into the upper one."""
        return max(self.accumulator_bits - self.offset, 0) if self.rows_per_sum == 2 else 0

    @property
    def raw_bits(self) -> int:
        """Bits of a raw sum."""
        return self.accumulator_bits + (self.offset if self.rows_per_sum == 2 else 0)

    @property
    def done_copies(self) -> int:
        """Bits that tell, each for some of the sums, when these are a window's."""
        return -(-self.groups * self.parts * (self.raw_bits + self.overlap) // MOST_LOADS)

    @property
    def sums(self) -> data.ArrayLayout:
        """All raw sums: part s of group g at ``g * parts + s``."""
        return data.ArrayLayout(signed(self.raw_bits), self.groups * self.parts)

    @property
    def uppers(self) -> data.ArrayLayout:
        """The upper rows' sums modulo ``2**overlap`` that belong to the raw sums."""
        return data.ArrayLayout(self.overlap, self.groups * self.parts)

    @property
    def registers(self) -> dict[str, int]:
        """Cycles that operands take to the sums, by the registers that they pass."""
        if self.kind == "dsp48e1":
            return dict.fromkeys(dsp48.REGISTERS, 1)
        if self.kind == "mult18x18d":
            return {
                "activations": 1,
                "packed weights": 1,
                "multiplier": multiply.LATENCY,
                "products": 1,
                "adder tree": levels(self.simd),
                "accumulator": 1,
            }
        return {
            "multiples of activations": 1,
            "chain of digits": chain_cycles(self.weight_bits, self.simd),
            "adder tree": levels(len(chains(self.simd))),
            "accumulator": 1,
        }

    @property
    def latency(self) -> int:
        """Cycles from a window's last activations to its sums."""
        return sum(self.registers.values())

    @property
    def weights_delay(self) -> int:
        """Cycles by which weights come later than the activations that they belong to."""
        return int(self.kind != "dsp48e1")

    def model(self, weights: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The raw sums of a window, and its upper rows' sums modulo ``2**overlap``.

        Two packed rows wrap at the ends of ``raw_bits``, where the lower one's sign can take the
        most negative sums of the upper one: they are told apart all the same.

        Parameters
        ----------
        weights : int array (words, pe, simd)
        x : int array (words, activations)

        Returns
        -------
        int64 arrays (groups * parts,)
            As :class:`MacArray` gives them; the second one is all zero without an overlap.
        """
        shared = np.asarray(x)[:, :, None] if self.depthwise else np.asarray(x)[:, None, :]
        columns = (np.asarray(weights, dtype=np.int64) * shared).sum(axis=0)
        if self.kind != "dsp48e1":
            sums = columns.sum(axis=1)
            return sums, np.zeros_like(sums)
        if self.rows_per_sum == 1:
            return columns.ravel(), np.zeros_like(columns.ravel())
        pairs = np.zeros((2 * self.groups, self.simd), dtype=np.int64)
        pairs[: self.pe] = columns
        lower, upper = pairs[::2].ravel(), pairs[1::2].ravel()
        both = dsp48.wrapped(dsp48.packed_model(lower, upper, self.offset), self.raw_bits)
        return both, upper % (1 << self.overlap)


class MacArray(wiring.Component):
    """``pe`` rows of ``simd`` multipliers; every row adds up its products of a window.

    Operands of a word come every cycle, or after a pause; windows follow each other without one.
    Here are a row of one DSP block, a window of two words, a pause, and a window of one word. The
    registers AD, M and P are the block's, a dot is 0, and P is ``o_sums``::

        cycle       0   1   2   3   4   5   6   7   8
        i_valid     1   1   .   1   .   .   .   .   .
        i_first     1   .   .   1   .   .   .   .   .
        i_last      .   1   .   1   .   .   .   .   .
        i_weights   2   3   .   5   .   .   .   .   .
        i_x        10  20   .   7   .   .   .   .   .
        AD          .   .   2   3   .   5   .   .   .
        M           .   .   .  20  60   .  35   .   .
        P           .   .   .   .  20  80  80  35  35
        o_done      .   .   .   .   .   1   .   1   .

    Multipliers of other kinds only take more cycles: :attr:`MacConfig.registers`.

    Depthwise, a row takes a DSP block, or a multiplier and an accumulator in the fabric, or in LUTs
    its chain of digits with the multiples of its own activation, which other arrays share.

    Parameters
    ----------
    config : MacConfig
    shape : Shape
        Of an activation, ``unsigned(8)`` or ``signed(8)``.

    Members
    -------
    i_weights : In(pe * simd * weight_bits)
        Row p's weight for activation s at bit ``(p * simd + s) * weight_bits``; they come
        ``config.weights_delay`` cycles after their activations.
    i_x : In(ArrayLayout(shape, config.activations))
        Zero while not ``i_valid``.
    i_valid, i_first, i_last : In(1)
        Operands come; they are a window's first, its last.
    o_done : Out(config.done_copies)
        The raw sums are those of a whole window, in this cycle: all bits are alike.
    o_sums : Out(config.sums)
    o_uppers : Out(config.uppers)
        Only with an overlap.
    """

    def __init__(self, config: MacConfig, shape: Shape):
        self.config = config
        self._shape = shape
        self._bits = config.weight_bits
        ports = {
            "i_weights": In(config.pe * config.simd * config.weight_bits),
            "i_x": In(data.ArrayLayout(shape, config.activations)),
            "i_valid": In(1),
            "i_first": In(1),
            "i_last": In(1),
            "o_done": Out(config.done_copies),
            "o_sums": Out(config.sums),
        }
        if config.overlap:
            ports["o_uppers"] = Out(config.uppers)
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        config = self.config
        lasts = [Signal(name=f"last{stage}") for stage in range(config.latency)]
        begins = [Signal(name=f"begins{n}", reset_less=True) for n in range(config.latency)]
        m.d.comb += [
            begins[0].eq(self.i_valid & self.i_first),
            lasts[0].eq(self.i_valid & self.i_last),
        ]
        m.d.sync += [after.eq(before) for before, after in pairwise(lasts)]
        m.d.sync += [after.eq(before) for before, after in pairwise(begins)]
        done = copies(m, lasts[-1], config.done_copies, "done", reset_less=False)
        m.d.comb += self.o_done.eq(Cat(*done))
        if config.kind == "dsp48e1":
            self._dsp_rows(m, begins)
        else:
            self._fabric_rows(m, begins[-2])
        return m

    def _weight(self, source: Value, row: int, column: int) -> Value:
        start = (row * self.config.simd + column) * self._bits
        return source[start : start + self._bits].as_signed()

    def _dsp_rows(self, m: Module, begins: list[Signal]) -> None:
        """Accumulators in the DSP blocks, a part for each activation."""
        config = self.config
        # What follows OPMODE's register in the slice takes the flag itself a cycle later.
        begin, begin_upper = begins[dsp48.OPMODE_DELAY : dsp48.OPMODE_DELAY + 2]
        for group in range(config.groups):
            rows = range(
                group * config.rows_per_sum, min((group + 1) * config.rows_per_sum, config.pe)
            )
            for column in range(config.simd):
                weights = [self._weight(self.i_weights, row, column) for row in rows]
                at = group * config.parts + column
                x = self.i_x[group if config.depthwise else column]
                instance, operands, p = dsp48.multiply_accumulate(weights, x, config.offset, begin)
                m.submodules[f"dsp{group}_{column}"] = instance
                m.d.comb += [*operands, self.o_sums[at].eq(p)]
                if config.overlap and len(weights) == 2:
                    upper = self._upper_sum(m, weights[1], x, begin_upper)
                    m.d.comb += self.o_uppers[at].eq(upper)

    def _upper_sum(self, m: Module, weight: Value, x: Value, begin: Value) -> Signal:
        """The sum of an upper row's products, modulo a power of two, along with the DSP block's."""
        bits = self.config.overlap
        late, late_x = later(m, weight[:bits]), later(m, x[:bits])
        product = multiply.by_multiplier(m, late * late_x, "upper_product", luts=True)
        delayed = later(m, later(m, product[:bits]))
        sum_ = Signal(bits, name="upper_sum", reset_less=True)
        m.d.sync += sum_.eq(Mux(begin, 0, sum_) + delayed)
        return sum_

    def _fabric_rows(self, m: Module, begin: Value) -> None:
        """Products by DSP or by LUTs, adder trees and accumulators in the fabric."""
        config, weights = self.config, self.i_weights
        if config.depthwise:
            words = [weights.word_select(row, self._bits) for row in range(config.pe)]
            pairs = enumerate(zip(words, self.i_x, strict=True))
            totals = [self._totals(m, word, 1, {row: x})[0] for row, (word, x) in pairs]
        else:
            totals = self._totals(m, weights, config.pe, dict(enumerate(self.i_x)))
        bits = config.accumulator_bits
        begins = copies(m, begin, -(-config.pe * bits // MOST_LOADS), "begin")
        for row, total in enumerate(totals):
            sum_ = Signal(signed(bits), name=f"accumulator_{row}", reset_less=True)
            # In a pause the activations, and so the total, are zero.
            mine = begins[row * len(begins) // config.pe]
            m.d.sync += sum_.eq(Mux(mine, 0, sum_) + total)
            m.d.comb += self.o_sums[row].eq(sum_)

    def _totals(self, m: Module, weights: Value, rows: int, x: dict[int, Value]) -> list[Signal]:
        """Sums of the products of so many rows, which share their activations.

        These are by their places among all activations.
        """
        if self.config.kind == "lut":
            return digit_totals(m, weights, self._bits, list(x.values()))
        columns = []
        for column, (place, value) in enumerate(x.items()):
            mine = [self._weight(weights, row, column) for row in range(rows)]
            columns.append(self._mult18_products(m, mine, value, f"products{place}"))
        return [adder_tree(m, list(products)) for products in zip(*columns, strict=True)]

    def _mult18_products(
        self, m: Module, weights: list[Value], x: Value, name: str
    ) -> list[Signal]:
        """Products, two a multiplier where they fit."""
        late_x = later(m, later(m, x))
        offset, bits = mult18_offset(self._bits), self._bits + PRODUCT_BITS
        products = []
        for start in range(0, len(weights), self.config.rows_per_multiplier):
            mine = weights[start : start + self.config.rows_per_multiplier]
            width = offset + self._bits + 1 if len(mine) == 2 else self._bits
            operand = Signal(signed(width), reset_less=True)
            m.d.sync += operand.eq(mine[0] if len(mine) == 1 else (mine[1] << offset) + mine[0])
            small = operand[: multiply.SMALL_OPERAND].as_signed()
            both = multiply.multiply(m, small, late_x, f"{name}_{start}")
            parts = [both] if len(mine) == 1 else dsp48.separate(both, offset, bits)
            for part in parts:
                product = Signal(signed(bits), reset_less=True)
                m.d.sync += product.eq(part)
                products.append(product)
        return products
