"""What a convolution engine costs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from boards.board import Family, Resources
from gen.common.cached import kept_by_first
from gen.cost.coefficients import Group
from gen.cost.memories import lutram_luts, mux_luts, total
from gen.cost.model import CostModel
from gen.nodes.conv_shape import ConvShape
from gen.nodes.rings import window_cost
from gen.nodes.window_shape import WindowShape
from hw.arith.mac import MacConfig
from hw.arith.multiply import SMALL_OPERAND
from hw.arith.rom import SLICE_ROWS, banks, lut_columns
from hw.layers.folding import DepthwisePlan, EnginePlan
from hw.layers.matvec import result_depth
from hw.layers.requantise import DEPTH as REQUANTISE_DEPTH
from hw.layers.requantise import LUT_ROWS, ScalerKind
from hw.stream.dual_port import MemoryKind
from protocol.contents.image import column_widths

DSP_OPERAND_BITS: dict[Family, int] = {"xc7": 25, "ecp5": SMALL_OPERAND}
"""Widest signed operand that one DSP48E1 or one MULT18X18D multiplies by 16 bits."""


@dataclass(frozen=True)
class Engine(Group):
    """What convolution engines are made of.

    Attributes
    ----------
    mux_lut : float
        A LUT of a wide multiplexer.
    engine_lut, engine_ff : float
        Counters, addresses and handshakes of a convolution engine.
    window_lut, window_ff : float
        The same of a kernel larger than 1x1, besides.
    requantise_lut, requantise_ff : float
        Counters and handshakes of a requantiser.
    scaler_lut, scaler_ff, clamp_lut, clamp_ff : float
        A lane of it, with an inferred multiplier and with a DSP48E1 that does all but the clamp.
    """

    mux_lut: float
    engine_lut: float
    engine_ff: float
    window_lut: float
    window_ff: float
    requantise_lut: float
    requantise_ff: float
    scaler_lut: float
    scaler_ff: float
    clamp_lut: float
    clamp_ff: float


@cache
def decoder_cost(shape: ConvShape, pe: int, simd: int) -> Resources:
    """The table of a codebook, in LUTs of six inputs; nothing without one.

    Parameters
    ----------
    shape : ConvShape
    pe, simd : int
        Of the engine; each of its multipliers has a table of its own.
    """
    if not shape.decoded:
        return Resources(0, 0, 0, 0)
    bits = shape.products(pe, simd) * shape.weight_bits
    return Resources(bits << max(0, shape.code_bits - 6), bits, 0, 0)


def scale_memory(shape: ConvShape, lanes: int) -> MemoryKind:
    """What holds the biases and multipliers that requantise so many channels a transfer."""
    return "lut" if shape.cout // lanes <= LUT_ROWS else "block"


def scaler_kind(shape: ConvShape, family: Family) -> ScalerKind:
    """What requantises a convolution's sums: a single DSP48E1 a lane where that will do."""
    fits = shape.sum_bits <= DSP_OPERAND_BITS["xc7"]
    return "dsp48e1" if family == "xc7" and fits else "inferred"


@kept_by_first
def weight_cost(
    costs: CostModel, shape: ConvShape, pe: int, simd: int, kind: MemoryKind
) -> Resources:
    """The weight ROM of an engine.

    Parameters
    ----------
    shape : ConvShape
    pe, simd : int
        Of the engine; a word has a code for each of its multipliers.
    kind : "block" or "lut"
    """
    depth, width = shape.folds(pe) * shape.words(simd), shape.products(pe, simd) * shape.code_bits
    if shape.writable:
        return (
            writable_table_cost(depth, width)
            if kind == "lut"
            else writable_cost(kind, depth, width)
        )
    if kind == "lut":
        return costs.rom_cost("lut", depth, width)
    cut = banks(depth, width)
    mux = width * (len(cut) - 1)
    return Resources(mux, 0, 0, sum(bank.halves for bank in cut) / 2)


def writable_cost(kind: MemoryKind, depth: int, width: int) -> Resources:
    """A memory that is read like a ROM and written by columns.

    Parameters
    ----------
    kind : "block" or "lut"
    depth, width : int
        Rows, and bits a row.
    """
    columns = len(column_widths(width))
    address = (max(depth, 2) - 1).bit_length()
    if kind == "lut":
        # Each column has an address register of its own, and a word that was read is kept in one.
        return Resources(lutram_luts(depth, width) + columns, width + columns * address, 0, 0)
    cut = banks(depth, width)
    choice, enables = width * (len(cut) - 1), columns * len(cut)
    return Resources(choice + enables, address, 0, sum(bank.halves for bank in cut) / 2)


def writable_table_cost(depth: int, width: int) -> Resources:
    """A table of weights that is written at the addresses of its reading port.

    Parameters
    ----------
    depth, width : int
        Rows, and bits a row.
    """
    address, most = (max(depth, 2) - 1).bit_length(), lut_columns(depth)
    columns = column_widths(width)
    registers = sum(-(-column // most) for column in columns)
    whole, rest = divmod(depth, SLICE_ROWS)
    # A LUT is 64 rows of a bit, or 32 of nearly two; a tool joins one, two or four.
    last = 5 / 9 if rest <= 32 else float(1 << (-(-rest // 64) - 1).bit_length())
    bits = 4 * whole + (last if rest else 0) + mux_luts(-(-depth // SLICE_ROWS))
    ff = 2 * width + (registers + 1) * address + len(columns)
    return Resources(round(width * bits) + registers * address, ff, 0, 0)


@kept_by_first
def serialiser_cost(
    costs: CostModel, config: MacConfig, lanes: int, words: int, *, decoded: bool = False
) -> Resources:
    """The sums that are kept while the next window is computed, and their way out.

    Parameters
    ----------
    config : MacConfig
    lanes : int
        Sums a cycle on the way out; divides ``config.pe``.
    words : int
        Cycles that a window takes.
    decoded : bool
        Whether the weights come out of a table, a register later.
    """
    steps = config.pe // lanes
    raw_bits = config.raw_bits + config.overlap
    kept = config.groups * config.parts * raw_bits
    inputs = min(steps, config.groups)
    muxes = lanes * config.parts * raw_bits * mux_luts(inputs)
    tree = lanes * (config.parts - 1) * raw_bits
    apart = config.accumulator_bits + config.overlap if config.rows_per_sum == 2 else 0
    depth = result_depth(config, lanes, words, decoded=decoded)
    queue = lutram_luts(depth, lanes * config.accumulator_bits)
    way = lanes * (config.parts * 2 * raw_bits + 2 * config.accumulator_bits)
    lut = costs.coefficients.of(Engine).mux_lut * muxes + tree + lanes * apart + queue
    return Resources(round(lut), kept + way, 0, 0)


@kept_by_first
def requantise_cost(
    costs: CostModel, shape: ConvShape, lanes: int, memory: MemoryKind, family: Family = "xc7"
) -> Resources:
    """The requantiser with its ROM of biases and multipliers.

    Parameters
    ----------
    shape : ConvShape
    lanes : int
        Sums a cycle; divides the output channels.
    memory : "block" or "lut"
        Of the ROM.
    family : "xc7" or "ecp5"
        Decides how wide a sum one DSP block multiplies; two a lane do for wider ones.
    """
    depth, width = shape.cout // lanes, lanes * (16 + shape.bias_bits)
    per_lane = 1 if shape.sum_bits <= DSP_OPERAND_BITS[family] else 2
    scalers = scaling_cost(costs, lanes, scaler_kind(shape, family))
    products = Resources(0, 0, per_lane * lanes, 0)
    rows = costs.rom_cost(memory, depth, width)
    if shape.writable:
        rows = writable_cost(memory, depth, width)
    return total([rows, scalers, products])


def scaling_cost(costs: CostModel, lanes: int, kind: ScalerKind) -> Resources:
    """A requantiser, its ROM and its DSP blocks left out.

    Parameters
    ----------
    costs : CostModel
    lanes : int
        Sums a cycle.
    kind : "dsp48e1" or "inferred"
    """
    fitted = costs.coefficients.of(Engine)
    lut, ff = fitted.scaler_lut, fitted.scaler_ff
    if kind == "dsp48e1":
        lut, ff = fitted.clamp_lut, fitted.clamp_ff
    queue = lutram_luts(REQUANTISE_DEPTH, 8 * lanes)
    unit_lut = round(fitted.requantise_lut + lut * lanes) + queue
    return Resources(unit_lut, round(fitted.requantise_ff + ff * lanes), 0, 0)


def engine_cost(
    costs: CostModel,
    shape: ConvShape,
    plan: EnginePlan | DepthwisePlan,
    i_lanes: int,
    *,
    tapped: bool = False,
    family: Family = "xc7",
) -> Resources:
    """A whole engine with its input's lane converter.

    Parameters
    ----------
    shape : ConvShape
    plan : EnginePlan or DepthwisePlan
    i_lanes : int
        Channels a transfer of its input.
    tapped : bool
        Whether to include the queue of a tap of its windows.
    family : "xc7" or "ecp5"
        Decides on the requantiser; LUTs are those of six inputs for both.
    """
    macs, words = shape.macs(plan.multiplier, plan.pe, plan.simd), shape.words(plan.simd)
    return total(
        [
            control_cost(costs, shape),
            *([tap_cost(costs, shape, plan.simd)] if tapped else []),
            costs.converter_cost(i_lanes, plan.simd),
            weight_cost(costs, shape, plan.pe, plan.simd, plan.weight_memory),
            decoder_cost(shape, plan.pe, plan.simd),
            window_cost(plan.window_memory, plan.window_pixels, shape.chunks(plan.simd), plan.simd),
            costs.multiply_cost(macs),
            serialiser_cost(costs, macs, plan.lanes, words, decoded=shape.decoded),
            requantise_cost(costs, shape, plan.lanes, plan.scale_memory, family),
        ]
    )


def control_cost(costs: CostModel, shape: WindowShape) -> Resources:
    """Counters, addresses and handshakes."""
    fitted = costs.coefficients.of(Engine)
    lut, ff = fitted.engine_lut, fitted.engine_ff
    if shape.kernel != (1, 1):
        lut, ff = lut + fitted.window_lut, ff + fitted.window_ff
    return Resources(round(lut), round(ff), 0, 0)


def tap_cost(costs: CostModel, shape: ConvShape, simd: int) -> Resources:
    """The queue of a tap of its windows, for engines that read the same pixels.

    Parameters
    ----------
    costs : CostModel
    shape : ConvShape
    simd : int
        Channels of a word.
    """
    queue = Resources(lutram_luts(shape.chunks(simd), 8 * simd), 8 * simd, 0, 0)
    return total([costs.unit_cost(), queue])
