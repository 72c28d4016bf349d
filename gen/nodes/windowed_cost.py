"""What depthwise convolutions and pools over windows are made of, and what it costs.

The constants come from Yosys' counts of some 25 units by themselves for the 7-series, which these
sums meet within some 10 %; those of ordinary convolutions are fitted to whole designs
(:mod:`gen.cost.coefficients`).
"""

from __future__ import annotations

from amaranth.hdl import Shape

from boards.board import Resources
from gen.cost.memories import lutram_luts, total
from gen.cost.model import CostModel
from gen.nodes.rings import window_cost
from hw.arith.digits import chain_widths, digits
from hw.arith.mac import PRODUCT_BITS, MacConfig
from hw.layers.requantise import DEPTH as REQUANTISE_DEPTH
from hw.layers.requantise import ScalerKind
from hw.stream.fifo import MemoryKind


def reading_cost(
    kind: MemoryKind, pixels: int, chunks: int, lanes: int, *, padded: bool
) -> Resources:
    """A window memory, what reads it, and what pads the map in front of it.

    Parameters
    ----------
    kind, pixels, chunks, lanes : "block" or "lut", int, int, int
        As for :func:`gen.nodes.rings.window_cost`.
    padded : bool
        Whether there is any padding.
    """
    bits = (pixels * chunks - 1).bit_length()
    reader = Resources(20 + 8 * bits, round(5 + 6.2 * bits), 0, 0)
    padder = Resources(round(34 + 16.3 * lanes), 24 + 16 * lanes, 0, 0)
    memory = window_cost(kind, pixels, chunks, lanes)
    return total([memory, reader, *([padder] if padded else [])])


def collector_cost(i_lanes: int, o_lanes: int) -> Resources:
    """A lane converter; nothing when both sides are equal."""
    wide = 8 * max(i_lanes, o_lanes) if i_lanes != o_lanes else 0
    return Resources(round(1.25 * wide), round(1.9 * wide), 0, 0)


def scaler_cost(lanes: int, kind: ScalerKind, bits: int) -> Resources:
    """A requantiser of sums without a bias, its ROM left out.

    Parameters
    ----------
    lanes : int
    kind : "dsp48e1" or "inferred"
    bits : int
        Of a sum.
    """
    lut, ff = (11, bits + 16) if kind == "dsp48e1" else (13, 56)
    queue = lutram_luts(REQUANTISE_DEPTH, 8 * lanes)
    return Resources(26 + lut * lanes + queue, 26 + ff * lanes, lanes, 0)


def reducer_cost(lanes: int, bits: int, *, largest: bool) -> Resources:
    """Running maxima or sums, and the end of a pool of maxima.

    Parameters
    ----------
    lanes : int
    bits : int
        Of a maximum or of a sum.
    largest : bool
        Whether maxima are kept, not sums.
    """
    lut = 17 * lanes + 8 * lanes + 12 if largest else (2 * bits - 3) * lanes + 8
    ff = (8 + bits) * lanes + 10 + (16 * lanes + 2 if largest else 0)
    return Resources(lut, ff, 0, 0)


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
    control = Resources(36, 52, 0, 0)
    if config.kind == "dsp48e1":
        return total([control, Resources(0, 8 * rows, config.multipliers, 0)])
    if config.kind == "mult18x18d":
        registers = rows * (sums + 2 * bits + PRODUCT_BITS + 18)
        return total([control, Resources(rows * sums, registers, config.multipliers, 0)])
    cuts = digits(bits)
    widths = chain_widths(cuts, 1, shape)
    added = sum(widths) - sum(start for start, _ in cuts)
    delayed = sum(stage * width for stage, (_, width) in enumerate(cuts))
    multiples = 8 * min(max(bits - 2, 1), 3)
    lut = costs.coefficients.digit_lut * added + sums + multiples
    ff = bits + 8 + sums + sum(widths) + delayed + 33 * len(cuts) - 24 - 16 * (bits % 2)
    return total([control, Resources(round(rows * lut), rows * ff, 0, 0)])
