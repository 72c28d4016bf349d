"""Averages over whole maps within a network: a running sum a channel, and no window memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from boards.board import Family, Resources
from gen.cost.memories import total
from gen.cost.model import CostModel
from gen.ir.ops import AveragePool, Op, Tensor
from gen.nodes.global_sum import sums_cost
from gen.nodes.lanes import pixels
from gen.nodes.option import LanesPlan
from gen.nodes.unit import UnitNode
from gen.nodes.window_pool import LATENCY, average_of
from gen.nodes.windowed_cost import mean_cost
from hw.layers.average import sum_shape
from hw.layers.conv_integers import code_shape
from hw.layers.global_average import GlobalAverage


@dataclass(frozen=True, eq=False)
class GlobalAverageNode(UnitNode):
    """An average pool with a single window, the whole map."""

    op: AveragePool

    stream: ClassVar[str] = "requantise.o"

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is an average of the whole map."""
        return isinstance(op, AveragePool) and x.shape[:2] == (op.kernel,) * 2 and not any(op.pad)

    @property
    def _sum_bits(self) -> int:
        return sum_shape(pixels(self.inputs[0]), code_shape(self.inputs[0].signed)).width

    def cost(
        self, plan: LanesPlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """A sum for each channel, and scalers."""
        sums = sums_cost(costs, self.output.shape[2], plan.lanes, self._sum_bits)
        scalers = mean_cost(costs, plan.lanes, "inferred")
        return total([sums, scalers, costs.converter_cost(feeds[0], plan.lanes)])

    def build(self, plan: LanesPlan, feeds: Sequence[int]) -> GlobalAverage:
        """The unit."""
        x = self.inputs[0]
        return GlobalAverage(
            pixels(x),
            x.shape[2],
            plan.lanes,
            code_shape(x.signed),
            average_of(self.op, self.output),
        )

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: Any | None = None
    ) -> np.ndarray:
        """Once the whole map has come."""
        return arrivals[0][-1:] + LATENCY
