"""A point with its result and all that goes beside it in tables and plots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.explore.paper import Claim, claim
from gen.explore.pareto import front
from gen.explore.point import TITLES, Result
from gen.explore.space import Point
from gen.formats.family import FLOAT_BYTES

TASK = ("bypass", "size", "classes")
"""Metaparameters of which more weights do not tell which network is the better one."""


@dataclass(frozen=True)
class Row:
    """A point with its result.

    Attributes
    ----------
    point : Point
    result : Result
    paper : Claim
        What the paper says of the network.
    best : bool
        On the Pareto front of its :func:`rivals`.
    """

    point: Point
    result: Result
    paper: Claim
    best: bool

    @property
    def float_bytes(self) -> int | None:
        """Of all parameters as 32-bit floats."""
        count = self.result.parameters
        return None if count is None else FLOAT_BYTES * count

    def cells(self) -> dict[str, Any]:
        """All of it by name, in the same order always, None where there is nothing."""
        point, result, design = self.point, self.result, self.result.design
        made: dict[str, Any] = dict.fromkeys(("frames_per_second", "cycles", "clock_hz"))
        if design is not None:
            made = {name: getattr(design, name) for name in made}
        held = BOARDS[point.board].resources
        for name in TITLES:
            made[name] = None if design is None else getattr(design, name)
            made[f"{name}_available"] = getattr(held, name)
        return {
            "board": point.board,
            "weight_bits": str(point.width),
            **point.values,
            "parameters": result.parameters,
            "macs": result.macs,
            "float_bytes": self.float_bytes,
            **made,
            "multipliers": None if design is None else design.multipliers,
            "limits": None if design is None else design.limits,
            "pareto": self.best,
            "paper_megabytes": self.paper.megabytes,
            "paper_top1": self.paper.top1,
            "paper_top5": self.paper.top5,
            "why_not": result.why,
        }


def rivals(point: Point) -> tuple[str, ...]:
    """What points have in common that compete: board, width of weights, and :data:`TASK`."""
    return point.board, str(point.width), *(str(point.values[key]) for key in TASK)


def rows_of(points: Sequence[Point], results: Mapping[Point, Result]) -> list[Row]:
    """The points with their results, in their order."""
    best = _best(results)
    return [Row(point, results[point], _claim(point), point in best) for point in points]


def _best(results: Mapping[Point, Result]) -> set[Point]:
    """Points that no rival has more parameters and more frames a second than."""
    groups = defaultdict(list)
    for point, result in results.items():
        if result.design is not None and result.parameters is not None:
            values = point, float(result.parameters), result.design.frames_per_second
            groups[rivals(point)].append(values)
    return {point for group in groups.values() for point in front(group)}


def _claim(point: Point) -> Claim:
    try:
        return claim(point.family())
    except FirebrickError:
        return Claim()
