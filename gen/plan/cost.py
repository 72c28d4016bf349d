"""What hardware costs: block RAMs, LUTs, flip-flops and DSP blocks of every unit.

DSP and block RAM counts are meant to be exact; LUTs and flip-flops are estimates, built from the
coefficients below.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

from amaranth.hdl import unsigned

from boards.board import Family, Resources
from gen.plan.coefficients import Coefficients
from gen.plan.conv_shape import ConvShape
from gen.plan.plan import EnginePlan
from hw.arith.digits import chain_widths, chains, digits
from hw.arith.mac import MacConfig
from hw.arith.multiply import SMALL_OPERAND
from hw.arith.rom import banks
from hw.layers.matvec import result_depth
from hw.layers.requantise import DEPTH as REQUANTISE_DEPTH
from hw.layers.requantise import LUT_ROWS, ScalerKind
from hw.layers.window import FEWEST
from hw.stream.fifo import MemoryKind

_now = Coefficients.load()


@contextmanager
def estimating_with(coefficients: Coefficients) -> Iterator[None]:
    """Estimate with other coefficients for a while."""
    global _now
    before, _now = _now, coefficients
    _forget()
    try:
        yield
    finally:
        _now = before
        _forget()


def _forget() -> None:
    for function in (lutrom_luts, weight_cost, multiply_cost, serialiser_cost, requantise_cost):
        function.cache_clear()
    converter_cost.cache_clear()


UART_AND_SHELL = Resources(lut=950, ff=750, dsp=0, bram36=0)
"""The UART link and the shell around the accelerator, but their memories of pixels and sums."""
POOL_ROWS = 256
"""A pool's row goes into LUTs up to so many transfers, into block RAM beyond."""
QUEUE_BITS = 8192
"""The queue of a bypass goes into LUTs up to this size, into block RAM beyond."""
DSP_OPERAND_BITS: dict[Family, int] = {"xc7": 25, "ecp5": SMALL_OPERAND}
"""Widest signed operand that one DSP48E1 or one MULT18X18D multiplies by 16 bits."""

_HALF_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
_FULL_SHAPES = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))


@cache
def bram36(depth: int, width: int) -> float:
    """Block RAMs of a memory with one read and at most one write port; halves are RAMB18.

    The memory is tiled with one of the natural shapes, parity included, the cheapest one. Mixed
    tilings, which now and then save a half, are not counted on.
    """
    if depth < 1 or width < 1:
        raise ValueError(f"no memory is {depth} x {width}")
    halves = min(-(-depth // rows) * -(-width // bits) for rows, bits in _HALF_SHAPES)
    full = min(-(-depth // rows) * -(-width // bits) for rows, bits in _FULL_SHAPES)
    return min(halves / 2, full)


@cache
def lutram_luts(depth: int, width: int) -> int:
    """LUTs of a memory with one write and one read port: RAM32M or RAM64M and a read mux."""
    if depth <= 32:
        return -(-width // 6) * 4
    banks = -(-depth // 64)
    return banks * -(-width // 3) * 4 + width * -(-(banks - 1) // 3) + (banks if banks > 1 else 0)


@cache
def lutrom_luts(depth: int, width: int) -> int:
    """LUTs of a ROM: 64 bits a LUT6, and a mux beyond what F7 and F8 join."""
    banks = -(-depth // 64)
    return width * banks + round(_now.rom_mux_lut * width * (-(-banks // 4) - 1))


def mux_luts(inputs: int) -> int:
    """LUTs a bit of a multiplexer: four inputs a LUT, and up to 16 joined by F7 and F8."""
    if inputs <= 1:
        return 0
    return -(-inputs // 4) + mux_luts(-(-inputs // 16))


def memory_cost(kind: MemoryKind, depth: int, width: int, *, rom: bool = False) -> Resources:
    """Cost of a memory in block RAM or in LUTs."""
    if kind == "block":
        return Resources(0, 0, 0, bram36(depth, width))
    return Resources((lutrom_luts if rom else lutram_luts)(depth, width), width, 0, 0)


def total(parts: list[Resources]) -> Resources:
    """Sum of resources."""
    return Resources(
        lut=sum(part.lut for part in parts),
        ff=sum(part.ff for part in parts),
        dsp=sum(part.dsp for part in parts),
        bram36=sum(part.bram36 for part in parts),
    )


def on_family(resources: Resources, family: Family) -> Resources:
    """Resources counted in 6-input LUTs, in those that the family has."""
    if family == "xc7":
        return resources
    return replace(resources, lut=round(resources.lut * _now.lut4_per_lut6))


@cache
def weight_cost(shape: ConvShape, pe: int, simd: int, kind: MemoryKind) -> Resources:
    """The weight ROM of an engine."""
    depth, width = shape.folds(pe) * shape.words(simd), pe * simd * shape.code_bits
    if kind == "lut":
        return memory_cost("lut", depth, width, rom=True)
    cut = banks(depth, width)
    mux = width * (len(cut) - 1)
    return Resources(round(mux), 0, 0, sum(bank.columns for bank in cut) / 2)


@cache
def decoder_cost(shape: ConvShape, pe: int, simd: int) -> Resources:
    """The table of a codebook, in LUTs of six inputs; nothing without one."""
    if not shape.decoded:
        return Resources(0, 0, 0, 0)
    bits = pe * simd * shape.weight_bits
    return Resources(bits << max(0, shape.code_bits - 6), bits, 0, 0)


@cache
def window_cost(shape: ConvShape, simd: int, kind: MemoryKind, pixels: int) -> Resources:
    """The window memory of an engine, of so many pixels."""
    return memory_cost(kind, max(pixels * shape.chunks(simd), FEWEST), 8 * simd)


@cache
def multiply_cost(config: MacConfig) -> Resources:
    """Multipliers, adder trees and accumulators."""
    if config.kind == "dsp48e1":
        upper = config.groups * config.parts * config.overlap
        luts = upper + _now.upper_lut * upper * (config.overlap + 1) / 2
        return Resources(round(luts), 8 * config.simd + 4 * upper, config.multipliers, 0)
    bits, rows = config.weight_bits, config.pe
    product, terms = bits + 8, config.simd
    if config.kind == "lut":
        product, terms = product + 2, len(chains(config.simd))
    tree, count, width = 0, terms, product
    while count > 1:
        width += 1
        tree += count // 2 * width
        count -= count // 2
    adders = rows * (tree + config.accumulator_bits)
    if config.kind == "mult18x18d":
        apart = rows * config.simd * product / 2 if config.rows_per_multiplier == 2 else 0
        registers = rows * config.simd * (3 * bits + 2 * product)
        return Resources(round(adders + apart), adders + registers, config.multipliers, 0)
    cuts = digits(bits)
    added = stored = delayed = 0
    for part in chains(config.simd):
        widths = chain_widths(cuts, len(part), unsigned(8))
        turns = [cut for cut in cuts for _ in part]
        added += sum(widths) - sum(start for start, _ in turns)
        stored += sum(widths)
        # A weight's digits wait for their turn.
        delayed += sum(stage * width for stage, (_, width) in enumerate(turns))
    shared = config.simd * _now.shared_lut
    return Resources(
        round(rows * _now.digit_lut * added + adders + shared),
        round(rows * _now.digit_ff * (stored + delayed) + adders + shared * len(cuts)),
        0,
        0,
    )


@cache
def serialiser_cost(
    config: MacConfig, lanes: int, words: int, *, decoded: bool = False
) -> Resources:
    """The sums that are kept while the next window is computed, and their way out."""
    steps = config.pe // lanes
    raw_bits = config.raw_bits + config.overlap
    kept = config.groups * config.parts * raw_bits
    inputs = min(steps, config.groups)
    mux = lanes * config.parts * raw_bits * mux_luts(inputs) * _now.mux_lut
    tree = lanes * (config.parts - 1) * raw_bits
    apart = lanes * (config.accumulator_bits + config.overlap) if config.rows_per_sum == 2 else 0
    queue = lutram_luts(
        result_depth(config, lanes, words, decoded=decoded), lanes * config.accumulator_bits
    )
    way = lanes * (config.parts * 2 * raw_bits + 2 * config.accumulator_bits)
    return Resources(round(mux + tree + apart + queue), kept + way, 0, 0)


@cache
def requantise_cost(shape: ConvShape, lanes: int, family: Family = "xc7") -> Resources:
    """The requantiser with its ROM of biases and multipliers."""
    depth, width = shape.cout // lanes, lanes * (16 + shape.bias_bits)
    rom = memory_cost("lut" if depth <= LUT_ROWS else "block", depth, width, rom=True)
    in_dsp = scaler_kind(shape, family) == "dsp48e1"
    per_lane = 1 if shape.sum_bits <= DSP_OPERAND_BITS[family] else 2
    lut = _now.clamp_lut if in_dsp else _now.scaler_lut
    ff = _now.clamp_ff if in_dsp else _now.scaler_ff
    queue = lutram_luts(REQUANTISE_DEPTH, 8 * lanes)
    unit = Resources(
        round(_now.requantise_lut + lut * lanes) + queue,
        round(_now.requantise_ff + ff * lanes),
        per_lane * lanes,
        0,
    )
    return total([rom, unit])


def scaler_kind(shape: ConvShape, family: Family) -> ScalerKind:
    """What requantises a convolution's sums: a single DSP48E1 a lane where that will do."""
    fits = shape.sum_bits <= DSP_OPERAND_BITS["xc7"]
    return "dsp48e1" if family == "xc7" and fits else "inferred"


@cache
def converter_cost(i_lanes: int, o_lanes: int, bits: int = 8) -> Resources:
    """A lane converter; nothing when both sides are equal."""
    wide = bits * max(i_lanes, o_lanes) if i_lanes != o_lanes else 0
    return Resources(round(_now.stream_lut * wide), round(_now.stream_ff * wide), 0, 0)


def engine_cost(
    shape: ConvShape,
    plan: EnginePlan,
    i_lanes: int,
    *,
    centre: bool = False,
    family: Family = "xc7",
) -> Resources:
    """A whole engine fed with ``i_lanes`` channels a transfer.

    With ``centre``, the queue of its windows' centre taps is included.
    """
    macs = shape.macs(plan.multiplier, plan.pe, plan.simd)
    return total(
        [
            _engine(shape),
            *([centre_cost(shape, plan.simd)] if centre else []),
            converter_cost(i_lanes, plan.simd),
            weight_cost(shape, plan.pe, plan.simd, plan.weight_memory),
            decoder_cost(shape, plan.pe, plan.simd),
            window_cost(shape, plan.simd, plan.window_memory, plan.window_pixels),
            multiply_cost(macs),
            serialiser_cost(macs, plan.lanes, shape.words(plan.simd), decoded=shape.decoded),
            requantise_cost(shape, plan.lanes, family),
        ]
    )


def _engine(shape: ConvShape) -> Resources:
    lut, ff = _now.engine_lut, _now.engine_ff
    if shape.kernel > 1:
        lut, ff = lut + _now.window_lut, ff + _now.window_ff
    return Resources(round(lut), round(ff), 0, 0)


def _unit() -> Resources:
    return Resources(round(_now.unit_lut), round(_now.unit_ff), 0, 0)


def pool_memory(width: int, channels: int, lanes: int) -> tuple[int, MemoryKind]:
    """Depth in transfers, and memory, of the row that a pool of ``width`` output columns keeps."""
    depth = max(2, width * channels // lanes)
    return depth, "block" if depth > POOL_ROWS else "lut"


def pool_cost(width: int, channels: int, lanes: int) -> Resources:
    """Max pooling whose output rows have ``width`` pixels: comparators, row and queue."""
    (depth, kind), bits = pool_memory(width, channels, lanes), 8 * lanes
    # The running maxima of a pixel, and the queue that a pixel leaves through.
    pixels = 2 * lutram_luts(channels // lanes, bits)
    row = memory_cost(kind, depth, bits)
    ahead = bits if kind == "block" else 0
    return total([_unit(), row, Resources(pixels + 4 * bits, 6 * bits + ahead, 0, 0)])


def centre_cost(three: ConvShape, simd: int) -> Resources:
    """The queue of centre taps between the two branches of a Fire module."""
    return total([_unit(), Resources(lutram_luts(three.chunks(simd), 8 * simd), 8 * simd, 0, 0)])


def concat_cost(parts: list[int], lanes: int) -> Resources:
    """Concatenation with a queue of two pixels before each input."""
    queues = [lutram_luts(max(2, 2 * channels // lanes), 8 * lanes) for channels in parts]
    control = Resources(60 + 8 * lanes, 16 * lanes * len(parts), 0, 0)
    return total([_unit(), Resources(sum(queues), 0, 0, 0), control])


def bypass_queue(squeeze: ConvShape, three: ConvShape, i_lanes: int) -> tuple[int, MemoryKind]:
    """Depth in transfers, and memory, of the queue beside a bypassed Fire module.

    It holds what the module has taken and not yet given: the 3x3 branch is a row and a pixel
    behind its input, the squeeze layer's window memory may be full, and a few pixels are under way.
    """
    margin = three.kernel // 2
    pixels = margin * three.width + squeeze.window_pixels + 2 * margin + 2
    depth = pixels * squeeze.cin // i_lanes
    return depth, "block" if depth * i_lanes * 8 > QUEUE_BITS else "lut"


def add_cost(
    squeeze: ConvShape, three: ConvShape, multipliers: tuple[int, int], i_lanes: int, lanes: int
) -> Resources:
    """The bypass adder and its queue. A DSP block a lane multiplies by what is no power of two."""
    depth, kind = bypass_queue(squeeze, three, i_lanes)
    products = sum(multiplier.bit_count() > 1 for multiplier in multipliers)
    adder = Resources(50 * lanes, 80 * lanes, products * lanes, 0)
    return total([_unit(), memory_cost(kind, depth, 8 * i_lanes), adder])


def global_sum_cost(channels: int, lanes: int, bits: int) -> Resources:
    """Sums of ``bits`` bits a channel in LUT memory."""
    memory = lutram_luts(max(2, channels // lanes), bits * lanes)
    return total([_unit(), Resources(memory + 2 * bits * lanes, 3 * bits * lanes, 0, 0)])
