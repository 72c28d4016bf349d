"""Convolutions: an engine of multipliers behind a window memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np

from boards.board import Family, Resources
from gen.cost.model import CostModel
from gen.ir.ops import Conv, Op, Tensor
from gen.ir.widths import Width
from gen.nodes.conv_cost import engine_cost, weight_cost
from gen.nodes.conv_shape import ConvShape
from gen.nodes.foldings import options
from gen.nodes.lanes import fewest
from gen.nodes.node import Limit, Node
from gen.nodes.option import Folding, Option, Surroundings
from gen.nodes.streams import Burst, Feed, Window, even_departures
from hw.arith.sum_serialiser import SumSerialiser
from hw.layers.conv import ConvEngine
from hw.layers.conv_integers import ConvIntegers
from hw.layers.folding import EnginePlan

USUAL_LATENCY = 64
"""Cycles from a window's last word to its results, where nothing is known of the folding."""
AROUND_ARRAY = 24
"""Those of window memory, weights, requantiser and lane converter: rather too many."""


@dataclass(frozen=True, eq=False)
class ConvNode(Node):
    """A convolution with bias, requantisation and clamp.

    Attributes
    ----------
    shape : ConvShape
    tap : tuple of int or None
        Row and column of the tap of its windows that others read.
    """

    op: Conv
    shape: ConvShape
    tap: tuple[int, int] | None = None

    Plan: ClassVar[type[EnginePlan]] = EnginePlan
    stream: ClassVar[str] = "requantise.o"

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a convolution of all channels."""
        return isinstance(op, Conv) and op.groups == 1

    @classmethod
    def make(
        cls, op: Op, inputs: tuple[Tensor, ...], output: Tensor, bursts: tuple[Burst, ...]
    ) -> ConvNode:
        """As for every node."""
        assert isinstance(op, Conv)
        return cls(op, inputs, output, bursts, ConvShape.of(op, inputs[0], output, bursts[0]))

    def with_tap(self, tap: tuple[int, int]) -> ConvNode:
        """The same with a tap of its windows, by row and column, for others to read."""
        return replace(self, tap=tap)

    def on_tap(self) -> ConvNode:
        """The same on the pixels that another's windows tap: one each, at their pace."""
        rows, columns, _ = self.output.shape
        x = replace(self.inputs[0], shape=(rows, columns, self.inputs[0].shape[2]))
        return self.make(replace(self.op, stride=1), (x,), self.output, (Burst(),))

    @property
    def window(self) -> Window | None:
        """What it reads."""
        return Window(self.shape.kernel, self.op.stride, self.op.pad, self.output.shape[:2])

    @property
    def paced(self) -> bool:
        """Its multipliers may be busy all the time."""
        return True

    @property
    def pointwise(self) -> bool:
        """Whether it is a 1x1 of stride 1, without padding."""
        return self.shape.kernel == (1, 1) and self.op.stride == 1 and not any(self.op.pad)

    @property
    def weight_count(self) -> int:
        """Number of its weights."""
        return int(self.op.weights.size)

    @property
    def code_bits(self) -> int:
        """Bits that are stored of a weight."""
        return self.shape.code_bits

    def with_width(self, width: Width) -> ConvNode:
        """The same with weights of another width."""
        return replace(self, shape=self.shape.with_width(width))

    @property
    def slowest(self) -> int:
        """With one multiplier, and a channel a transfer."""
        shape = self.shape
        writes = shape.height * shape.width * shape.cin
        return max(super().slowest, writes, shape.compute_cycles(1, 1))

    def fewest_lanes(self, cycles: int, feeds: Sequence[int], among: int) -> int:
        """Those that carry its output."""
        return fewest(self.output, cycles, among)

    def options(
        self, around: Surroundings, cycles: int, family: Family, costs: CostModel
    ) -> list[Option]:
        """Foldings and memories."""
        tapped = self.tap is not None
        return options(self.shape, around, cycles, family, costs, tapped=tapped)

    def limits(self, plan: EnginePlan, feeds: Sequence[Feed]) -> Iterator[Limit]:
        """Its input's converter, its window memory's port, and its multipliers."""
        yield from self.shape.limits(plan, feeds[0].lanes)

    def cost(
        self, plan: EnginePlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """The whole engine."""
        tapped = self.tap is not None
        return engine_cost(costs, self.shape, plan, feeds[0], tapped=tapped, family=family)

    def build(self, plan: EnginePlan, feeds: Sequence[int]) -> ConvEngine:
        """The engine, with a port ``o_tap`` if it has a tap."""
        integers = conv_integers(self.op, self.inputs[0], self.output)
        return ConvEngine(integers, plan, feeds[0], tap=self.tap)

    def port_lanes(self, plan: EnginePlan, feed: int) -> int:
        """Those that come: it has a converter of its own, which fills up the last word."""
        return feed

    def multipliers(self, plan: EnginePlan) -> int:
        """Rows times columns."""
        return self.shape.products(plan.pe, plan.simd)

    def folding(self, plan: EnginePlan) -> Folding:
        """Rows and columns, and where weights and windows are."""
        shape = self.shape
        decoded = f"{shape.code_bits}>{shape.weight_bits}"
        return Folding(
            decoded if shape.decoded else str(shape.weight_bits),
            plan.pe,
            plan.simd,
            "LUT" if plan.multiplier == "lut" else "DSP",
            f"{plan.weight_memory}/{plan.window_memory}",
        )

    def weight_cost(self, plan: EnginePlan, costs: CostModel) -> Resources:
        """The ROM of the weights."""
        return weight_cost(costs, self.shape, plan.pe, plan.simd, plan.weight_memory)

    def waits(self, plan: EnginePlan) -> Fraction:
        """By how much its window memory is smaller than what keeps it busy."""
        return Fraction(self.shape.wait_pixels(plan.window_pixels), self.shape.pixels)

    def border(self, plan: EnginePlan) -> int:
        """A word of padding a cycle."""
        return self.shape.border * self.shape.chunks(plan.simd)

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: EnginePlan | None = None
    ) -> np.ndarray:
        """Evenly, a window's time after its last pixel, and the array's latency."""
        wait = 0.0 if plan is None else float(period * self.waits(plan))
        needed = arrivals[0][self.shape.last_pixels]
        return even_departures(needed, period, wait + self._delay(period, plan))

    def tap_departures(
        self, departures: np.ndarray, period: int, plan: EnginePlan | None = None
    ) -> np.ndarray:
        """As each window is begun."""
        return departures - self._delay(period, plan)

    def _delay(self, period: int, plan: EnginePlan | None) -> float:
        """Cycles from a window's first word to the last of its results."""
        pace = period / self.shape.out_pixels
        if plan is None:
            return pace + USUAL_LATENCY
        array = self.shape.macs(plan.multiplier, plan.pe, plan.simd)
        steps = plan.pe // plan.lanes
        return pace + AROUND_ARRAY + array.latency + SumSerialiser.latency(array) + steps


def conv_integers(op: Conv, x: Tensor, y: Tensor) -> ConvIntegers:
    """What the hardware needs to know of a convolution.

    Parameters
    ----------
    op : Conv
    x, y : Tensor
        Its input and its output.
    """
    return ConvIntegers(
        weights=op.weights,
        weight_bits=op.weight_bits,
        bias=op.bias,
        multiplier=op.multiplier,
        shift=op.shift,
        low=op.low,
        high=op.high,
        stride=op.stride,
        pad=op.pad,
        pad_code=op.pad_code,
        size=x.shape[:2],
        signed_input=x.signed,
        signed_output=y.signed,
        accumulator_bits=op.accumulator_bits(x),
        bias_bits=op.bias_bits,
        writable=op.envelope is not None,
        codebook=op.codebook,
        groups=op.groups,
    )
