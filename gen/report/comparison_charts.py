"""The charts of plans side by side: a row a figure, a bar a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from gen.report.charts import NAMES, SMALL, legend, named_rows
from gen.report.comparison import Build, layer_cycles
from gen.report.rows import TITLES
from gen.report.svg import LIMIT, OTHER, REST, WASTE, WORK, Chart
from gen.report.words import elided, number

COLOURS = (WORK, OTHER, WASTE, LIMIT, REST)
"""Of builds, in turn."""
BAR = 9.0
"""Height of a build's bar."""
LETTERS = 16
"""Most of a build's name in a legend."""


def rates(builds: Sequence[Build]) -> Chart:
    """Frames a second of accelerators and links."""
    values = {
        "accelerator": [build.figures.plan.frames_per_second for build in builds],
        "link": [build.figures.link.frames_per_second for build in builds],
    }
    chart = _grouped("rates", "Frames a second of accelerator and link", values, builds)
    axes = chart.axes
    axes.set_xscale("log")
    axes.set_xlim(min(map(min, values.values())) / 2)
    axes.xaxis.set_major_locator(LogLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(x)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("frames/s", fontsize=SMALL)
    return chart


def shares(builds: Sequence[Build]) -> Chart:
    """What each build takes of its board."""
    uses = [{use.name: use.share for use in build.figures.uses} for build in builds]
    values = {title: [use[name] for use in uses] for name, title in TITLES.items()}
    chart = _grouped("shares", "Parts of the boards that are used", values, builds)
    chart.axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
    return chart


def cycles(builds: Sequence[Build]) -> Chart:
    """Cycles a frame of every layer."""
    values = {name: [value or 0 for value in told] for name, told in layer_cycles(builds).items()}
    chart = _grouped("cycles", "Cycles a frame of each layer", values, builds)
    chart.axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(round(x))))
    chart.axes.locator_params(axis="x", nbins=4)
    return chart


def _grouped(
    name: str,
    described: str,
    values: Mapping[str, Sequence[float]],
    builds: Sequence[Build],
) -> Chart:
    """Rows of bars, a bar a build."""
    count = len(builds)
    chart = Chart(name, described, len(values) * (count * BAR + 6) + 56)
    chart.frame(NAMES, 34, top=22)
    axes = named_rows(chart, list(values))
    height = BAR / (count * BAR + 6)
    for place, build in enumerate(builds):
        above = (place - (count - 1) / 2) * height
        for row, (what, told) in enumerate(values.items()):
            colour = COLOURS[place % len(COLOURS)]
            [bar] = axes.barh(row + above, told[place], height * 0.9, color=colour)
            chart.hint(bar, f"{build.name}, {what}: {number(round(told[place], 3))}")
    marks = [
        (elided(build.name, LETTERS), COLOURS[place % len(COLOURS)])
        for place, build in enumerate(builds)
    ]
    legend(axes, marks)
    return chart
