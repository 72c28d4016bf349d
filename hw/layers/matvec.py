"""The matrix-vector unit: weights from a ROM times a stream of windows."""

from typing import TypedDict

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.codebook import Decoder
from hw.arith.mac import MacArray, MacConfig, MultiplierKind
from hw.arith.registers import later
from hw.arith.rom import Rom, choice_cycles
from hw.arith.sum_serialiser import SumSerialiser
from hw.stream.counter import Counter, plus_one
from hw.stream.fifo import REGISTERS as FIFO_REGISTERS
from hw.stream.fifo import MemoryKind, StreamFifo
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.contents.rows import stored_codes, weight_rows

ROM_LATENCY = 2
"""Cycles from a word's arrival to its weights, without a codebook's table and many banks."""
_WAY_ROUND = (*FIFO_REGISTERS, "free places", "credit", "spare")
"""What keeps a result's place taken besides ROM, array and serialiser, a cycle each."""
_SPARE_PLACES = 2
"""Places beyond the windows': the credit of windows of one word looks that far ahead."""


def operand_cycles(
    config: MacConfig, *, decoded: bool = False, rom_latency: int = ROM_LATENCY
) -> int:
    """Cycles that an activation waits for its weights, and goes to the array.

    Parameters
    ----------
    config : MacConfig
    decoded : bool
        Weights come out of a table, a register more.
    rom_latency : int
    """
    return rom_latency + decoded - config.weights_delay


def result_depth(
    config: MacConfig,
    lanes: int,
    words: int,
    *,
    decoded: bool = False,
    rom_latency: int = ROM_LATENCY,
) -> int:
    """Results that may be under way or waiting, so that no window of ``words`` waits for them.

    Parameters
    ----------
    config : MacConfig
    lanes : int
        Divides the rows of the array.
    words : int
    decoded : bool
        Weights come out of a table, a register more.
    rom_latency : int

    Returns
    -------
    int
        In transfers of ``lanes`` sums.
    """
    steps = config.pe // lanes
    taken = operand_cycles(config, decoded=decoded, rom_latency=rom_latency) + config.latency
    taken += SumSerialiser.latency(config) + steps + len(_WAY_ROUND)
    return steps * max(2, 1 + -(-taken // words)) + _SPARE_PLACES


class _WeightsCome(TypedDict):
    """What decides when a word's weights are there."""

    decoded: bool
    rom_latency: int


class MatrixVector(wiring.Component):
    """Multiplies windows by a matrix: ``pe`` rows side by side, ``simd`` products a row and cycle.

    A window of ``words`` words arrives ``folds`` times; each time ``pe`` output channels are
    accumulated (the last fold may have fewer), then leave ``lanes`` a cycle. One word a cycle;
    stalls only when results are not taken. With a codebook the ROM holds codes, unless they are as
    wide as their levels.

    Depthwise, each row multiplies a channel of its own: a word is one tap of ``pe`` channels, and
    each ``pe`` channels' window arrives once, one after another.

    Parameters
    ----------
    weights : int array (Cout, words * simd)
        Signed; column order is the order of the window's channels. Zeros in padded columns, whose
        activations are zero.
    weight_bits : int
        2 to 8.
    pe, simd : int
        Depthwise, ``simd`` is 1.
    lanes : int
        Divides ``pe`` and ``Cout``; at least ``pe / words``.
    shape : Shape
        Of an activation, ``unsigned(8)`` or ``signed(8)``.
    accumulator : Shape
        Signed and wide enough for every partial sum.
    kind : "block" or "lut"
        Memory of the weights.
    multiplier : "dsp48e1", "mult18x18d" or "lut"
    codebook : int array (2**code_bits,) or None
        Ascending levels that hold all weights but padded columns' zeros.
    depthwise : bool
    writable : bool
        Weights are what the ROM begins with, and may be replaced.

    Members
    -------
    i : In(lane_stream(simd, shape))
        Depthwise, of ``pe`` lanes.
    o : Out(lane_stream(lanes, accumulator))
        Cout accumulators a window, in channel order.
    i_load : In(LOAD)
        Only if it is writable: words for the ROM, while no window is read.

    Raises
    ------
    ValueError
        If ``weight_bits`` are not 2 to 8, a weight does not fit them or is not in the codebook, the
        columns are no whole words, ``lanes`` do not divide ``pe`` and ``Cout``, a fold's sums
        could not leave within the cycles of the next one, or ``simd`` is not 1 though depthwise.
    """

    def __init__(
        self,
        weights: np.ndarray,
        *,
        weight_bits: int,
        pe: int,
        simd: int,
        lanes: int,
        shape: Shape,
        accumulator: Shape,
        kind: MemoryKind = "block",
        multiplier: MultiplierKind = "lut",
        codebook: np.ndarray | None = None,
        depthwise: bool = False,
        writable: bool = False,
    ):
        channels, columns = weights.shape
        limit = 1 << (weight_bits - 1)
        if not 2 <= weight_bits <= 8 or weights.min() < -limit or weights.max() >= limit:
            raise ValueError(f"weights do not fit {weight_bits} bits, or these are not 2 to 8")
        if columns % simd:
            raise ValueError(f"{columns} columns are no whole words of {simd}")
        if pe % lanes or channels % lanes:
            raise ValueError(f"lanes {lanes} must divide pe {pe} and the {channels} channels")
        if pe // lanes > columns // simd:
            raise ValueError(f"{pe} sums cannot leave by {lanes} within {columns // simd} cycles")
        self._weights = np.asarray(weights, dtype=np.int64)
        self._pe, self._simd, self._lanes = pe, simd, lanes
        self._bits, self._decoder, self._levels = weight_bits, None, None
        self._writable = writable
        if codebook is not None and len(codebook) < 1 << weight_bits:
            if not np.isin(weights, [*codebook, 0]).all():
                raise ValueError("weights that are not in the codebook")
            self._levels = np.asarray(codebook, dtype=np.int64)
            # Codes count from the middle: then their top bit is most codebooks' sign as it is.
            by_code = np.roll(codebook, len(codebook) // 2)
            self._decoder = Decoder(by_code, weight_bits, pe * simd)
            self._bits = len(codebook).bit_length() - 1
        self._kind = kind
        symmetric = bool(weights.min() > -limit)
        config = MacConfig(
            multiplier, pe, simd, weight_bits, accumulator.width, symmetric, depthwise
        )
        self._macs = MacArray(config, shape)
        i = lane_stream(config.activations, shape)
        ports = {"i": In(i), "o": Out(lane_stream(lanes, accumulator))}
        super().__init__(ports | ({"i_load": In(LOAD)} if writable else {}))

    @property
    def folds(self) -> int:
        """Times that each window is read, or parts that a depthwise one comes in."""
        return -(-self._weights.shape[0] // self._pe)

    @property
    def words(self) -> int:
        """Words of a window."""
        return self._weights.shape[1] // self._simd

    def model(self, windows: np.ndarray) -> np.ndarray:
        """Accumulators of windows.

        Parameters
        ----------
        windows : int array (N, words * simd), or (N, words, Cout) if depthwise

        Returns
        -------
        int64 array (N, Cout)
        """
        values = np.asarray(windows, dtype=np.int64)
        if self._macs.config.depthwise:
            return (values * self._weights.T).sum(axis=1)
        return values @ self._weights.T

    def rom(self) -> list[int]:
        """Rows of the ROM in schedule order; weight (p, s) sits at bit (p*simd + s)*bits."""
        codes = stored_codes(self._weights, self._levels)
        return weight_rows(codes, self._pe, self._simd, self._bits)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.rom = rom = Rom(
            self.rom(),
            self._rom_width,
            self._kind,
            latency=self._rom_latency,
            writable=self._writable,
        )
        if self._writable:
            m.d.comb += rom.i_load.eq(self.i_load)
        m.submodules.macs = macs = self._macs
        m.submodules.serialiser = serialiser = SumSerialiser(macs.config, self._lanes)
        m.submodules.results = results = StreamFifo(self.o.payload.shape(), self._depth)
        wiring.connect(m, results.o, wiring.flipped(self.o))

        m.submodules.word = word = Counter(self.words, [(0, 1)])
        first, last = word.o_inside, word.o_last
        accept, credit = Signal(), Signal(init=1)
        m.d.comb += [
            self.i.ready.eq(credit | ~last),
            accept.eq(self.i.valid & self.i.ready),
            word.i_step.eq(accept),
            rom.i_next.eq(accept),
        ]
        x, flags = Mux(accept, self.i.payload.as_value(), 0), Cat(accept, first, last)
        data = rom.o_data
        if self._decoder is not None:
            m.submodules.decoder = self._decoder
            m.d.comb += self._decoder.i.eq(data)
            data = self._decoder.o
        for _ in range(operand_cycles(macs.config, **self._weights_come)):
            x, flags = later(m, x), _later(m, flags)
        m.d.comb += [
            macs.i_x.as_value().eq(x),
            Cat(macs.i_valid, macs.i_first, macs.i_last).eq(flags),
            macs.i_weights.eq(data),
            serialiser.i_done.eq(macs.o_done),
            serialiser.i_sums.eq(macs.o_sums),
            results.i.valid.eq(serialiser.o_push),
            results.i.payload.eq(serialiser.o_payload),
        ]
        if macs.config.overlap:
            m.d.comb += serialiser.i_uppers.eq(macs.o_uppers)
        self._reserve(m, serialiser, credit, accept & last)
        return m

    @property
    def _depth(self) -> int:
        """Places for results."""
        return result_depth(self._macs.config, self._lanes, self.words, **self._weights_come)

    @property
    def _rom_width(self) -> int:
        """Bits of a row of the ROM."""
        return self._pe * self._simd * self._bits

    @property
    def _rom_latency(self) -> int:
        """Cycles from a word's arrival to its row of the ROM."""
        rows = self.folds * self.words
        return ROM_LATENCY + choice_cycles(rows, self._rom_width, self._kind)

    @property
    def _weights_come(self) -> _WeightsCome:
        """How late, as the functions above take it."""
        return {"decoded": self._decoder is not None, "rom_latency": self._rom_latency}

    @property
    def _steps(self) -> int:
        """Transfers of a fold's results."""
        return self._pe // self._lanes

    def _reserve(self, m: Module, serialiser: SumSerialiser, credit: Signal, take: Value) -> None:
        """Let a window end only when there are places for all its results in the FIFO."""
        depth, steps = self._depth, self._steps
        remainder = self._weights.shape[0] // self._lanes - (self.folds - 1) * steps
        m.submodules.fold = fold = Counter(self.folds)
        m.submodules.sent_fold = sent_fold = Counter(self.folds)
        taken = Mux(take, Mux(fold.o_last, -remainder, -steps), 0)
        free = Signal(range(depth + 1), init=depth)
        m.d.sync += free.eq(plus_one(free, taken, self.o.valid & self.o.ready))
        # With windows of one word the next one may end before the count has gone down.
        needed = 2 * steps if self.words == 1 else steps
        m.d.sync += credit.eq((free >= needed) & (~take | (self.words == 1)))
        m.d.comb += [
            fold.i_step.eq(take),
            sent_fold.i_step.eq(serialiser.i_done[0]),
            serialiser.i_count.eq(Mux(sent_fold.o_last, remainder, steps)),
        ]


def _later(m: Module, value: Value) -> Signal:
    """The value a cycle later."""
    late = Signal(len(value))
    m.d.sync += late.eq(value)
    return late
