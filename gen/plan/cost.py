"""What hardware costs: block RAMs, LUTs, flip-flops and DSP blocks of every unit.

DSP and block RAM counts are meant to be exact; LUTs and flip-flops are estimates. A
:class:`CostModel` makes those that depend on fitted coefficients; what is plain arithmetic on
widths are functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from boards.board import Family, Resources
from gen.common.cached import cached_method
from gen.plan.coefficients import Coefficients
from gen.plan.conv_shape import ConvShape
from gen.plan.multiplier_cost import MULTIPLIER_COST
from gen.plan.plan import EnginePlan
from hw.arith.mac import MacConfig
from hw.arith.multiply import SMALL_OPERAND
from hw.arith.rom import banks
from hw.layers.matvec import result_depth
from hw.layers.requantise import DEPTH as REQUANTISE_DEPTH
from hw.layers.requantise import LUT_ROWS, ScalerKind
from hw.layers.window import FEWEST
from hw.stream.fifo import MemoryKind

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

    Raises
    ------
    ValueError
        If it has no words, or no bits.
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


def mux_luts(inputs: int) -> int:
    """LUTs a bit of a multiplexer: four inputs a LUT, and up to 16 joined by F7 and F8."""
    if inputs <= 1:
        return 0
    return -(-inputs // 4) + mux_luts(-(-inputs // 16))


def memory_cost(kind: MemoryKind, depth: int, width: int) -> Resources:
    """Cost of a memory in block RAM or in LUTs.

    Parameters
    ----------
    kind : "block" or "lut"
    depth, width : int
        Words, and bits of a word.
    """
    if kind == "block":
        return Resources(0, 0, 0, bram36(depth, width))
    return Resources(lutram_luts(depth, width), width, 0, 0)


def total(parts: list[Resources]) -> Resources:
    """Sum of resources."""
    return Resources(
        lut=sum(part.lut for part in parts),
        ff=sum(part.ff for part in parts),
        dsp=sum(part.dsp for part in parts),
        bram36=sum(part.bram36 for part in parts),
    )


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
    bits = pe * simd * shape.weight_bits
    return Resources(bits << max(0, shape.code_bits - 6), bits, 0, 0)


@cache
def window_cost(shape: ConvShape, simd: int, kind: MemoryKind, pixels: int) -> Resources:
    """The window memory of an engine.

    Parameters
    ----------
    shape : ConvShape
    simd : int
        Channels of 8 bits in a word.
    kind : "block" or "lut"
    pixels : int
        That it holds, padding included.
    """
    return memory_cost(kind, max(pixels * shape.chunks(simd), FEWEST), 8 * simd)


def scaler_kind(shape: ConvShape, family: Family) -> ScalerKind:
    """What requantises a convolution's sums: a single DSP48E1 a lane where that will do."""
    fits = shape.sum_bits <= DSP_OPERAND_BITS["xc7"]
    return "dsp48e1" if family == "xc7" and fits else "inferred"


def pool_memory(width: int, channels: int, lanes: int) -> tuple[int, MemoryKind]:
    """Depth in transfers, and memory, of the row of output that a pool keeps.

    Parameters
    ----------
    width, channels, lanes : int
        Pixels of a row of output, their channels, and how many of these a transfer has.
    """
    depth = max(2, width * channels // lanes)
    return depth, "block" if depth > POOL_ROWS else "lut"


def bypass_queue(squeeze: ConvShape, three: ConvShape, i_lanes: int) -> tuple[int, MemoryKind]:
    """Depth in transfers, and memory, of the queue beside a bypassed Fire module.

    It holds what the module has taken and not yet given: the 3x3 branch is a row and a pixel
    behind its input, the squeeze layer's window memory may be full, and a few pixels are under way.

    Parameters
    ----------
    squeeze, three : ConvShape
        The module's squeeze layer and 3x3 branch.
    i_lanes : int
        Channels a transfer of the module's input, which the queue holds.
    """
    margin = three.kernel // 2
    pixels = margin * three.width + squeeze.window_pixels + 2 * margin + 2
    depth = pixels * squeeze.cin // i_lanes
    return depth, "block" if depth * i_lanes * 8 > QUEUE_BITS else "lut"


@dataclass(frozen=True)
class CostModel:
    """The costs that depend on fitted coefficients.

    Results are kept with the model, for the planner asks the same again and again.

    Attributes
    ----------
    coefficients : Coefficients
    """

    coefficients: Coefficients

    @staticmethod
    @cache
    def fitted() -> CostModel:
        """The one with the coefficients that were fitted last."""
        return CostModel(Coefficients.load())

    def on_family(self, resources: Resources, family: Family) -> Resources:
        """Resources counted in 6-input LUTs, in those that the family has."""
        if family == "xc7":
            return resources
        return replace(resources, lut=round(resources.lut * self.coefficients.lut4_per_lut6))

    @cached_method
    def lutrom_luts(self, depth: int, width: int) -> int:
        """LUTs of a ROM: 64 bits a LUT6, and a mux beyond what F7 and F8 join."""
        banks = -(-depth // 64)
        return width * banks + round(self.coefficients.rom_mux_lut * width * (-(-banks // 4) - 1))

    def rom_cost(self, kind: MemoryKind, depth: int, width: int) -> Resources:
        """Cost of a ROM in block RAM or in LUTs.

        Parameters
        ----------
        kind, depth, width : "block" or "lut", int, int
            As for :func:`memory_cost`.
        """
        if kind == "block":
            return memory_cost(kind, depth, width)
        return Resources(self.lutrom_luts(depth, width), width, 0, 0)

    @cached_method
    def weight_cost(self, shape: ConvShape, pe: int, simd: int, kind: MemoryKind) -> Resources:
        """The weight ROM of an engine.

        Parameters
        ----------
        shape : ConvShape
        pe, simd : int
            A word has the codes of ``pe * simd`` weights.
        kind : "block" or "lut"
        """
        depth, width = shape.folds(pe) * shape.words(simd), pe * simd * shape.code_bits
        if kind == "lut":
            return self.rom_cost("lut", depth, width)
        cut = banks(depth, width)
        mux = width * (len(cut) - 1)
        return Resources(mux, 0, 0, sum(bank.columns for bank in cut) / 2)

    @cached_method
    def multiply_cost(self, config: MacConfig) -> Resources:
        """Multipliers, adder trees and accumulators."""
        return MULTIPLIER_COST[config.kind](config, self.coefficients)

    @cached_method
    def serialiser_cost(
        self, config: MacConfig, lanes: int, words: int, *, decoded: bool = False
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
        mux = lanes * config.parts * raw_bits * mux_luts(inputs) * self.coefficients.mux_lut
        tree = lanes * (config.parts - 1) * raw_bits
        apart = config.accumulator_bits + config.overlap if config.rows_per_sum == 2 else 0
        depth = result_depth(config, lanes, words, decoded=decoded)
        queue = lutram_luts(depth, lanes * config.accumulator_bits)
        way = lanes * (config.parts * 2 * raw_bits + 2 * config.accumulator_bits)
        return Resources(round(mux + tree + lanes * apart + queue), kept + way, 0, 0)

    @cached_method
    def requantise_cost(self, shape: ConvShape, lanes: int, family: Family = "xc7") -> Resources:
        """The requantiser with its ROM of biases and multipliers.

        Parameters
        ----------
        shape : ConvShape
        lanes : int
            Sums a cycle; divides the output channels.
        family : "xc7" or "ecp5"
            Decides how wide a sum one DSP block multiplies; two a lane do for wider ones.
        """
        depth, width = shape.cout // lanes, lanes * (16 + shape.bias_bits)
        rom = self.rom_cost("lut" if depth <= LUT_ROWS else "block", depth, width)
        fitted = self.coefficients
        lut, ff = fitted.scaler_lut, fitted.scaler_ff
        if scaler_kind(shape, family) == "dsp48e1":
            lut, ff = fitted.clamp_lut, fitted.clamp_ff
        per_lane = 1 if shape.sum_bits <= DSP_OPERAND_BITS[family] else 2
        unit = Resources(
            round(fitted.requantise_lut + lut * lanes) + lutram_luts(REQUANTISE_DEPTH, 8 * lanes),
            round(fitted.requantise_ff + ff * lanes),
            per_lane * lanes,
            0,
        )
        return total([rom, unit])

    @cached_method
    def converter_cost(self, i_lanes: int, o_lanes: int, bits: int = 8) -> Resources:
        """A lane converter; nothing when both sides are equal.

        Parameters
        ----------
        i_lanes, o_lanes : int
            Channels a transfer on either side.
        bits : int
            Width of a channel.
        """
        wide = bits * max(i_lanes, o_lanes) if i_lanes != o_lanes else 0
        lut, ff = self.coefficients.stream_lut * wide, self.coefficients.stream_ff * wide
        return Resources(round(lut), round(ff), 0, 0)

    def engine_cost(
        self,
        shape: ConvShape,
        plan: EnginePlan,
        i_lanes: int,
        *,
        centre: bool = False,
        family: Family = "xc7",
    ) -> Resources:
        """A whole engine with its input's lane converter.

        Parameters
        ----------
        shape : ConvShape
        plan : EnginePlan
        i_lanes : int
            Channels a transfer of its input.
        centre : bool
            Whether to include the queue of its windows' centre taps.
        family : "xc7" or "ecp5"
            Decides on the requantiser; LUTs are those of six inputs for both.
        """
        macs, words = shape.macs(plan.multiplier, plan.pe, plan.simd), shape.words(plan.simd)
        return total(
            [
                self._control_cost(shape),
                *([self.centre_cost(shape, plan.simd)] if centre else []),
                self.converter_cost(i_lanes, plan.simd),
                self.weight_cost(shape, plan.pe, plan.simd, plan.weight_memory),
                decoder_cost(shape, plan.pe, plan.simd),
                window_cost(shape, plan.simd, plan.window_memory, plan.window_pixels),
                self.multiply_cost(macs),
                self.serialiser_cost(macs, plan.lanes, words, decoded=shape.decoded),
                self.requantise_cost(shape, plan.lanes, family),
            ]
        )

    def _control_cost(self, shape: ConvShape) -> Resources:
        fitted = self.coefficients
        lut, ff = fitted.engine_lut, fitted.engine_ff
        if shape.kernel > 1:
            lut, ff = lut + fitted.window_lut, ff + fitted.window_ff
        return Resources(round(lut), round(ff), 0, 0)

    def _unit_cost(self) -> Resources:
        return Resources(round(self.coefficients.unit_lut), round(self.coefficients.unit_ff), 0, 0)

    def pool_cost(self, width: int, channels: int, lanes: int) -> Resources:
        """Max pooling: comparators, row and queue.

        Parameters
        ----------
        width, channels, lanes : int
            As for :func:`pool_memory`.
        """
        (depth, kind), bits = pool_memory(width, channels, lanes), 8 * lanes
        # The running maxima of a pixel, and the queue that a pixel leaves through.
        pixels = 2 * lutram_luts(channels // lanes, bits)
        row = memory_cost(kind, depth, bits)
        ahead = bits if kind == "block" else 0
        return total([self._unit_cost(), row, Resources(pixels + 4 * bits, 6 * bits + ahead, 0, 0)])

    def centre_cost(self, three: ConvShape, simd: int) -> Resources:
        """The queue of centre taps between the two branches of a Fire module."""
        queue = Resources(lutram_luts(three.chunks(simd), 8 * simd), 8 * simd, 0, 0)
        return total([self._unit_cost(), queue])

    def concat_cost(self, parts: list[int], lanes: int) -> Resources:
        """Concatenation with a queue of two pixels before each input."""
        queues = [lutram_luts(max(2, 2 * channels // lanes), 8 * lanes) for channels in parts]
        control = Resources(60 + 8 * lanes, 16 * lanes * len(parts), 0, 0)
        return total([self._unit_cost(), Resources(sum(queues), 0, 0, 0), control])

    def add_cost(
        self,
        squeeze: ConvShape,
        three: ConvShape,
        multipliers: tuple[int, int],
        i_lanes: int,
        lanes: int,
    ) -> Resources:
        """The bypass adder and its queue.

        A DSP block a lane multiplies by what is no power of two.

        Parameters
        ----------
        squeeze, three, i_lanes : ConvShape, ConvShape, int
            As for :func:`bypass_queue`.
        multipliers : tuple of int
            Of both inputs.
        lanes : int
            Channels a transfer of the sum.
        """
        depth, kind = bypass_queue(squeeze, three, i_lanes)
        products = sum(multiplier.bit_count() > 1 for multiplier in multipliers)
        adder = Resources(50 * lanes, 80 * lanes, products * lanes, 0)
        return total([self._unit_cost(), memory_cost(kind, depth, 8 * i_lanes), adder])

    def global_sum_cost(self, channels: int, lanes: int, bits: int) -> Resources:
        """A sum for each channel, in LUT memory.

        Parameters
        ----------
        channels, lanes : int
            All of them, and those of a transfer.
        bits : int
            Signed width of a sum.
        """
        wide = bits * lanes
        memory = lutram_luts(max(2, channels // lanes), wide)
        return total([self._unit_cost(), Resources(memory + 2 * wide, 3 * wide, 0, 0)])
