"""What depthwise convolutions and pools over windows are made of, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Shape

from boards.board import Resources
from gen.cost.coefficients import Group
from gen.cost.memories import total
from gen.cost.model import CostModel
from gen.cost.multipliers import Multipliers
from gen.nodes.conv_cost import scaling_cost
from gen.nodes.rings import window_cost
from hw.arith.digits import chain_widths, digits
from hw.arith.mac import PRODUCT_BITS, MacConfig
from hw.layers.requantise import ScalerKind
from hw.stream.fifo import MemoryKind

PADDER_CONTROL = 2
"""Counters and handshakes of a padder, in lanes of it."""


@dataclass(frozen=True)
class Windowed(Group):
    """What is special to units that read windows a channel after another.

    Attributes
    ----------
    reader_lut, reader_ff : float
        A bit of the address of the window memory's reader.
    padder_lut, padder_ff : float
        A lane of what pads the map.
    maximum_lut, maximum_ff : float
        A lane of running maxima, and of the output's register.
    total_lut, total_ff : float
        A bit of a running sum.
    mean_lut, mean_ff : float
        A lane that scales sums by one constant, with an inferred multiplier.
    depthwise_lut, depthwise_ff : float
        Control of the multipliers of channels by themselves.
    multiple_lut, multiple_ff : float
        The multiples of an activation that a multiplier made of LUTs has for itself: a LUT for each
        of their bits, registers for each bit of the weight but two.
    """

    reader_lut: float
    reader_ff: float
    padder_lut: float
    padder_ff: float
    maximum_lut: float
    maximum_ff: float
    total_lut: float
    total_ff: float
    mean_lut: float
    mean_ff: float
    depthwise_lut: float
    depthwise_ff: float
    multiple_lut: float
    multiple_ff: float


def reading_cost(
    costs: CostModel, kind: MemoryKind, pixels: int, chunks: int, lanes: int, *, padded: bool
) -> Resources:
    """A window memory, what reads it, and what pads the map in front of it.

    Parameters
    ----------
    costs : CostModel
    kind, pixels, chunks, lanes : "block" or "lut", int, int, int
        As for :func:`gen.nodes.rings.window_cost`.
    padded : bool
        Whether there is any padding.
    """
    fitted = costs.coefficients.of(Windowed)
    bits = (pixels * chunks - 1).bit_length()
    padding = lanes + PADDER_CONTROL if padded else 0
    lut = fitted.reader_lut * bits + fitted.padder_lut * padding
    ff = fitted.reader_ff * bits + fitted.padder_ff * padding
    memory = window_cost(kind, pixels, chunks, lanes)
    return total([memory, Resources(round(lut), round(ff), 0, 0)])


def mean_cost(costs: CostModel, lanes: int, kind: ScalerKind) -> Resources:
    """A requantiser of sums that all have one multiplier and no bias.

    Parameters
    ----------
    costs : CostModel
    lanes : int
    kind : "dsp48e1" or "inferred"
    """
    products = Resources(0, 0, lanes, 0)
    if kind == "dsp48e1":
        return total([scaling_cost(costs, lanes, kind), products])
    fitted = costs.coefficients.of(Windowed)
    lane = Resources(round(fitted.mean_lut * lanes), round(fitted.mean_ff * lanes), 0, 0)
    return total([scaling_cost(costs, 0, kind), lane, products])


def reducer_cost(costs: CostModel, lanes: int, bits: int, *, largest: bool) -> Resources:
    """Running maxima, with the register that they leave through, or running sums.

    Parameters
    ----------
    costs : CostModel
    lanes : int
    bits : int
        Of a maximum or of a sum.
    largest : bool
        Whether maxima are kept, not sums.
    """
    fitted = costs.coefficients.of(Windowed)
    lut, ff = fitted.total_lut * bits, fitted.total_ff * bits
    if largest:
        lut, ff = fitted.maximum_lut, fitted.maximum_ff
    return Resources(round(lut * lanes), round(ff * lanes), 0, 0)


def depthwise_cost(costs: CostModel, config: MacConfig, shape: Shape) -> Resources:
    """Multipliers and accumulators of channels by themselves, and their control.

    Parameters
    ----------
    costs : CostModel
    config : MacConfig
        Depthwise.
    shape : Shape
        Of an activation.
    """
    rows, bits, sums = config.pe, config.weight_bits, config.accumulator_bits
    fitted = costs.coefficients.of(Windowed)
    control = Resources(round(fitted.depthwise_lut), round(fitted.depthwise_ff), 0, 0)
    if config.kind == "dsp48e1":
        return total([control, Resources(0, 8 * rows, config.multipliers, 0)])
    if config.kind == "mult18x18d":
        registers = rows * (sums + 2 * bits + PRODUCT_BITS + 18)
        return total([control, Resources(rows * sums, registers, config.multipliers, 0)])
    return total([control, _digit_rows(costs, config, shape)])


def _digit_rows(costs: CostModel, config: MacConfig, shape: Shape) -> Resources:
    """Chains of digits, each with the multiples of its own activation."""
    fitted, own = costs.coefficients.of(Multipliers), costs.coefficients.of(Windowed)
    bits, sums = config.weight_bits, config.accumulator_bits
    cuts = digits(bits)
    widths = chain_widths(cuts, 1, shape)
    added = sum(widths) - sum(start for start, _ in cuts)
    # A weight's digits wait for their turn.
    delayed = sum(stage * width for stage, (_, width) in enumerate(cuts))
    multiples = PRODUCT_BITS * min(max(bits - 2, 1), 3)
    lut = fitted.digit_lut * added + sums + own.multiple_lut * multiples
    ff = bits + PRODUCT_BITS + sums + sum(widths) + delayed + own.multiple_ff * (bits - 2)
    return Resources(round(config.pe * lut), round(config.pe * ff), 0, 0)
