"""Pools that read windows one by one: padded or widely overlapping ones, and averages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import ceil, gcd
from typing import Any, ClassVar

import numpy as np

from boards.board import Family, Resources
from gen.cost.memories import total
from gen.cost.model import CostModel
from gen.ir.ops import AveragePool, MaxPool, Op, Tensor
from gen.nodes.conv_cost import DSP_OPERAND_BITS
from gen.nodes.lanes import divisors, fewest
from gen.nodes.node import Limit, Node
from gen.nodes.option import Option, Surroundings, pareto
from gen.nodes.rings import KINDS, ring_pixels
from gen.nodes.streams import Feed, even_departures
from gen.nodes.window_shape import WindowShape
from gen.nodes.windowed_cost import mean_cost, reading_cost, reducer_cost
from hw.layers.average import Average, sum_shape
from hw.layers.conv_integers import code_shape
from hw.layers.folding import PoolPlan
from hw.layers.requantise import ScalerKind
from hw.layers.window_pool import WindowPool

LATENCY = 24
"""Cycles from a window's last word to its code behind the requantiser, rather too many."""


@dataclass(frozen=True, eq=False)
class WindowPoolNode(Node):
    """A max or average pool of any kernel, stride and padding."""

    op: MaxPool | AveragePool

    Plan: ClassVar[type[Any]] = PoolPlan
    stream: ClassVar[str] = "last.o"

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a pool."""
        return isinstance(op, MaxPool | AveragePool)

    @cached_property
    def pad(self) -> tuple[int, int, int, int]:
        """The padding, made larger where the last windows reach past it."""
        top, left, *given = self.op.pad
        rest = [
            max(own, (windows - 1) * self.op.stride + self.op.kernel - size - before)
            for own, windows, size, before in zip(
                given, self.output.shape, self.inputs[0].shape, (top, left), strict=False
            )
        ]
        return top, left, rest[0], rest[1]

    @cached_property
    def shape(self) -> WindowShape:
        """Its windows."""
        kernel = (self.op.kernel, self.op.kernel)
        geometry: dict[str, Any] = WindowShape.geometry(
            self.inputs[0], self.output, kernel, self.op.stride, self.pad
        )
        return WindowShape(**geometry, burst=self.bursts[0])

    @property
    def refusal(self) -> str | None:
        """Windows that lie in the padding altogether."""
        if max(self.pad) < self.op.kernel:
            return None
        return f"pads by {self.op.pad}, a whole window of {self.op.kernel} or more; pad by less"

    @property
    def average(self) -> Average | None:
        """What makes a code of a window's sum; None for a maximum."""
        return None if isinstance(self.op, MaxPool) else average_of(self.op, self.output)

    @property
    def paced(self) -> bool:
        """It may be busy all the time."""
        return True

    @property
    def slowest(self) -> int:
        """A channel at a time."""
        padded = self.shape.height * self.shape.width * self.output.shape[2]
        return max(super().slowest, padded, self._busy(1))

    def fewest_lanes(self, cycles: int, feeds: Sequence[int], among: int) -> int:
        """Those that carry its output."""
        return fewest(self.output, cycles, among)

    def options(
        self, around: Surroundings, cycles: int, family: Family, costs: CostModel
    ) -> list[Option]:
        """As few lanes as will do; all memories."""
        channels = self.output.shape[2]
        for lanes in divisors(channels):
            limits = self._stream_limits(lanes, around.i_lanes[0])
            if (
                lanes % around.o_lanes == 0
                and self._busy(lanes) <= cycles
                and all(limit <= cycles for _, limit in limits)
            ):
                return self._with_lanes(lanes, around, cycles, family, costs)
        return []

    def _with_lanes(
        self, lanes: int, around: Surroundings, cycles: int, family: Family, costs: CostModel
    ) -> list[Option]:
        found, chunks = [], self.output.shape[2] // lanes
        busy = max(self._busy(lanes), around.transfers)
        for memory in KINDS[family]:
            pixels = ring_pixels(self.shape, memory, chunks, lanes, busy, cycles)
            plan = PoolPlan(lanes, memory, pixels, self._scaler(family))
            cost = self.cost(plan, around.i_lanes, family, costs)
            found.append(Option(plan, costs.on_family(cost, family)))
        return pareto(found)

    def limits(self, plan: PoolPlan, feeds: Sequence[Feed]) -> Iterator[Limit]:
        """Its input's converter, its window memory's port, and its own pace."""
        yield from self._stream_limits(plan.lanes, feeds[0].lanes)
        busy = self._busy(plan.lanes)
        yield "windows", busy + ceil(busy * self.waits(plan))

    def _stream_limits(self, lanes: int, feed: int) -> Iterator[Limit]:
        shape, channels = self.shape, self.output.shape[2]
        pace = shape.burst.pace * channels
        yield "input lanes", pace * shape.pixels // gcd(feed, lanes)
        yield "window writes", pace * shape.height * shape.width // lanes

    def _busy(self, lanes: int) -> int:
        """Cycles a frame of reading the windows."""
        return self.shape.out_pixels * self.op.kernel**2 * self.output.shape[2] // lanes

    @property
    def _sum_bits(self) -> int:
        return sum_shape(self.op.kernel**2, code_shape(self.inputs[0].signed)).width

    def _scaler(self, family: Family) -> ScalerKind:
        bias = 0 if self.average is None else self.average.bias
        fits = max(self._sum_bits, bias.bit_length() + 1) < DSP_OPERAND_BITS["xc7"]
        return "dsp48e1" if family == "xc7" and fits else "inferred"

    def cost(
        self, plan: PoolPlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """Window memory, running maxima or sums, and scalers."""
        lanes, largest = plan.lanes, self.average is None
        bits = 8 if largest else self._sum_bits
        window = plan.window_memory, plan.window_pixels, self.output.shape[2] // lanes, lanes
        parts = [
            costs.unit_cost(),
            reading_cost(costs, *window, padded=any(self.pad)),
            costs.converter_cost(feeds[0], lanes),
            reducer_cost(costs, lanes, bits, largest=largest),
        ]
        return total(parts if largest else [*parts, mean_cost(costs, lanes, plan.scaler)])

    def build(self, plan: PoolPlan, feeds: Sequence[int]) -> WindowPool:
        """The unit."""
        x = self.inputs[0]
        return WindowPool(
            (x.shape[0], x.shape[1]),
            x.shape[2],
            kernel=self.op.kernel,
            stride=self.op.stride,
            pad=self.pad,
            shape=code_shape(x.signed),
            plan=plan,
            average=self.average,
        )

    def waits(self, plan: PoolPlan) -> Fraction:
        """By how much its window memory is smaller than what keeps it busy."""
        return Fraction(self.shape.wait_pixels(plan.window_pixels), self.shape.pixels)

    def border(self, plan: PoolPlan) -> int:
        """A word of padding a cycle."""
        return self.shape.border * self.output.shape[2] // plan.lanes

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: PoolPlan | None = None
    ) -> np.ndarray:
        """Evenly, a window's time after its last pixel."""
        wait = 0.0 if plan is None else float(period * self.waits(plan))
        needed = arrivals[0][self.shape.last_pixels]
        return even_departures(needed, period, LATENCY + wait + period / len(needed))


def average_of(op: AveragePool, y: Tensor) -> Average:
    """What makes a code of ``y`` of a window's sum."""
    return Average(op.multiplier, op.shift, op.low, op.high, y.signed, op.offset)
