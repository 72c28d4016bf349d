"""What every kind of node has: one op of a network as a piece of hardware with stream ports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd
from typing import Any, ClassVar, Protocol

import numpy as np
from amaranth.lib import wiring

from boards.board import Family, Resources
from gen.cost.memories import resource_row
from gen.cost.model import CostModel
from gen.ir.ops import Op, Tensor
from gen.ir.widths import Width

Limit = tuple[str, int]
"""What of a node, and its cycles a frame."""


class NodePlan(Protocol):
    """How a node is built: a frozen dataclass of what the planner decides."""

    @property
    def lanes(self) -> int:
        """Channels a transfer of its output."""


@dataclass(frozen=True)
class LanesPlan:
    """Of a node of which nothing but the lanes is to be decided."""

    lanes: int


@dataclass(frozen=True)
class Option:
    """One way to build a node."""

    plan: Any
    resources: Resources

    @property
    def row(self) -> tuple[float, ...]:
        """Resources in the order of :data:`gen.cost.memories.RESOURCES`."""
        return resource_row(self.resources)


@dataclass(frozen=True)
class Folding:
    """How a node's multipliers are arranged, for people.

    Attributes
    ----------
    bits : str
        Of a weight; with a codebook those of a code, then those that it is decoded to.
    pe, simd : int
        Output and input channels side by side.
    multiplier : str
        What multiplies.
    memories : str
        Of weights and windows.
    """

    bits: str
    pe: int
    simd: int
    multiplier: str
    memories: str


@dataclass(frozen=True)
class Feed:
    """What the stream at an input is like.

    Attributes
    ----------
    lanes : int
        Channels a transfer.
    wait : Fraction
        Part of a frame in which it stands still, as the engine in front waits between frames.
    """

    lanes: int
    wait: Fraction = Fraction(0)


@dataclass(frozen=True)
class Surroundings:
    """What the neighbours ask of a node.

    Attributes
    ----------
    i_lanes : tuple of int
        Fewest lanes of each input.
    o_lanes : int
        Fewest lanes of the output.
    transfers : int
        Cycles a frame of a stream behind it that stands still while it waits between frames.
    """

    i_lanes: tuple[int, ...]
    o_lanes: int
    transfers: int = 0


@dataclass(frozen=True)
class Burst:
    """How unevenly a stream comes.

    Attributes
    ----------
    pace : int
        How many times faster than on average it comes while it comes.
    rows : int
        Rows that come at that pace one after another.
    """

    pace: int = 1
    rows: int = 0


@dataclass(frozen=True)
class Window:
    """The windows that a node reads of its input; those alike can be read from one memory.

    Attributes
    ----------
    kernel : tuple of int
        Rows and columns.
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    size : tuple of int
        Rows and columns of windows.
    """

    kernel: tuple[int, int]
    stride: int
    pad: tuple[int, int, int, int]
    size: tuple[int, int]


class TooSlow(Exception):
    """No lane count carries a tensor in time."""


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
    def builds(cls, op: Op) -> bool:
        """Whether ops like ``op`` are of this kind."""

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

    def tap_departures(self, departures: np.ndarray) -> np.ndarray:
        """When the pixels of its tap leave, if those of its output do at these cycles.

        Raises
        ------
        TypeError
            If it has no windows.
        """
        raise TypeError(f"{self.name!r} has no windows")


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


def values(tensor: Tensor) -> int:
    """Values of a tensor: pixels times channels."""
    height, width, channels = tensor.shape
    return height * width * channels


def pixels(tensor: Tensor) -> int:
    """Pixels of a tensor."""
    return tensor.shape[0] * tensor.shape[1]


def divisors(n: int) -> list[int]:
    """All divisors, smallest first."""
    return [d for d in range(1, n + 1) if n % d == 0]


def fewest(tensor: Tensor, cycles: int, among: int, meets: Iterable[int] = ()) -> int:
    """Smallest divisor of ``among`` that carries a tensor in time, also to lanes ``meets``.

    Parameters
    ----------
    tensor : Tensor
    cycles : int
        A frame.
    among : int
    meets : iterable of int
        A converter between two numbers of lanes works at their greatest common divisor.

    Raises
    ------
    TooSlow
        If there is none.
    """
    for lanes in divisors(among):
        slowest = min([lanes, *(gcd(lanes, other) for other in meets)])
        if values(tensor) <= cycles * slowest:
            return lanes
    raise TooSlow(tensor.name)


def converter(tensor: Tensor, i_lanes: int, o_lanes: int) -> int:
    """Cycles a frame of a lane converter.

    Parameters
    ----------
    tensor : Tensor
        That passes it.
    i_lanes, o_lanes : int
        Channels a transfer on either side.
    """
    return values(tensor) // gcd(i_lanes, o_lanes)


def even_departures(needed: np.ndarray, period: int, delay: float) -> np.ndarray:
    """When pixels leave, evenly, each at the soonest ``delay`` after what it needs has come.

    Parameters
    ----------
    needed : float64 array
        When the last that each pixel needs comes, in cycles.
    period : int
        Cycles a frame.
    delay : float
        Cycles.
    """
    pace = np.arange(len(needed)) * (period / len(needed))
    return pace + ((needed - pace).max() + delay)
