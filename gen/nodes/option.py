"""The ways to build a node, and what its neighbours ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from boards.board import Resources
from gen.cost.memories import resource_row


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
class Surroundings:
    """What the neighbours ask of a node.

    Attributes
    ----------
    i_lanes : tuple of int
        Fewest lanes of each input.
    o_lanes : int
        Fewest lanes of the output.
    transfers : int
        Cycles a frame of a stream behind it that stands still while it waits between frames;
        a whole period where a path beside it does.
    """

    i_lanes: tuple[int, ...]
    o_lanes: int
    transfers: int = 0


def pareto(found: list[Option]) -> list[Option]:
    """Options that no other one beats in all of DSP blocks, LUTs and block RAM."""
    kept: list[Option] = []
    best: list[tuple[float, float]] = []
    rows = sorted(((option.row[:3], at) for at, option in enumerate(found)))
    for (_, lut, bram36), at in rows:  # none has fewer DSP blocks than those before it
        if not any(other[0] <= lut and other[1] <= bram36 for other in best):
            kept.append(found[at])
            best.append((lut, bram36))
    return kept
