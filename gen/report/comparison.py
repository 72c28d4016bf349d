"""Plans side by side: the figures of several builds, a column each."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from gen.ir.activations import Activations, finite
from gen.report.activations import held, noisiest
from gen.report.figures import Figures
from gen.report.measured import Measured
from gen.report.rows import TITLES
from gen.report.words import number, printable

FORMAT = 1
"""Of the JSON."""
NONE = "-"
"""In the place of what is not known."""
DIGITS = 1
"""Behind the point of frames a second."""


@dataclass(frozen=True, eq=False)
class Build:
    """A build to be compared.

    Attributes
    ----------
    name : str
        Of its folder, as the user has it.
    figures : Figures
    measured : Measured
    """

    name: str
    figures: Figures
    measured: Measured

    def to_entry(self) -> dict[str, Any]:
        """All that is compared, for programs."""
        figures, plan = self.figures, self.figures.plan
        entry = {
            "folder": self.name,
            "network": figures.network.name,
            "digest": figures.network.digest.hex(),
            "board": figures.board.name,
            "clock_hz": plan.clock_hz,
            "cycles": plan.cycles,
            "frames_per_second": plan.frames_per_second,
            "link": asdict(figures.link),
            "limit": "link" if figures.link_limits else "accelerator",
            "slowest": plan.slowest,
            "multipliers": figures.multipliers,
            "busy": figures.busy,
            "weights": figures.network.weight_count,
            "weight_bits": figures.network.weight_bit_count,
            "resources": asdict(plan.resources),
            "available": asdict(figures.board.resources),
            "layers": {name: asdict(cost) for name, cost in plan.costs.items()},
        }
        if figures.network.activations is not None:
            entry["activations"] = self._activations(figures.network.activations)
        found = self.measured.synthesised
        if found is not None:
            entry["synthesised"] = asdict(found.total.synthesised)
            entry["estimated_mhz"] = found.clock.mhz
        if self.measured.routed is not None:
            entry["routed"] = asdict(self.measured.routed)
        return entry

    def _activations(self, found: Activations) -> dict[str, Any]:
        """What is known of activations, by layer."""
        rows = held(self.figures.network)
        return {
            "frames": found.frames,
            "saturated": {row.name: row.saturated for row in rows if row.counts},
            "signal_to_noise_db": {n: finite(ratio) for n, ratio in found.decibels.items()},
        }


def _noise(build: Build) -> str:
    found = noisiest(build.figures.network)
    return NONE if found is None else f"{found[1]:.1f} in {printable(found[0])}"


def _clock(build: Build) -> str:
    found = build.measured.synthesised
    return NONE if found is None else f"{found.clock.mhz:.1f}"


def _routed(build: Build) -> str:
    found = build.measured.routed
    return NONE if found is None else "met" if found.met else "not met"


_ABOUT: dict[str, Callable[[Build], str]] = {
    "network": lambda build: build.figures.network.name,
    "board": lambda build: build.figures.board.name,
    "link": lambda build: build.figures.link.name,
    "weights": lambda build: number(build.figures.network.weight_count),
    "bits of weights": lambda build: number(build.figures.network.weight_bit_count),
    "clock, MHz": lambda build: number(build.figures.plan.clock_hz / 1e6),
    "cycles a frame": lambda build: number(build.figures.plan.cycles),
    "accelerator, frames/s": lambda build: _rate(build.figures.plan.frames_per_second),
    "link, frames/s": lambda build: _rate(build.figures.link.frames_per_second),
    "what limits": lambda build: "link" if build.figures.link_limits else "accelerator",
    "multipliers": lambda build: number(build.figures.multipliers),
    "busy": lambda build: f"{build.figures.busy:.1%}",
}
"""What is compared of any two builds."""
_MEASURED: dict[str, Callable[[Build], str]] = {
    "lowest signal to noise, dB": _noise,
    "clock, MHz, estimated from synthesis": _clock,
    "timing of place and route": _routed,
}
"""What is compared if it was measured of one of them."""


def _rate(value: float) -> str:
    return number(round(value, DIGITS))


def rows(builds: Sequence[Build]) -> dict[str, list[str]]:
    """What is compared, by what it is: a text for each build."""
    found = {name: [tell(build) for build in builds] for name, tell in _ABOUT.items()}
    for name, title in TITLES.items():
        found[title] = [_use(build, name) for build in builds]
    for name, tell in _MEASURED.items():
        told = [tell(build) for build in builds]
        if set(told) != {NONE}:
            found[name] = told
    return found


def _use(build: Build, name: str) -> str:
    use = next(use for use in build.figures.uses if use.name == name)
    return f"{number(use.used)} of {number(use.available)}, {use.share:.1%}"


def layer_cycles(builds: Sequence[Build]) -> dict[str, list[int | None]]:
    """Cycles a frame by layer, of the builds that have it; in the order in which they appear."""
    names = dict.fromkeys(name for build in builds for name in build.figures.plan.costs)
    return {
        name: [
            cost.cycles if (cost := build.figures.plan.costs.get(name)) else None
            for build in builds
        ]
        for name in names
    }


def table(builds: Sequence[Build]) -> Table:
    """The comparison for the terminal; what differs is bold."""
    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    made.add_column("", no_wrap=True)
    for build in builds:
        made.add_column(Text(build.name), justify="right", overflow="fold")
    for name, told in rows(builds).items():
        made.add_row(name, *map(Text, told), style="bold" if len(set(told)) > 1 else None)
    return made


def to_json(builds: Sequence[Build]) -> str:
    """The comparison as a JSON document."""
    entry = {"format": FORMAT, "builds": [build.to_entry() for build in builds]}
    return json.dumps(entry, indent=2)
