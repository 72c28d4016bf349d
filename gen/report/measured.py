"""What tools found of a plan, as far as they ran: synthesis, place and route, simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from boards.board import Resources
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Compared:
    """A layer's resources, as planned and as synthesised."""

    planned: Resources
    synthesised: Resources


@dataclass(frozen=True)
class ClockEstimate:
    """What clock the netlist is good for, before it is placed.

    Attributes
    ----------
    ns : float
        Of the slowest path, with wires as they are on average.
    mhz : float
        That are likely once it is routed.
    layers : dict of float
        Nanoseconds of the slowest path that ends in each layer.
    """

    ns: float
    mhz: float
    layers: dict[str, float]


@dataclass(frozen=True)
class Synthesised:
    """What ``--synth`` found.

    Attributes
    ----------
    layers : dict of Compared
        By name, the board's own part included.
    total : Compared
    clock : ClockEstimate
    """

    layers: dict[str, Compared]
    total: Compared
    clock: ClockEstimate

    @staticmethod
    def of(entry: dict[str, Any]) -> Synthesised:
        """Read back what synthesis has written; whatever is wrong raises as it happens to."""
        timing = entry["timing"]
        paths = {str(name): float(path["ns"]) for name, path in timing["layers"].items()}
        return Synthesised(
            {name: _compared(layer) for name, layer in entry["layers"].items()},
            _compared(entry["total"]),
            ClockEstimate(float(timing["ns"]), float(timing["mhz"]), paths),
        )


@dataclass(frozen=True)
class RoutedClock:
    """A clock, in MHz, as wanted and as reached."""

    name: str
    wanted: float
    achieved: float


@dataclass(frozen=True)
class Routed:
    """What place and route found.

    Attributes
    ----------
    tool : str
    met : bool
        Whether the design works at the clocks that are wanted.
    clocks : tuple of RoutedClock
    used : dict of tuple of float
        By resource: what is used, and what the device has.
    """

    tool: str
    met: bool
    clocks: tuple[RoutedClock, ...]
    used: dict[str, tuple[float, float]]

    @staticmethod
    def of(entry: dict[str, Any]) -> Routed:
        """Read back what routing has written; whatever is wrong raises as it happens to."""
        return Routed(
            str(entry["tool"]),
            bool(entry["met"]),
            tuple(
                RoutedClock(str(c["name"]), float(c["wanted"]), float(c["achieved"]))
                for c in entry["clocks"]
            ),
            {name: (float(used), float(held)) for name, (used, held) in entry["used"].items()},
        )


@dataclass(frozen=True)
class Observed:
    """What each layer did while frames followed each other in simulation.

    Attributes
    ----------
    period : int
        Clock cycles a frame.
    layers : dict of dict of float
        By layer, then by what it did: the part of all cycles.
    """

    period: int
    layers: dict[str, dict[str, float]]

    @staticmethod
    def of(entry: dict[str, Any]) -> Observed:
        """Read back what the simulation has written; whatever is wrong raises as it happens to."""
        layers = {
            str(name): {str(state): float(share) for state, share in shares.items()}
            for name, shares in entry["layers"].items()
        }
        return Observed(int(entry["period"]), layers)


@dataclass(frozen=True)
class Measured:
    """What tools found, None where they did not run."""

    synthesised: Synthesised | None = None
    routed: Routed | None = None
    observed: Observed | None = None

    @staticmethod
    def load(folder: BuildFolder) -> Measured:
        """What a build folder has of it.

        Raises
        ------
        FirebrickError
            If a file is damaged.
        """
        return Measured(
            _read(folder.synthesis, Synthesised.of, folder.remedy),
            _read(folder.routing, Routed.of, folder.remedy),
            _read(folder.activity, Observed.of, folder.remedy),
        )


def _compared(entry: dict[str, dict[str, float]]) -> Compared:
    cells = dict(entry["synthesised"])
    cells.pop("lutram")
    blocks = cells.pop("bram36") + cells.pop("bram18") / 2
    return Compared(Resources(**entry["planned"]), Resources(**cells, bram36=blocks))  # type: ignore[arg-type]


def _read(path: Path, of: Callable[[Any], _Found], remedy: str) -> _Found | None:
    """What a file holds, if it is there."""
    if not path.exists():
        return None
    try:
        return of(json.loads(path.read_bytes()))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise FirebrickError(f"{path}: damaged ({error!r}); {remedy}") from None
