"""What hardware costs: block RAMs, LUTs, flip-flops and DSP blocks of every unit.

DSP and block RAM counts are meant to be exact; LUTs and flip-flops are estimates, built from the
coefficients below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from boards.board import Family, Resources
from gen.network import Conv, MaxPool, QuantizedNetwork
from gen.plan import EnginePlan
from hw.fifo import MemoryKind
from hw.mac import CHAIN, MacShape, MultiplierKind, chains, digits
from hw.matvec import result_depth
from hw.requantise import LUT_ROWS
from hw.rom import banks

# Coefficients of the LUT and flip-flop estimates; everything else is arithmetic on widths.
MUX_LUT = 1 / 3
"""LUTs a bit and further input of a wide multiplexer: four inputs fit one LUT."""
ENGINE_1X1 = Resources(lut=165, ff=130, dsp=0, bram36=0)
ENGINE = Resources(lut=330, ff=150, dsp=0, bram36=0)
"""Counters, address generation and handshakes of a convolution engine, 1x1 and larger."""
REQUANTISE_LUT_PER_LANE, REQUANTISE_FF_PER_LANE = 45, 90
"""Bias adder, clamp and pipeline registers around the multiplier."""
STREAM_LUT_PER_BIT, STREAM_FF_PER_BIT = 1.5, 2.0
"""A lane converter with its registers, a bit of the wider side."""
SMALL_UNIT = Resources(lut=60, ff=80, dsp=0, bram36=0)
"""Counters and handshakes of a pool, concatenation, adder or global sum."""
BOARD = Resources(lut=950, ff=750, dsp=0, bram36=2)
"""The UART link and the shell around the accelerator, for 1000 classes."""
LUT_DIGIT = 11.5
"""LUTs a digit of two bits of a multiplier made of LUTs."""
LUT_SHARED = 40
"""LUTs for the multiples of an activation that all rows of such multipliers share."""
POOL_ROWS = 256
"""A pool's row goes into LUTs up to so many transfers, into block RAM beyond."""
QUEUE_BITS = 8192
"""The queue of a bypass goes into LUTs up to this size, into block RAM beyond."""
DSP_OPERAND_BITS: dict[Family, int] = {"xc7": 25, "ecp5": 18}
"""Widest signed operand of one DSP48E1 and of one MULT18X18D."""
LUT4_PER_LUT6 = 2.2
"""How many look-up tables of four inputs do what the formulas here count of six inputs."""

_HALF_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
_FULL_SHAPES = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))


@dataclass(frozen=True)
class ConvShape:
    """What decides the cost of a convolution, without its weights.

    Attributes
    ----------
    name : str
    cin, cout, kernel, stride : int
    pixels : int
        Of the input map, without padding.
    height, width : int
        Of the padded input map.
    border : int
        Padding pixels between the last pixel of a frame and the first of the next.
    rows, columns : int
        Of the output map.
    weight_bits : int
    symmetric : bool
        No weight is the most negative code.
    accumulator_bits, sum_bits : int
        Signed widths of the accumulator and of accumulator plus bias.
    burst : int
        How many times faster than on average the input comes while it comes: the stride of the
        pool in front, which gives a row of output during one of so many rows of input.
    burst_rows : int
        Rows that come at that pace one after another; two at the end of a map whose last windows
        are cut.
    """

    name: str
    cin: int
    cout: int
    kernel: int
    stride: int
    pixels: int
    height: int
    width: int
    border: int
    rows: int
    columns: int
    weight_bits: int
    symmetric: bool
    accumulator_bits: int
    sum_bits: int
    burst: int = 1
    burst_rows: int = 0

    @staticmethod
    def of(network: QuantizedNetwork, op: Conv) -> ConvShape:
        """The shape of convolution ``op`` of ``network``."""
        x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
        top, left, bottom, right = op.pad
        low, high = op.accumulator_bounds(x)
        biased = low + min(int(op.bias.min()), 0), high + max(int(op.bias.max()), 0)
        pool = next((o for o in network.ops if o.name == op.inputs[0]), None)
        return ConvShape(
            name=op.name,
            cin=x.shape[2],
            cout=op.channels,
            kernel=op.kernel,
            stride=op.stride,
            pixels=x.shape[0] * x.shape[1],
            height=x.shape[0] + top + bottom,
            width=x.shape[1] + left + right,
            border=(top + bottom) * (x.shape[1] + left + right) + left + right,
            rows=y.shape[0],
            columns=y.shape[1],
            weight_bits=op.weight_bits,
            symmetric=bool(op.weights.min() > -(1 << (op.weight_bits - 1))),
            accumulator_bits=signed_bits(low, high),
            sum_bits=signed_bits(*biased),
            **(_pool_burst(network, pool) if isinstance(pool, MaxPool) else {}),
        )

    @property
    def out_pixels(self) -> int:
        """Pixels of the output map."""
        return self.rows * self.columns

    def chunks(self, simd: int) -> int:
        """Words a pixel."""
        return -(-self.cin // simd)

    def words(self, simd: int) -> int:
        """Words a window: cycles for one output pixel and fold."""
        return self.kernel**2 * self.chunks(simd)

    def folds(self, pe: int) -> int:
        """Output folds."""
        return -(-self.cout // pe)

    def compute_cycles(self, pe: int, simd: int) -> int:
        """Cycles a frame of the engine."""
        return self.out_pixels * self.folds(pe) * self.words(simd)

    def macs(self, kind: MultiplierKind, pe: int, simd: int) -> MacShape:
        """The engine's array of multipliers."""
        return MacShape(kind, pe, simd, self.weight_bits, self.accumulator_bits, self.symmetric)

    @property
    def window_pixels(self) -> int:
        """Pixels that the window memory holds so that nothing has to wait for a jump.

        A window and the longest jump from one window to the next: to the next row, or over the
        last rows of a frame, which no window reads to the end, into the next frame. An input that
        comes in bursts of rows needs as many rows more: else the engine's pace would hold up the
        pool during the burst, and the layer in front of it too. A padded 1x1 computes its border
        while pixels keep coming, so the border must fit in.
        """
        waiting = self.width * self.burst_rows
        if self.kernel == 1 and self.stride == 1:
            return 4 + waiting + self.border
        last_column = (self.columns - 1) * self.stride
        row_jump = self.stride * self.width - last_column
        last = (self.rows - 1) * self.stride * self.width + last_column
        span = (self.kernel - 1) * self.width + self.kernel
        return span + max(row_jump, self.height * self.width - last) + waiting


def _pool_burst(network: QuantizedNetwork, pool: MaxPool) -> dict[str, int]:
    height = network.tensors[pool.inputs[0]].shape[0]
    cut = pool.ceil and (height - pool.kernel) % pool.stride
    return {"burst": pool.stride, "burst_rows": 2 if cut else 1}


def signed_bits(low: int, high: int) -> int:
    """Bits of a two's complement number between ``low`` and ``high``."""
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1


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
    return width * banks + round(1.1 * width * (-(-banks // 4) - 1))


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
    return replace(resources, lut=round(resources.lut * LUT4_PER_LUT6))


@cache
def weight_cost(shape: ConvShape, pe: int, simd: int, kind: MemoryKind) -> Resources:
    """The weight ROM of an engine."""
    depth, width = shape.folds(pe) * shape.words(simd), pe * simd * shape.weight_bits
    if kind == "lut":
        return memory_cost("lut", depth, width, rom=True)
    cut = banks(depth, width)
    # Two multiplexers of two inputs fit one LUT.
    mux = width * (len(cut) - 1) / 2
    return Resources(round(mux), 0, 0, sum(bank.columns for bank in cut) / 2)


@cache
def window_cost(shape: ConvShape, simd: int, kind: MemoryKind) -> Resources:
    """The window memory of an engine."""
    return memory_cost(kind, shape.window_pixels * shape.chunks(simd), 8 * simd)


@cache
def multiply_cost(size: MacShape) -> Resources:
    """Multipliers, adder trees and accumulators."""
    if size.kind == "dsp48e1":
        return Resources(0, 8 * size.simd, size.multipliers, 0)
    bits, rows = size.weight_bits, size.pe
    product, terms = bits + 8, size.simd
    if size.kind == "lut":
        product, terms = product + 2, len(chains(size.simd))
    tree, count, width = 0, terms, product
    while count > 1:
        width += 1
        tree += count // 2 * width
        count -= count // 2
    adders = rows * (tree + size.accumulator_bits)
    if size.kind == "mult18x18d":
        apart = rows * size.simd * product / 2 if size.sharing == 2 else 0
        registers = rows * size.simd * (bits + product)
        return Resources(round(adders + apart), adders + registers, size.multipliers, 0)
    steps = len(digits(bits))
    selected = rows * size.simd * steps
    waiting = rows * size.simd * bits * (1 + steps * min(size.simd, CHAIN) / 2)
    shared = size.simd * LUT_SHARED
    return Resources(
        round(LUT_DIGIT * selected + adders + shared),
        round(LUT_DIGIT * selected + adders + waiting + shared * steps),
        0,
        0,
    )


@cache
def drain_cost(size: MacShape, lanes: int, words: int) -> Resources:
    """The sums that are kept while the next window is computed, and their way out."""
    steps = size.pe // lanes
    kept = size.groups * size.parts * size.raw_bits
    inputs = min(steps, size.groups)
    mux = lanes * size.parts * size.raw_bits * (inputs - 1) * MUX_LUT
    tree = lanes * (size.parts - 1) * size.raw_bits
    apart = lanes * size.accumulator_bits if size.lanes == 2 else 0
    queue = lutram_luts(result_depth(size, lanes, words), lanes * size.accumulator_bits)
    way = lanes * (size.parts * 2 * size.raw_bits + 2 * size.accumulator_bits)
    return Resources(round(mux + tree + apart + queue), kept + way, 0, 0)


@cache
def requantise_cost(shape: ConvShape, lanes: int, family: Family = "xc7") -> Resources:
    """The requantiser with its ROM of biases and multipliers."""
    depth, width = shape.cout // lanes, lanes * (16 + shape.sum_bits)
    rom = memory_cost("lut" if depth <= LUT_ROWS else "block", depth, width, rom=True)
    per_lane = 1 if shape.sum_bits <= DSP_OPERAND_BITS[family] else 2
    unit = Resources(
        REQUANTISE_LUT_PER_LANE * lanes, REQUANTISE_FF_PER_LANE * lanes, per_lane * lanes, 0
    )
    return total([rom, unit])


@cache
def converter_cost(i_lanes: int, o_lanes: int, bits: int = 8) -> Resources:
    """A lane converter; nothing when both sides are equal."""
    wide = bits * max(i_lanes, o_lanes) if i_lanes != o_lanes else 0
    return Resources(round(STREAM_LUT_PER_BIT * wide), round(STREAM_FF_PER_BIT * wide), 0, 0)


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
            ENGINE_1X1 if shape.kernel == 1 else ENGINE,
            *([centre_cost(shape, plan.simd)] if centre else []),
            converter_cost(i_lanes, plan.simd),
            weight_cost(shape, plan.pe, plan.simd, plan.weight_memory),
            window_cost(shape, plan.simd, plan.window_memory),
            multiply_cost(macs),
            drain_cost(macs, plan.lanes, shape.words(plan.simd)),
            requantise_cost(shape, plan.lanes, family),
        ]
    )


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
    return total([SMALL_UNIT, row, Resources(pixels + 4 * bits, 6 * bits, 0, 0)])


def centre_cost(three: ConvShape, simd: int) -> Resources:
    """The queue of centre taps between the two branches of a Fire module."""
    return total([SMALL_UNIT, Resources(lutram_luts(three.chunks(simd), 8 * simd), 8 * simd, 0, 0)])


def concat_cost(parts: list[int], lanes: int) -> Resources:
    """Concatenation with a queue of two pixels before each input."""
    queues = [lutram_luts(max(2, 2 * channels // lanes), 8 * lanes) for channels in parts]
    control = Resources(60 + 8 * lanes, 16 * lanes * len(parts), 0, 0)
    return total([SMALL_UNIT, Resources(sum(queues), 0, 0, 0), control])


def bypass_queue(squeeze: ConvShape, three: ConvShape, i_lanes: int) -> tuple[int, MemoryKind]:
    """Depth in transfers, and memory, of the queue beside a bypassed Fire module.

    It holds what the module has taken and not yet given: the 3x3 branch is a row and a pixel
    behind its input, the squeeze layer's window memory may be full, and a few pixels are under way.
    """
    margin = three.kernel // 2
    pixels = margin * three.width + squeeze.window_pixels + 2 * margin + 2
    depth = pixels * squeeze.cin // i_lanes
    return depth, "block" if depth * i_lanes * 8 > QUEUE_BITS else "lut"


def add_cost(squeeze: ConvShape, three: ConvShape, i_lanes: int, lanes: int) -> Resources:
    """The bypass adder and its queue. Two DSP blocks a lane multiply."""
    depth, kind = bypass_queue(squeeze, three, i_lanes)
    adder = Resources(50 * lanes, 80 * lanes, 2 * lanes, 0)
    return total([SMALL_UNIT, memory_cost(kind, depth, 8 * i_lanes), adder])


def global_sum_cost(channels: int, lanes: int, bits: int) -> Resources:
    """Sums of ``bits`` bits a channel in LUT memory, twice: one being made, one being read."""
    memory = lutram_luts(max(2, channels // lanes), bits * lanes)
    return total([SMALL_UNIT, Resources(2 * memory + bits * lanes, 3 * bits * lanes, 0, 0)])
