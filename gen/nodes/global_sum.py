"""Sums of channels over the whole map: the class sums."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from boards.board import Family, Resources
from gen.cost.coefficients import Group
from gen.cost.memories import lutram_luts, total
from gen.cost.model import CostModel
from gen.ir.ops import GlobalSum, Op, Tensor
from gen.nodes.lanes import TooSlow, pixels
from gen.nodes.node import Limit
from gen.nodes.option import LanesPlan
from gen.nodes.streams import Feed
from gen.nodes.unit import UnitNode
from hw.layers.conv_integers import code_shape
from hw.layers.global_sum import GlobalSum as GlobalSumUnit


@dataclass(frozen=True)
class Sums(Group):
    """A bit of the sums of a transfer takes these."""

    sum_lut: float
    sum_ff: float


def sums_cost(costs: CostModel, channels: int, lanes: int, width: int) -> Resources:
    """A sum for each channel, in LUT memory.

    Parameters
    ----------
    costs : CostModel
    channels, lanes : int
        Of a pixel, and of a transfer.
    width : int
        Bits of a sum.
    """
    bits, bit = width * lanes, costs.coefficients.of(Sums)
    memory = lutram_luts(max(2, channels // lanes), bits)
    unit = Resources(memory + round(bit.sum_lut * bits), round(bit.sum_ff * bits), 0, 0)
    return total([costs.unit_cost(), unit])


@dataclass(frozen=True, eq=False)
class GlobalSumNode(UnitNode):
    """A sum for each channel; they leave the accelerator one at a time."""

    op: GlobalSum

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a sum over the map."""
        return isinstance(op, GlobalSum)

    @property
    def width(self) -> int:
        """Signed bits of a sum."""
        x = self.inputs[0]
        return (pixels(x) * max(x.high, -x.low)).bit_length() + 1

    def fewest_lanes(self, cycles: int, feeds: Sequence[int], among: int) -> int:
        """Those that carry its input, if the sums leave in time."""
        if self.output.shape[2] > cycles:
            raise TooSlow(self.name)
        return super().fewest_lanes(cycles, feeds, among)

    def limits(self, plan: LanesPlan, feeds: Sequence[Feed]) -> Iterator[Limit]:
        """Its input's converter, its own pace, and the way out."""
        yield from super().limits(plan, feeds)
        yield "class sums", self.output.shape[2]

    def cost(
        self, plan: LanesPlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """The sums, and the converter to one at a time."""
        sums = sums_cost(costs, self.output.shape[2], plan.lanes, self.width)
        converters = [
            costs.converter_cost(feeds[0], plan.lanes),
            costs.converter_cost(plan.lanes, 1, self.width),
        ]
        return total([sums, *converters])

    def build(self, plan: LanesPlan, feeds: Sequence[int]) -> GlobalSumUnit:
        """The unit."""
        x = self.inputs[0]
        return GlobalSumUnit(
            pixels(x), x.shape[2], plan.lanes, shape=code_shape(x.signed), width=self.width
        )

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: LanesPlan | None = None
    ) -> np.ndarray:
        """Once the whole map has come."""
        return arrivals[0][-1:]
