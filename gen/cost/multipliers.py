"""What multipliers, adder trees and accumulators cost, a function for each kind of multiplier."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from amaranth.hdl import unsigned

from boards.board import Resources
from gen.cost.coefficients import Coefficients, Group
from hw.arith.digits import chain_widths, chains, digits
from hw.arith.mac import PRODUCT_BITS, MacConfig, MultiplierKind, mult18_offset
from hw.layers.matvec import ROM_LATENCY


@dataclass(frozen=True)
class Multipliers(Group):
    """What multipliers are made of.

    Attributes
    ----------
    digit_lut, digit_ff : float
        A bit of an adder, and of a register, in the chains of multipliers made of LUTs.
    shared_lut : float
        The multiples of an activation that all rows of such multipliers share.
    upper_lut : float
        An upper row's sum modulo ``2**r``, for each of its ``r * (r + 1) / 2`` bit products.
    """

    digit_lut: float
    digit_ff: float
    shared_lut: float
    upper_lut: float


def _dsp48e1(config: MacConfig, coefficients: Coefficients) -> Resources:
    """Sums are added inside the blocks, but for the bits where two lanes overlap."""
    upper = config.groups * config.parts * config.overlap
    product = coefficients.of(Multipliers).upper_lut
    luts = upper + product * upper * (config.overlap + 1) / 2
    # Activations wait for their weights, which come out of the ROM's second register.
    waiting = 8 * config.activations * ROM_LATENCY
    return Resources(round(luts), waiting + 4 * upper, config.multipliers, 0)


def _mult18x18d(config: MacConfig, coefficients: Coefficients) -> Resources:
    """A multiplier's own registers, at its operands and behind its product, cost nothing."""
    bits, rows = config.weight_bits, config.pe
    product = bits + PRODUCT_BITS
    adders = _adders(config, config.simd, product)
    packed = config.rows_per_multiplier == 2
    apart = rows * config.simd * product / 2 if packed else 0
    operand = mult18_offset(bits) + bits + 1 if packed else bits
    # Weights, the product on its way back, the products of its rows, and activations that wait.
    registers = config.multipliers * (operand + operand + PRODUCT_BITS)
    registers += rows * config.simd * product + 2 * 8 * config.activations
    return Resources(round(adders + apart), adders + registers, config.multipliers, 0)


def _lut(config: MacConfig, coefficients: Coefficients) -> Resources:
    """Chains of adders, a digit of a weight each."""
    rows, cuts, parts = config.pe, digits(config.weight_bits), chains(config.simd)
    fitted = coefficients.of(Multipliers)
    adders = _adders(config, len(parts), config.weight_bits + PRODUCT_BITS + 2)
    added = stored = delayed = 0
    for part in parts:
        widths = chain_widths(cuts, len(part), unsigned(8))
        turns = [cut for cut in cuts for _ in part]
        added += sum(widths) - sum(start for start, _ in turns)
        stored += sum(widths)
        # A weight's digits wait for their turn.
        delayed += sum(stage * width for stage, (_, width) in enumerate(turns))
    shared = config.activations * fitted.shared_lut
    # Weights come right out of the ROM's second register.
    stored -= config.simd * config.weight_bits
    return Resources(
        round(rows * fitted.digit_lut * added + adders + shared),
        round(rows * fitted.digit_ff * (stored + delayed) + adders + shared * len(cuts)),
        0,
        0,
    )


MULTIPLIER_COST: Mapping[MultiplierKind, Callable[[MacConfig, Coefficients], Resources]] = {
    "dsp48e1": _dsp48e1,
    "mult18x18d": _mult18x18d,
    "lut": _lut,
}
"""Cost of an array by its kind of multipliers."""


def _adders(config: MacConfig, terms: int, width: int) -> int:
    """Bits of every row's tree that adds up terms of ``width`` bits, and of its accumulator."""
    tree = 0
    while terms > 1:
        width += 1
        tree += terms // 2 * width
        terms -= terms // 2
    return config.pe * (tree + config.accumulator_bits)
