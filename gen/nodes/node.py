"""What every kind of node has: one op of a network as a piece of hardware with stream ports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from amaranth.lib import wiring

from boards.board import Family, Resources
from gen.cost.model import CostModel
from gen.ir.ops import Op, Tensor
from gen.ir.widths import Width
from gen.nodes.lanes import values
from gen.nodes.option import Folding, LanesPlan, Option, Surroundings
from gen.nodes.streams import Burst, Feed, Window

Limit = tuple[str, int]
"""What of a node, and its cycles a frame."""


@dataclass(frozen=True, eq=False)
class Node(ABC):
    """One op as hardware.

    Attributes
    ----------
    op : Op
    inputs : tuple of Tensor
        In the order of the op's.
    output : Tensor
    bursts : tuple of Burst
        Of the inputs.
    """

    op: Op
    inputs: tuple[Tensor, ...]
    output: Tensor
    bursts: tuple[Burst, ...]

    Plan: ClassVar[type[Any]] = LanesPlan
    """What :meth:`options` give as plans."""
    stream: ClassVar[str] = "o"
    """Path of the output's stream inside the unit, that of the part which makes it."""

    @classmethod
    @abstractmethod
    def builds(cls, op: Op, x: Tensor) -> bool:
        """Whether an op that reads ``x`` first is of this kind."""

    @classmethod
    def make(
        cls, op: Op, inputs: tuple[Tensor, ...], output: Tensor, bursts: tuple[Burst, ...]
    ) -> Node:
        """The node of an op.

        Parameters
        ----------
        op : Op
            Of this kind.
        inputs, output, bursts : tuple of Tensor, Tensor, tuple of Burst
            As the attributes.
        """
        return cls(op, inputs, output, bursts)

    def with_tap(self, tap: tuple[int, int]) -> Node:
        """The same with a tap of its windows, by row and column, for others to read.

        Raises
        ------
        TypeError
            If it has no windows.
        """
        raise TypeError(f"{self.name!r} has no windows")

    def on_tap(self) -> Node:
        """The same, reading a tap of another's windows.

        Raises
        ------
        TypeError
            If it has no windows.
        """
        raise TypeError(f"{self.name!r} has no windows")

    @property
    def refusal(self) -> str | None:
        """Why there is no hardware for this op, and what there is instead; None if there is."""
        return None

    @property
    def name(self) -> str:
        """Of the op, and of the tensor that it makes."""
        return self.op.name

    @property
    def ports(self) -> tuple[str, ...]:
        """Names of the unit's inputs."""
        return ("i",)

    @property
    def burst(self) -> Burst:
        """Of the output."""
        return Burst()

    @property
    def window(self) -> Window | None:
        """What it reads from a window memory, if it has one that others may read too."""
        return None

    @property
    def paced(self) -> bool:
        """Whether it works at a pace of its own, which may leave it no time to wait."""
        return False

    @property
    def pointwise(self) -> bool:
        """Whether each pixel of its only input makes one of the output, in a unit's own time."""
        return False

    @property
    def fewest_waiting(self) -> int:
        """Pixels for which there is room in front of each input, whatever the paths to it."""
        return 0

    def transfers(self, lanes: int) -> int:
        """Cycles a frame for which it must be fed without a wait; 0 if it evens that out."""
        return 0

    @property
    def weight_count(self) -> int:
        """Number of its weights."""
        return 0

    @property
    def code_bits(self) -> int:
        """Bits that are stored of a weight; 0 without weights."""
        return 0

    def with_width(self, width: Width) -> Node:
        """The same with weights of another width, for a look at what it would cost."""
        return self

    @property
    def slowest(self) -> int:
        """Cycles a frame of the smallest unit there is."""
        return max(map(values, (*self.inputs, self.output)))

    def i_lanes(self, cycles: int) -> int | None:
        """Lanes that every input's fewest must divide; None where any will do."""
        return None

    @abstractmethod
    def fewest_lanes(self, cycles: int, feeds: Sequence[int], among: int) -> int:
        """Fewest lanes of its output.

        Parameters
        ----------
        cycles : int
            A frame.
        feeds : sequence of int
            Fewest lanes of its inputs.
        among : int
            The lanes divide this.

        Raises
        ------
        TooSlow
            If none are fast enough.
        """

    @abstractmethod
    def options(
        self, around: Surroundings, cycles: int, family: Family, costs: CostModel
    ) -> list[Option]:
        """All ways worth considering to build it; none if none is fast enough.

        Parameters
        ----------
        around : Surroundings
        cycles : int
            A frame.
        family : "xc7" or "ecp5"
        costs : CostModel
        """

    @abstractmethod
    def limits(self, plan: Any, feeds: Sequence[Feed]) -> Iterator[Limit]:
        """Every limit on the cycles a frame.

        Parameters
        ----------
        plan : NodePlan
            One of this kind's.
        feeds : sequence of Feed
            Its inputs.
        """

    @abstractmethod
    def cost(self, plan: Any, feeds: Sequence[int], family: Family, costs: CostModel) -> Resources:
        """What the unit takes with the lane converters in front of it, in LUTs of six inputs.

        Parameters
        ----------
        plan : NodePlan
            One of this kind's.
        feeds : sequence of int
            Lanes of its inputs.
        family : "xc7" or "ecp5"
        costs : CostModel
        """

    @abstractmethod
    def build(self, plan: Any, feeds: Sequence[int]) -> wiring.Component:
        """The unit, with inputs of :attr:`ports`, each of :meth:`port_lanes`, and output ``o``.

        Parameters
        ----------
        plan : NodePlan
            One of this kind's.
        feeds : sequence of int
            Lanes of the streams that come.
        """

    def port_lanes(self, plan: Any, feed: int) -> int:
        """Channels a transfer of an input of the unit; else a lane converter is in front of it."""
        return int(plan.lanes)

    def multipliers(self, plan: Any) -> int:
        """Multipliers for weights."""
        return 0

    def folding(self, plan: Any) -> Folding | None:
        """How its multipliers are arranged; None without any."""
        return None

    def weight_cost(self, plan: Any, costs: CostModel) -> Resources:
        """The part of its cost that the weights' memory is."""
        return Resources(0, 0, 0, 0)

    def waits(self, plan: Any) -> Fraction:
        """Part of a frame that it waits between frames, for a smaller window memory."""
        return Fraction(0)

    def border(self, plan: Any) -> int:
        """Cycles in a row in which it takes nothing, as it writes the padding between frames."""
        return 0

    @abstractmethod
    def departures(
        self, arrivals: Sequence[np.ndarray], period: int, plan: Any | None = None
    ) -> np.ndarray:
        """When pixels leave, in an even schedule of a frame in each period.

        Parameters
        ----------
        arrivals : sequence of float64 array
            When each pixel of each input comes, in cycles, in raster order.
        period : int
            Cycles a frame.
        plan : NodePlan, optional
            One of this kind's; its usual latency is counted without.

        Returns
        -------
        float64 array
            For each pixel of the output the cycle at which the last of it has left.
        """

    def tap_departures(
        self, departures: np.ndarray, period: int, plan: Any | None = None
    ) -> np.ndarray:
        """When the pixels of its tap leave.

        Parameters
        ----------
        departures : float64 array
            When those of its output do, in cycles.
        period : int
            Cycles a frame.
        plan : NodePlan, optional
            As for :meth:`departures`.

        Raises
        ------
        TypeError
            If it has no windows.
        """
        raise TypeError(f"{self.name!r} has no windows")
