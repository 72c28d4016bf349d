"""The matrix-vector unit: weights from a ROM times a stream of windows."""

import numpy as np
from amaranth.hdl import Module, Mux, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.drain import Drain
from hw.fifo import MemoryKind, StreamFifo, wrap
from hw.mac import MacArray, MacShape, MultiplierKind
from hw.rom import Rom
from hw.stream import lane_stream


def result_depth(size: MacShape, lanes: int, words: int) -> int:
    """Results that may be under way or waiting, so that no window of ``words`` waits for them."""
    steps = size.pe // lanes
    latency = size.latency + Drain.latency(size.parts) + steps + 6
    return steps * max(2, 1 + -(-latency // words)) + 2


class MatrixVector(wiring.Component):
    """Multiplies windows by a matrix: ``pe`` rows side by side, ``simd`` products a row and cycle.

    A window of ``words`` words arrives ``folds`` times; each time ``pe`` output channels are
    accumulated (the last fold may have fewer), then leave ``lanes`` a cycle. One word a cycle;
    stalls only when results are not taken.

    Parameters
    ----------
    weights : int array (Cout, words * simd)
        Signed codes; column order is the order of the window's channels. Zeros in padded columns.
    weight_bits : int
        2 to 8.
    pe, simd : int
    lanes : int
        Divides ``pe`` and ``Cout``; at least ``pe / words``.
    shape : Shape
        Of an activation, ``unsigned(8)`` or ``signed(8)``.
    accumulator : Shape
        Signed and wide enough for every partial sum.
    kind : "block" or "lut"
        Memory of the weights.
    multiplier : "dsp48e1", "mult18x18d" or "lut"

    Members
    -------
    i : In(lane_stream(simd, shape))
    o : Out(lane_stream(lanes, accumulator))
        Cout accumulators a window, in channel order.
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
        self._bits = weight_bits
        self._pe, self._simd, self._lanes = pe, simd, lanes
        self._kind = kind
        size = MacShape(
            multiplier, pe, simd, weight_bits, accumulator.width, bool(weights.min() > -limit)
        )
        self._macs = MacArray(size, shape)
        super().__init__(
            {"i": In(lane_stream(simd, shape)), "o": Out(lane_stream(lanes, accumulator))}
        )

    @property
    def folds(self) -> int:
        """Times that each window is read."""
        return -(-self._weights.shape[0] // self._pe)

    @property
    def words(self) -> int:
        """Words of a window."""
        return self._weights.shape[1] // self._simd

    def model(self, windows: np.ndarray) -> np.ndarray:
        """Accumulators of windows.

        Parameters
        ----------
        windows : int array (N, words * simd)

        Returns
        -------
        int64 array (N, Cout)
        """
        return np.asarray(windows, dtype=np.int64) @ self._weights.T

    def rom(self) -> list[int]:
        """Rows of the weight ROM in schedule order; lane (p, s) sits at bit (p*simd + s)*bits."""
        pe, simd = self._pe, self._simd
        padded = np.zeros((self.folds * pe, self.words * simd), dtype=np.int64)
        padded[: self._weights.shape[0]] = self._weights
        rows = padded.reshape(self.folds, pe, self.words, simd).transpose(0, 2, 1, 3)
        codes = (rows & ((1 << self._bits) - 1)).astype(np.uint8)
        bits = np.unpackbits(codes.reshape(-1, pe * simd, 1), axis=2, bitorder="little")
        packed = np.packbits(
            bits[:, :, : self._bits].reshape(len(codes) * self.words, -1),
            axis=1,
            bitorder="little",
        )
        return [int.from_bytes(row.tobytes(), "little") for row in packed]

    def elaborate(self, platform):
        """Build the hardware."""
        m = Module()
        rows = self.rom()
        m.submodules.rom = rom = Rom(rows, self._pe * self._simd * self._bits, self._kind)
        m.submodules.macs = macs = self._macs
        m.submodules.drain = drain = Drain(macs, self._lanes)
        m.submodules.results = results = StreamFifo(
            self.o.payload.shape(), result_depth(self._macs.size, self._lanes, self.words)
        )
        wiring.connect(m, results.o, wiring.flipped(self.o))

        accept, first, last = Signal(), Signal(init=1), Signal(init=self.words == 1)
        word, room = Signal(range(max(self.words, 2))), Signal(init=1)
        m.d.comb += [
            self.i.ready.eq(room | ~last),
            accept.eq(self.i.valid & self.i.ready),
        ]
        with m.If(accept):
            m.d.sync += [
                word.eq(Mux(last, 0, word + 1)),
                first.eq(last),
                last.eq((word == self.words - 2) | (self.words == 1)),
                rom.i_address.eq(wrap(rom.i_address, len(rows))),
            ]
        # Data leave the ROM a cycle after their address; the activations wait for them.
        m.d.sync += [
            macs.i_x.as_value().eq(Mux(accept, self.i.payload.as_value(), 0)),
            macs.i_valid.eq(accept),
            macs.i_first.eq(first),
            macs.i_last.eq(last),
        ]
        m.d.comb += [
            macs.i_weights.eq(rom.o_data),
            drain.i_done.eq(macs.o_done),
            drain.i_sums.eq(macs.o_sums),
            results.i.valid.eq(drain.o_push),
            results.i.payload.eq(drain.o_payload),
        ]
        self._reserve(m, drain, room, accept & last)
        return m

    @property
    def _steps(self) -> int:
        """Transfers of a fold's results."""
        return self._pe // self._lanes

    def _reserve(self, m: Module, drain: Drain, room: Signal, take):
        """Let a window end only when there are places for all its results in the FIFO."""
        depth = result_depth(self._macs.size, self._lanes, self.words)
        steps = self._steps
        remainder = self._weights.shape[0] // self._lanes - (self.folds - 1) * steps
        fold = Signal(range(max(self.folds, 2)))
        count = Signal(range(steps + 1))
        m.d.comb += count.eq(Mux(fold == self.folds - 1, remainder, steps))
        with m.If(take):
            m.d.sync += fold.eq(wrap(fold, self.folds))
        free = Signal(range(depth + 1), init=depth)
        m.d.sync += free.eq(free - Mux(take, count, 0) + (self.o.valid & self.o.ready))
        # With windows of one word the next one may end before the count has gone down.
        needed = 2 * steps if self.words == 1 else steps
        m.d.sync += room.eq((free >= needed) & (~take | (self.words == 1)))
        drain_fold = Signal.like(fold)
        with m.If(drain.i_done):
            m.d.sync += drain_fold.eq(wrap(drain_fold, self.folds))
        m.d.comb += drain.i_count.eq(Mux(drain_fold == self.folds - 1, remainder, steps))
