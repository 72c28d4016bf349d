"""The roofline of a plan: frames a second against multipliers, and what bounds both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gen.report.charts import SMALL
from gen.report.figures import Figures
from gen.report.svg import FAINT, INK, LIMIT, REST, Chart
from gen.report.words import number


def roofline(figures: Figures) -> Chart:
    """Frames a second against multipliers, and what bounds both."""
    chart = Chart("roofline", "Frames a second against multipliers, and their bounds", 330)
    chart.frame(54, 40, top=10)
    axes, here, rate = chart.axes, figures.multipliers, figures.plan.frames_per_second
    walls = {use.title: here / use.share for use in figures.uses if use.used}
    ceilings = {
        "link": figures.link.frames_per_second,
        "packets, a byte a cycle": figures.plan.clock_hz / figures.shell.cycles,
    }
    peak = figures.plan.clock_hz / figures.network.macs
    xs = np.array([max(1.0, here / 30), 2.2 * max(here, *walls.values())])
    axes.loglog(xs, peak * xs, color=INK, linewidth=1.4)
    axes.set_xlim(*xs)
    rates = (peak * xs[0], rate, *ceilings.values())
    axes.set_ylim(min(rates) / 2, 3 * max(peak * xs[1], *rates))
    _label(axes, "all multipliers busy", (xs[1], peak * xs[1]), (-4, 6), ha="right")
    _ceilings(axes, ceilings, rate)
    _walls(axes, walls)
    [mark] = axes.plot(here, rate, "o", color=LIMIT, markersize=8)
    told = f"{number(here)} multipliers, {rate:.1f} frames/s, {figures.busy:.1%} busy"
    chart.hint(mark, f"this plan: {told}")
    _label(axes, "this plan", (here, rate), (-8, 5), ha="right", color=LIMIT, fontweight="bold")
    _logarithmic(axes)
    axes.set_xlabel("multipliers side by side", fontsize=SMALL)
    axes.set_ylabel("frames/s", fontsize=SMALL)
    return chart


def _label(
    axes: Axes, text: str, at: tuple[float, float], by: tuple[float, float], **looks: Any
) -> None:
    """Write at a point of the axes, so many points beside it."""
    axes.annotate(text, at, by, textcoords="offset points", **{"fontsize": SMALL, **looks})


def _ceilings(axes: Axes, ceilings: Mapping[str, float], rate: float) -> None:
    """Lines across at frames a second that cannot be exceeded; red where they limit a plan's."""
    left = axes.get_xlim()[0]
    for name, most in ceilings.items():
        axes.axhline(most, color=LIMIT if most <= rate else REST, linewidth=1.4)
        _label(axes, f"{name}: {number(round(most))}", (left, most), (6, 3))


def _walls(axes: Axes, walls: Mapping[str, float]) -> None:
    """Lines upwards at the multipliers that resources hold."""
    bottom = axes.get_ylim()[0]
    for place, (name, most) in enumerate(sorted(walls.items(), key=lambda wall: wall[1])):
        axes.axvline(most, color=REST, linewidth=1.2, linestyle=(0, (4, 2)))
        _label(axes, name, (most, bottom), (3, 5 + 11 * place))


def _logarithmic(axes: Axes) -> None:
    axes.grid(which="major", linewidth=0.6)
    axes.tick_params(labelsize=SMALL, color=FAINT)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(FuncFormatter(lambda x, _: number(x)))
        axis.set_minor_formatter(NullFormatter())
        axis.set_tick_params(which="minor", color=FAINT)
