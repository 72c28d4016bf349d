"""The matrix-vector unit: weights from a ROM times a stream of windows."""

from itertools import pairwise

import numpy as np
from amaranth.hdl import Cat, Module, Mux, Shape, Signal, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from hw.fifo import CreditFifo, MemoryKind, memory_attributes, wrap
from hw.stream import lane_stream


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
        Divides ``pe`` and ``Cout``.
    shape : Shape
        Of an activation, ``unsigned(8)`` or ``signed(8)``.
    accumulator : Shape
        Signed and wide enough for every partial sum.
    kind : "block" or "lut"
        Memory of the weights.

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
    ):
        channels, columns = weights.shape
        limit = 1 << (weight_bits - 1)
        if not 2 <= weight_bits <= 8 or weights.min() < -limit or weights.max() >= limit:
            raise ValueError(f"weights do not fit {weight_bits} bits, or these are not 2 to 8")
        if columns % simd:
            raise ValueError(f"{columns} columns are no whole words of {simd}")
        if pe % lanes or channels % lanes:
            raise ValueError(f"lanes {lanes} must divide pe {pe} and the {channels} channels")
        self._weights = np.asarray(weights, dtype=np.int64)
        self._bits = weight_bits
        self._pe, self._simd, self._lanes = pe, simd, lanes
        self._accumulator = accumulator
        self._kind = kind
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
        pe, simd = self._pe, self._simd
        rows = self.rom()
        m.submodules.weights = storage = memory.Memory(
            shape=pe * simd * self._bits,
            depth=max(len(rows), 2),
            init=rows,
            attrs=memory_attributes(self._kind, rom=True),
        )
        port = storage.read_port()
        m.submodules.results = results = CreditFifo(
            data.ArrayLayout(self._accumulator, pe), self._result_depth()
        )
        accept, first, last = Signal(), Signal(init=1), Signal()
        word = Signal(range(max(self.words, 2)))
        m.d.comb += [
            self.i.ready.eq(results.o_room),
            accept.eq(self.i.valid & results.o_room),
            last.eq(word == self.words - 1),
            results.i_take.eq(accept & last),
        ]
        with m.If(accept):
            m.d.sync += [
                word.eq(Mux(last, 0, word + 1)),
                first.eq(last),
                port.addr.eq(wrap(port.addr, len(rows))),
            ]
        # Two cycles for the ROM and its output register, the activations beside it.
        x = [Signal(self.i.payload.shape()) for _ in range(2)]
        w = Signal(len(port.data))
        m.d.sync += [x[0].eq(self.i.payload), x[1].eq(x[0]), w.eq(port.data)]
        depth = (simd - 1).bit_length()
        stages = 3 + depth  # from acceptance to the accumulator's input
        flags = [Signal(3) for _ in range(stages)]
        m.d.sync += flags[0].eq(Cat(accept, first, last))
        m.d.sync += [after.eq(before) for before, after in pairwise(flags)]
        valid, begin, end = flags[-1]

        for lane in range(pe):
            products = []
            for k in range(simd):
                offset = (lane * simd + k) * self._bits
                product = Signal(signed(self._bits + 9), name=f"product_{lane}_{k}")
                m.d.sync += product.eq(w[offset : offset + self._bits].as_signed() * x[1][k])
                products.append(product)
            total = _adder_tree(m, products)
            accumulator = Signal(self._accumulator, name=f"accumulator_{lane}")
            with m.If(valid):
                m.d.sync += accumulator.eq(Mux(begin, 0, accumulator) + total)
            m.d.comb += results.i_payload[lane].eq(accumulator)
        m.d.sync += results.i_push.eq(valid & end)

        self._drain(m, results)
        return m

    def _result_depth(self) -> int:
        """Results under way: the pipeline, the drain and the handshakes between them."""
        latency = 3 + (self._simd - 1).bit_length() + 6 + self._pe // self._lanes
        return max(2, -(-latency // self.words) + 1)

    def _drain(self, m: Module, results: CreditFifo):
        """Send each result ``lanes`` channels at a time; the last fold only its real channels."""
        channels, lanes = self._weights.shape[0], self._lanes
        if self._pe == lanes:
            wiring.connect(m, results.o, wiring.flipped(self.o))
            return
        width = lanes * self._accumulator.width
        held = Signal(len(results.o.payload.as_value()))
        left = Signal(range(self._pe // lanes + 1))
        only = Signal(init=0)  # one chunk or none is left
        fold = Signal(range(max(self.folds, 2)))
        remainder = (channels - (self.folds - 1) * self._pe) // lanes
        counts = Mux(fold == self.folds - 1, remainder, self._pe // lanes)
        count = Signal(range(self._pe // lanes + 1))
        m.d.comb += count.eq(counts)
        load = Signal()
        m.d.comb += [
            self.o.valid.eq(left != 0),
            self.o.payload.as_value().eq(held[:width]),
            only.eq(left <= 1),
            load.eq((left == 0) | ((left == 1) & self.o.ready)),
            results.o.ready.eq(load),
        ]
        with m.If(load & results.o.valid):
            m.d.sync += [held.eq(results.o.payload.as_value()), left.eq(count)]
            m.d.sync += fold.eq(wrap(fold, self.folds))
        with m.Elif(self.o.ready & self.o.valid):
            m.d.sync += [held.eq(held[width:]), left.eq(left - 1)]


def _adder_tree(m: Module, terms: list[Signal]) -> Signal:
    """Sum of signed terms, a register after every level."""
    while len(terms) > 1:
        sums = []
        for a, b in zip(terms[::2], terms[1::2], strict=False):
            total = Signal(signed(max(len(a), len(b)) + 1))
            m.d.sync += total.eq(a + b)
            sums.append(total)
        if len(terms) % 2:
            late = Signal.like(terms[-1])
            m.d.sync += late.eq(terms[-1])
            sums.append(late)
        terms = sums
    return terms[0]
