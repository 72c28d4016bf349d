"""What decides the cost and the speed of a convolution's hardware."""

from __future__ import annotations

from dataclasses import dataclass

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Conv, MaxPool
from gen.plan.plan import EnginePlan
from hw.arith.mac import MacConfig, MultiplierKind

MOST_WAIT = 0.02
"""Part of a frame's pixels that an engine may wait for between frames, to save window memory."""


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
    inner_width : int
        Of the input map, without padding.
    origin : tuple of int
        Padding above and to the left.
    border : int
        Padding pixels between the last pixel of a frame and the first of the next.
    rows, columns : int
        Of the output map.
    weight_bits : int
        What a multiplier takes.
    code_bits : int
        What is stored of a weight: less with a codebook.
    symmetric : bool
        No weight is the most negative code.
    accumulator_bits, bias_bits : int
        Signed widths of the accumulator and of the bias.
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
    inner_width: int
    origin: tuple[int, int]
    border: int
    rows: int
    columns: int
    weight_bits: int
    code_bits: int
    symmetric: bool
    accumulator_bits: int
    bias_bits: int
    burst: int = 1
    burst_rows: int = 0

    @staticmethod
    def of(network: QuantizedNetwork, op: Conv) -> ConvShape:
        """The shape of convolution ``op`` of ``network``."""
        x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
        top, left, bottom, right = op.pad
        low, high = op.accumulator_bounds(x)
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
            inner_width=x.shape[1],
            origin=(top, left),
            border=(top + bottom) * (x.shape[1] + left + right) + left + right,
            rows=y.shape[0],
            columns=y.shape[1],
            weight_bits=op.weight_bits,
            code_bits=op.code_bits,
            symmetric=bool(op.weights.min() > -(1 << (op.weight_bits - 1))),
            accumulator_bits=signed_bits(low, high),
            bias_bits=signed_bits(min(int(op.bias.min()), -1), int(op.bias.max())),
            **(_pool_burst(network, pool) if isinstance(pool, MaxPool) else {}),
        )

    @property
    def decoded(self) -> bool:
        """Whether a table stands between the weights' ROM and the multipliers."""
        return self.code_bits < self.weight_bits

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

    def engine_cycles(self, plan: EnginePlan) -> int:
        """Cycles a frame of the engine and of its wait for the next frame's first window.

        The wait is counted as if pixels came at the pace at which they are used.
        """
        busy = self.compute_cycles(plan.pe, plan.simd)
        return busy + -(-busy * self.wait_pixels(plan.window_pixels) // self.pixels)

    def macs(self, kind: MultiplierKind, pe: int, simd: int) -> MacConfig:
        """The engine's array of multipliers.

        Parameters
        ----------
        kind : "dsp48e1", "mult18x18d" or "lut"
            What it multiplies with.
        pe, simd : int
            Rows side by side, and products a row and cycle.
        """
        return MacConfig(kind, pe, simd, self.weight_bits, self.accumulator_bits, self.symmetric)

    @property
    def sum_bits(self) -> int:
        """Signed width of an accumulator plus its bias."""
        return max(self.accumulator_bits, self.bias_bits) + 1

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
            return (3 if waiting else 4) + waiting + self.border
        return self._span + max(self._row_jump, self._frame_jump) + waiting

    @property
    def fewest_pixels(self) -> int:
        """Pixels of the smallest window memory to plan with.

        It makes the engine wait between frames, for at most :data:`MOST_WAIT` of a frame's pixels:
        the layers behind starve meanwhile.
        """
        if self.kernel == 1 and self.stride == 1:
            return self.window_pixels
        fewest = self._span + self._row_jump + self.width * self.burst_rows
        sizes = range(fewest, self.window_pixels)
        short = (n for n in sizes if self.wait_pixels(n) <= MOST_WAIT * self.pixels)
        return next(short, self.window_pixels)

    def wait_pixels(self, held: int) -> int:
        """Input pixels that must come before a frame's first window because only ``held`` fit."""
        top, left = self.origin
        first = max(self.kernel - 1 - top, 0) * self.inner_width + self.kernel - left
        return min(self.window_pixels - held, first)

    @property
    def _span(self) -> int:
        """Padded pixels from a window's first to its last."""
        return (self.kernel - 1) * self.width + self.kernel

    @property
    def _row_jump(self) -> int:
        return self.stride * (self.width - self.columns + 1)

    @property
    def _frame_jump(self) -> int:
        last = (self.rows - 1) * self.stride * self.width + (self.columns - 1) * self.stride
        return self.height * self.width - last


def _pool_burst(network: QuantizedNetwork, pool: MaxPool) -> dict[str, int]:
    height = network.tensors[pool.inputs[0]].shape[0]
    cut = pool.ceil and (height - pool.kernel) % pool.stride
    return {"burst": pool.stride, "burst_rows": 2 if cut else 1}


def signed_bits(low: int, high: int) -> int:
    """Bits of a two's complement number between ``low`` and ``high``."""
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1
