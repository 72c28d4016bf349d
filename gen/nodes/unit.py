"""Nodes without multipliers for weights: one way to build each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from boards.board import Family
from gen.cost.model import CostModel
from gen.ir.ops import Tensor
from gen.nodes.lanes import converter, fewest, values
from gen.nodes.node import Limit, Node
from gen.nodes.option import LanesPlan, Option, Surroundings
from gen.nodes.streams import Feed


class UnitNode(Node):
    """A node of which nothing but the lanes is to be decided: as few as will do."""

    @property
    def carried(self) -> Tensor:
        """What it takes a transfer a cycle for."""
        return self.inputs[0]

    def plan_of(self, lanes: int) -> Any:
        """Its plan for so many lanes."""
        return LanesPlan(lanes)

    def fewest_lanes(self, cycles: int, feeds: Sequence[int], among: int) -> int:
        """Those that carry what it takes, and meet its inputs'."""
        return fewest(self.carried, cycles, among, feeds)

    def options(
        self, around: Surroundings, cycles: int, family: Family, costs: CostModel
    ) -> list[Option]:
        """One."""
        plan = self.plan_of(around.o_lanes)
        cost = self.cost(plan, around.i_lanes, family, costs)
        return [Option(plan, costs.on_family(cost, family))]

    def limits(self, plan: Any, feeds: Sequence[Feed]) -> Iterator[Limit]:
        """Its inputs' converters, and its own pace."""
        for x, feed in zip(self.inputs, feeds, strict=True):
            yield f"lanes of {x.name}", converter(x, feed.lanes, plan.lanes)
        yield "transfers", self.transfers(plan.lanes, feeds)

    def transfers(self, lanes: int, feeds: Iterable[Feed] = ()) -> int:
        """Cycles a frame of its transfers, where its inputs stand still for a part of it."""
        wait = max((feed.wait for feed in feeds), default=Fraction(0))
        transfers = values(self.carried) // lanes
        return transfers + ceil(transfers * wait)
