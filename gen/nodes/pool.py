"""Max pools without padding, whose windows overlap by a pixel or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from boards.board import Family, Resources
from gen.cost.coefficients import Group
from gen.cost.memories import lutram_luts, memory_cost, total
from gen.cost.model import CostModel
from gen.ir.ops import MaxPool, Op, Tensor
from gen.nodes.streams import Burst
from gen.nodes.unit import UnitNode
from hw.layers.conv_integers import code_shape
from hw.layers.pool import MaxPool as MaxPoolUnit
from hw.stream.fifo import MemoryKind

ROWS = 256
"""The row that a pool keeps goes into LUTs up to so many transfers, into block RAM beyond."""
LATENCY = 8
"""Cycles from a window's last transfer to the result behind the queue."""


@dataclass(frozen=True)
class MaxPoolPlan:
    """How a pool is built.

    Attributes
    ----------
    lanes : int
    memory : "block" or "lut"
        Of the row of partial maxima.
    """

    lanes: int
    memory: MemoryKind


@dataclass(frozen=True)
class Pool(Group):
    """Comparators and registers of a bit of a transfer take these."""

    pool_lut: float
    pool_ff: float


@dataclass(frozen=True, eq=False)
class PoolNode(UnitNode):
    """A max pool that takes every pixel as it comes."""

    op: MaxPool

    Plan: ClassVar[type[MaxPoolPlan]] = MaxPoolPlan
    stream: ClassVar[str] = "queue.o"

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a max pool that the unit can do."""
        if not isinstance(op, MaxPool) or any(op.pad):
            return False
        return op.kernel in (op.stride, op.stride + 1) and min(x.shape[:2]) >= op.kernel

    @property
    def burst(self) -> Burst:
        """A row of output comes during one of ``stride`` rows of input."""
        height = self.inputs[0].shape[0]
        cut = self.op.ceil and (height - self.op.kernel) % self.op.stride
        return Burst(self.op.stride, 2 if cut else 1)

    def plan_of(self, lanes: int) -> MaxPoolPlan:
        """Its plan for so many lanes."""
        return MaxPoolPlan(lanes, "block" if self._depth(lanes) > ROWS else "lut")

    def cost(
        self, plan: MaxPoolPlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """Comparators, row and queue."""
        bits, bit = 8 * plan.lanes, costs.coefficients.of(Pool)
        # The running maxima of a pixel, and the queue that a pixel leaves through.
        pixels = 2 * lutram_luts(self.output.shape[2] // plan.lanes, bits)
        row = memory_cost(plan.memory, self._depth(plan.lanes), bits)
        ahead = bits if plan.memory == "block" else 0
        unit = Resources(
            pixels + round(bit.pool_lut * bits), round(bit.pool_ff * bits) + ahead, 0, 0
        )
        return total([costs.unit_cost(), row, unit, costs.converter_cost(feeds[0], plan.lanes)])

    def build(self, plan: MaxPoolPlan, feeds: Sequence[int]) -> MaxPoolUnit:
        """The unit."""
        height, width, channels = self.inputs[0].shape
        return MaxPoolUnit(
            height,
            width,
            channels,
            plan.lanes,
            kernel=self.op.kernel,
            stride=self.op.stride,
            ceil=self.op.ceil,
            shape=code_shape(self.inputs[0].signed),
            memory=plan.memory,
        )

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: MaxPoolPlan | None = None
    ) -> np.ndarray:
        """As soon as a window's last pixel has come."""
        (height, width, _), (rows, columns, _) = self.inputs[0].shape, self.output.shape
        down, along = (
            np.minimum(np.arange(windows) * self.op.stride + self.op.kernel - 1, size - 1)
            for windows, size in ((rows, height), (columns, width))
        )
        return arrivals[0][(down[:, None] * width + along).ravel()] + LATENCY

    def _depth(self, lanes: int) -> int:
        """Transfers of the row of output that it keeps."""
        _, width, channels = self.output.shape
        return max(2, width * channels // lanes)
