"""What decides the cost and the speed of a convolution's hardware."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

from gen.ir.ops import Conv, Tensor
from gen.ir.widths import Width
from gen.nodes.node import Limit
from gen.nodes.streams import Burst
from gen.nodes.window_shape import WindowShape
from hw.arith.mac import MacConfig, MultiplierKind
from hw.layers.folding import DepthwisePlan, EnginePlan


@dataclass(frozen=True)
class ConvShape(WindowShape):
    """What decides the cost of a convolution, without its weights.

    Attributes
    ----------
    cin, cout : int
    weight_bits : int
        What a multiplier takes.
    code_bits : int
        What is stored of a weight: less with a codebook.
    symmetric : bool
        No weight is the most negative code.
    accumulator_bits, bias_bits : int
        Signed widths of the accumulator and of the bias.
    writable : bool
        Its memories can be written while the board runs.
    """

    cin: int
    cout: int
    weight_bits: int
    code_bits: int
    symmetric: bool
    accumulator_bits: int
    bias_bits: int
    writable: bool = False

    @staticmethod
    def of(op: Conv, x: Tensor, y: Tensor, burst: Burst) -> ConvShape:
        """The shape of a convolution.

        Parameters
        ----------
        op : Conv
        x, y : Tensor
            Its input and its output.
        burst : Burst
            Of its input.
        """
        _, rows, columns, cin = op.weights.shape
        windows: dict[str, Any] = WindowShape.geometry(x, y, (rows, columns), op.stride, op.pad)
        return ConvShape(
            **windows,
            burst=burst,
            cin=cin,
            cout=op.channels,
            weight_bits=op.weight_bits,
            code_bits=op.code_bits,
            symmetric=op.symmetric,
            accumulator_bits=op.accumulator_bits(x),
            bias_bits=op.bias_bits,
            writable=op.envelope is not None,
        )

    def with_width(self, width: Width) -> ConvShape:
        """The same with weights of another width."""
        return replace(
            self,
            weight_bits=width.operand,
            code_bits=width.bits,
            accumulator_bits=self.accumulator_bits + width.operand - self.weight_bits,
        )

    @property
    def decoded(self) -> bool:
        """Whether a table stands between the weights' ROM and the multipliers."""
        return self.code_bits < self.weight_bits

    def chunks(self, simd: int) -> int:
        """Words a pixel."""
        return -(-self.cin // simd)

    def words(self, simd: int) -> int:
        """Words a window: cycles for one output pixel and fold."""
        return self.kernel[0] * self.kernel[1] * self.chunks(simd)

    def folds(self, pe: int) -> int:
        """Output folds."""
        return -(-self.cout // pe)

    def products(self, pe: int, simd: int) -> int:
        """Multipliers of an engine, and weights that it reads at once."""
        return pe * simd

    def compute_cycles(self, pe: int, simd: int) -> int:
        """Cycles a frame of the engine."""
        return self.out_pixels * self.folds(pe) * self.words(simd)

    def engine_cycles(self, plan: EnginePlan | DepthwisePlan) -> int:
        """Cycles a frame of the engine and of its wait for the next frame's first window.

        The wait is counted as if pixels came at the pace at which they are used.
        """
        busy = self.compute_cycles(plan.pe, plan.simd)
        return busy + -(-busy * self.wait_pixels(plan.window_pixels) // self.pixels)

    def limits(self, plan: EnginePlan | DepthwisePlan, i_lanes: int) -> Iterator[Limit]:
        """Limits of an engine on the cycles a frame.

        Parameters
        ----------
        plan : EnginePlan or DepthwisePlan
        i_lanes : int
            Channels a transfer of its input.
        """
        pace, chunks = self.burst.pace, self.chunks(plan.simd)
        yield "input lanes", pace * self.pixels * self.cin // gcd(i_lanes, plan.simd)
        yield "window writes", pace * self.height * self.width * chunks
        yield "multipliers", self.engine_cycles(plan)

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
