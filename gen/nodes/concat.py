"""Concatenations: streams joined pixel by pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

import numpy as np

from boards.board import Family, Resources
from gen.cost.coefficients import Group
from gen.cost.memories import total
from gen.cost.model import CostModel
from gen.ir.ops import Concat, Op, Tensor
from gen.nodes.lanes import fewest
from gen.nodes.option import LanesPlan
from gen.nodes.streams import Burst
from gen.nodes.unit import UnitNode
from hw.layers.concat import Concat as ConcatUnit
from hw.layers.conv_integers import code_shape

LATENCY = 4
"""Cycles that a transfer takes, rather too many."""


@dataclass(frozen=True)
class Joiner(Group):
    """What concatenations are made of.

    Attributes
    ----------
    joiner_lut : float
        The choice between inputs.
    concat_lut : float
        A lane of the output.
    concat_ff : float
        A lane of each input.
    """

    joiner_lut: float
    concat_lut: float
    concat_ff: float


@dataclass(frozen=True, eq=False)
class ConcatNode(UnitNode):
    """A concatenation along channels; each input waits while the others' channels pass."""

    op: Concat

    @classmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether it is a concatenation."""
        return isinstance(op, Concat)

    @property
    def ports(self) -> tuple[str, ...]:
        """One an input."""
        return tuple(f"i{k}" for k in range(len(self.inputs)))

    @property
    def fewest_waiting(self) -> int:
        """Two pixels: one that passes, and one that comes meanwhile."""
        return 2

    @property
    def carried(self) -> Tensor:
        """Its output."""
        return self.output

    @property
    def burst(self) -> Burst:
        """The most uneven of its inputs'."""
        return max(self.bursts, key=lambda burst: (burst.rows, burst.pace))

    def i_lanes(self, cycles: int) -> int:
        """A part's lanes divide its own: they do not depend on the parts'."""
        return self.fewest_lanes(cycles, (), self.output.shape[2])

    def fewest_lanes(self, cycles: int, feeds: Sequence[int], among: int) -> int:
        """Those that carry its output, and divide the channels of every part."""
        return fewest(self.output, cycles, gcd(among, *(x.shape[2] for x in self.inputs)))

    def cost(
        self, plan: LanesPlan, feeds: Sequence[int], family: Family, costs: CostModel
    ) -> Resources:
        """Selection and counters."""
        lanes, fitted = plan.lanes, costs.coefficients.of(Joiner)
        lut = fitted.joiner_lut + fitted.concat_lut * lanes
        unit = Resources(round(lut), round(fitted.concat_ff * lanes * len(self.inputs)), 0, 0)
        converters = [costs.converter_cost(feed, plan.lanes) for feed in feeds]
        return total([costs.unit_cost(), unit, *converters])

    def build(self, plan: LanesPlan, feeds: Sequence[int]) -> ConcatUnit:
        """The unit."""
        parts = [x.shape[2] for x in self.inputs]
        return ConcatUnit(parts, plan.lanes, code_shape(self.output.signed))

    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: LanesPlan | None = None
    ) -> np.ndarray:
        """Once all parts of a pixel have come."""
        return np.max(arrivals, axis=0) + LATENCY
