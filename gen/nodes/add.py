"""Sums of two tensors of different scales, where a bypass ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from boards.board import Family, Resources
from gen.cost.coefficients import Group
from gen.cost.memories import total
from gen.cost.model import CostModel
from gen.ir.ops import Add, Op, Tensor
from gen.nodes.option import LanesPlan
from gen.nodes.streams import Burst
from gen.nodes.unit import UnitNode
from hw.layers.add import REGISTERS
from hw.layers.add import Add as AddUnit
from hw.layers.conv_integers import code_shape

LATENCY = len(REGISTERS) + 3


@dataclass(frozen=True)
class Adder(Group):
    """A lane of an adder takes these."""

    add_lut: float
    add_ff: float


@dataclass(frozen=True, eq=False)
class AddNode(UnitNode):
    """A weighted sum, rounded, shifted and clamped."""

    op: Add

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a sum."""
        return isinstance(op, Add)

    @property
    def ports(self) -> tuple[str, ...]:
        """One an operand."""
        return ("i_a", "i_b")

    @property
    def burst(self) -> Burst:
        """The most uneven of its inputs'."""
        return max(self.bursts, key=lambda burst: (burst.rows, burst.pace))

    def cost(
        self, plan: LanesPlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """A DSP block a lane multiplies by what is no power of two."""
        products = sum(multiplier.bit_count() > 1 for multiplier in self.op.multiplier)
        lanes, lane = plan.lanes, costs.coefficients.of(Adder)
        unit = Resources(
            round(lane.add_lut * lanes), round(lane.add_ff * lanes), products * lanes, 0
        )
        converters = [costs.converter_cost(feed, plan.lanes) for feed in feeds]
        return total([costs.unit_cost(), unit, *converters])

    def build(self, plan: LanesPlan, feeds: Sequence[int]) -> AddUnit:
        """The unit."""
        a, b = self.inputs
        return AddUnit(
            plan.lanes,
            self.op.multiplier,
            self.op.shift,
            self.op.low,
            self.op.high,
            a_shape=code_shape(a.signed),
            b_shape=code_shape(b.signed),
            o_shape=code_shape(self.output.signed),
            offset=self.op.offset,
        )

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: LanesPlan | None = None
    ) -> np.ndarray:
        """Once both operands have come."""
        return np.max(arrivals, axis=0) + LATENCY
