"""What place and route found: how fast each clock can be, the critical paths, use of the chip."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass

from rich import box
from rich.table import Table

_ETHERNET = re.compile(r"eth.*[rt]x|[rt]x_clk|clocks_[rt]x")
"""Names of the clocks of an Ethernet PHY, whatever tool gives them."""
_TITLES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "RAMB36"}


@dataclass(frozen=True)
class ClockRate:
    """A clock, as fast as it is wanted and as fast as the routed design allows.

    Attributes
    ----------
    name : str
        That the tool gives it.
    achieved, wanted : float
        MHz.
    """

    name: str
    achieved: float
    wanted: float

    @property
    def met(self) -> bool:
        """Whether it is fast enough."""
        return self.achieved >= self.wanted

    @property
    def of_ethernet(self) -> bool:
        """Whether it is a PHY's, whose frequency is not ours to choose."""
        return _ETHERNET.search(self.name) is not None

    @property
    def title(self) -> str:
        """For people."""
        return f"{'Ethernet' if self.of_ethernet else 'accelerator'} ({self.name})"

    def __str__(self) -> str:
        text = f"clock {self.title}: {self.achieved:.1f} MHz of {self.wanted:g} wanted"
        return text if self.met else f"{text}, {1 - self.achieved / self.wanted:.1%} too slow"


@dataclass(frozen=True)
class Step:
    """A part of a critical path.

    Attributes
    ----------
    kind : str
        ``clk-to-q``, ``logic``, ``routing`` or ``setup``; others where a path leaves a clock.
    delay : float
        In ns.
    start, end : str
        ``cell.port``.
    net : str
        That it goes along, if it is routing.
    """

    kind: str
    delay: float
    start: str
    end: str
    net: str = ""


@dataclass(frozen=True)
class CriticalPath:
    """The slowest path of a clock, or from one to another.

    Attributes
    ----------
    start, end : str
        The clocks, as the tool names them, and the edge.
    steps : tuple of Step
    """

    start: str
    end: str
    steps: tuple[Step, ...]

    @property
    def logic(self) -> float:
        """Nanoseconds in cells."""
        return sum(s.delay for s in self.steps if s.kind in ("clk-to-q", "logic", "setup"))

    @property
    def routing(self) -> float:
        """Nanoseconds on wires."""
        return sum(step.delay for step in self.steps if step.kind == "routing")


@dataclass(frozen=True)
class Routing:
    """What a tool found of a placed and routed design.

    Attributes
    ----------
    tool : str
        Whose figures these are.
    clocks : tuple of ClockRate
    used : dict
        By ``lut``, ``ff``, ``dsp`` and ``bram36``: what is used, and what the device has.
    paths : tuple of CriticalPath
        None where the tool's own reports tell them.
    setup_slack, hold_slack : float or None
        In ns, the least of all paths, those from pads included; None where the tool looks at
        clocks alone.
    seed : int or None
        Of the placement; None where it has none.
    others : tuple of int
        Seeds that were tried too, and ended with slower clocks.
    """

    tool: str
    clocks: tuple[ClockRate, ...]
    used: dict[str, tuple[float, float]]
    paths: tuple[CriticalPath, ...] = ()
    setup_slack: float | None = None
    hold_slack: float | None = None
    seed: int | None = None
    others: tuple[int, ...] = ()

    @property
    def failed(self) -> tuple[ClockRate, ...]:
        """Clocks that are too slow."""
        return tuple(clock for clock in self.clocks if not clock.met)

    @property
    def met(self) -> bool:
        """Whether the design works at the clocks that are wanted."""
        slacks = (self.setup_slack, self.hold_slack)
        return not self.failed and all(slack is None or slack >= 0 for slack in slacks)

    @property
    def reached(self) -> float:
        """What part of the clocks that are wanted is reached, by the one that misses most."""
        return min(clock.achieved / clock.wanted for clock in self.clocks)

    @property
    def accelerator(self) -> ClockRate:
        """The accelerator's clock: the slowest of those that are no PHY's, beside what they want.

        Raises
        ------
        ValueError
            If there is none.
        """
        own = [clock for clock in self.clocks if not clock.of_ethernet]
        if not own:
            raise ValueError(f"{self.tool} told no clock of the accelerator")
        return min(own, key=lambda clock: clock.achieved / clock.wanted)

    def to_json(self) -> str:
        """All of it as a JSON document."""
        return json.dumps({**asdict(self), "met": self.met}, indent=2) + "\n"


def routing_table(found: Routing) -> Table:
    """Clocks and use of the chip, for the terminal and ``report.txt``."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(found.tool, overflow="fold")
    for title in ("wanted MHz", "reached MHz", ""):
        table.add_column(title, justify="right", no_wrap=True)
    for clock in found.clocks:
        wanted, achieved = f"{clock.wanted:g}", f"{clock.achieved:.1f}"
        table.add_row(clock.title, wanted, achieved, "met" if clock.met else "NOT MET")
    for name, slack in (("setup", found.setup_slack), ("hold", found.hold_slack)):
        if slack is not None:
            met = "met" if slack >= 0 else "NOT MET"
            table.add_row(f"{name} times of all", "", f"{slack:.3f} ns to spare", met)
    table.add_section()
    table.add_row("resource", "available", "used", "", style="bold")
    for name, (used, available) in found.used.items():
        table.add_row(_TITLES[name], f"{available:g}", f"{used:g}", f"{used / available:.1%}")
    return table
