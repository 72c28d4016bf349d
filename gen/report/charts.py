"""The charts of a plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, PercentFormatter

from boards.board import Resources
from gen.ir.ops import BOARD
from gen.report.figures import Figures
from gen.report.measured import ClockEstimate, Observed, Synthesised
from gen.report.rows import Layer, Use
from gen.report.svg import FAINT, LIMIT, OTHER, PAPER, REST, WASTE, WIDTH, WORK, Chart
from gen.report.words import elided, number, printable

STATES = {"works": WORK, "waits": LIMIT, "starves": WASTE, "fills": OTHER}
"""What a layer may do, and its colours."""
ROW = 15.0
"""Height of a layer's row."""
NAMES = 110.0
"""Width of the layers' names."""
LETTERS = 19
"""Most of a name."""
SMALL = 9.0
"""Of letters."""
LETTER = 4.9
"""Width of a letter in a bar, about."""


def named_rows(chart: Chart, names: Sequence[str]) -> Axes:
    """Axes with a row a name, the first at the top, and lines across for each tick.

    Parameters
    ----------
    chart : Chart
    names : sequence of str
    """
    axes = chart.axes
    short = [elided(name, LETTERS) for name in names]
    axes.set_yticks(range(len(names)), short, fontsize=SMALL)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(axis="x", linewidth=0.6)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", labelsize=SMALL, color=FAINT)
    return axes


def rows_chart(name: str, described: str, names: Sequence[str]) -> Chart:
    """A chart of a row a name.

    Parameters
    ----------
    name, described : str
        Of the chart.
    names : sequence of str
    """
    chart = Chart(name, described, len(names) * ROW + 52)
    chart.frame(NAMES, 34, top=18)
    named_rows(chart, names)
    return chart


def cycles(figures: Figures) -> Chart:
    """Cycles a frame of every layer, against the frame's period."""
    plan = figures.plan
    named = [(layer.name, layer.cost.cycles) for layer in figures.layers]
    named.append((BOARD, figures.shell.cycles))
    chart = rows_chart("cycles", "Cycles a frame of each layer", [name for name, _ in named])
    layers = {layer.name: layer for layer in figures.layers}
    values = [value for _, value in named]
    bars = chart.axes.barh(range(len(named)), values, 0.72)
    for (name, value), bar in zip(named, bars, strict=True):
        worker = name in layers and layers[name].folding is not None
        bar.set_facecolor(LIMIT if value == plan.cycles else WORK if worker else REST)
        chart.hint(bar, f"{name}: {number(value)} cycles, {value / plan.cycles:.1%} of the period")
    mark_limit(chart.axes, plan.cycles, f"period {number(plan.cycles)}")
    chart.axes.set_xlabel("clock cycles a frame", fontsize=SMALL)
    chart.axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: number(round(x))))
    chart.axes.locator_params(axis="x", nbins=5)
    return chart


def mark_limit(axes: Axes, x: float, text: str) -> None:
    """Draw a line that bars end at.

    Parameters
    ----------
    axes : Axes
    x : float
    text : str
        What it is.
    """
    axes.axvline(x, color=LIMIT, linewidth=1.4)
    axes.annotate(
        text, (x, 1), (0, 4), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="right", fontsize=SMALL, color=LIMIT,
    )  # fmt: skip


def resources(figures: Figures) -> Chart:
    """The board's resources, and which layer takes how much of each."""
    chart = Chart("resources", "Resources by layer, against the board's", 190)
    chart.frame(58, 34, top=8)
    axes = named_rows(chart, [use.title for use in figures.uses])
    axes.set_xlim(0, 1.12 * max(1.0, *(use.share for use in figures.uses)))
    for row, use in enumerate(figures.uses):
        _stacked(chart, row, use, _parts(figures))
        axes.text(use.share + 0.01, row, f"{use.share:.1%}", va="center", fontsize=SMALL)
    axes.axvline(1, color=LIMIT, linewidth=1.4)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
    axes.set_xlabel("of what the board has", fontsize=SMALL)
    return chart


def _parts(figures: Figures) -> Iterator[tuple[str, Resources, str]]:
    """Names, what they take, and their colours."""
    for layer in figures.layers:
        yield layer.name, layer.cost.resources, REST if layer.folding is None else WORK
    yield BOARD, figures.shell.resources, OTHER


def _stacked(chart: Chart, row: int, use: Use, parts: Iterable[tuple[str, Resources, str]]) -> None:
    """A bar of parts, every other one lighter, with the names of those that are long enough."""
    start = 0.0
    width = chart.axes.get_position().width * WIDTH / chart.axes.get_xlim()[1]
    for place, (name, cost, colour) in enumerate(parts):
        taken = getattr(cost, use.name)
        share = taken / use.available
        if not taken:
            continue
        [bar] = chart.axes.barh(
            row, share, 0.74, start, color=colour, edgecolor=PAPER, linewidth=0.5,
            alpha=0.72 if place % 2 else 1.0,
        )  # fmt: skip
        chart.hint(bar, f"{name}: {taken:g} {use.title}, {share:.1%} of the board")
        if len(name) * LETTER < share * width:
            chart.axes.text(start + share / 2, row, printable(name), ha="center", va="center",
                            fontsize=8, color=PAPER)  # fmt: skip
        start += share


def weights(figures: Figures) -> Chart:
    """What holds each layer's weights, and what of that is empty."""
    layers = [layer for layer in figures.layers if layer.memory is not None]
    chart = rows_chart(
        "weights", "Memory of each layer's weights", [layer.name for layer in layers]
    )
    axes = chart.axes
    for row, layer in enumerate(layers):
        _memory_bar(chart, row, layer)
    axes.set_xlabel("Kibit", fontsize=SMALL)
    legend(axes, (("in block RAM", WORK), ("in LUTs", OTHER), ("empty", WASTE)))
    return chart


def _memory_bar(chart: Chart, row: int, layer: Layer) -> None:
    memory = layer.memory
    assert memory is not None
    held, empty = min(memory.bits, memory.taken) / 1024, memory.wasted / 1024
    colour = WORK if memory.kind == "block" else OTHER
    [bar] = chart.axes.barh(row, held, 0.72, color=colour)
    chart.hint(bar, f"{layer.name}: {number(memory.bits)} bits of weights")
    if empty:
        [bar] = chart.axes.barh(row, empty, 0.72, held, color=WASTE)
        share = memory.wasted / memory.taken
        chart.hint(bar, f"{layer.name}: {number(memory.wasted)} bits empty, {share:.1%} of them")


def legend(axes: Axes, marks: Sequence[tuple[str, str]]) -> None:
    """Say above the axes what colours mean.

    Parameters
    ----------
    axes : Axes
    marks : sequence of tuple of str
        What, and its colour.
    """
    handles = [Patch(color=colour, label=text) for text, colour in marks]
    axes.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(marks),
        fontsize=SMALL, borderpad=0.1, columnspacing=1.2, handlelength=1.0,
    )  # fmt: skip


def activity(observed: Observed) -> Chart:
    """What each layer did in a frame's cycles."""
    chart = rows_chart("activity", "What each layer does in a frame's period", [*observed.layers])
    for row, (name, shares) in enumerate(observed.layers.items()):
        start = 0.0
        for state, share in shares.items():
            [bar] = chart.axes.barh(row, share, 0.72, start, color=STATES[state])
            chart.hint(bar, f"{name} {state}: {share:.1%} of all cycles")
            start += share
    chart.axes.set_xlim(0, 1)
    chart.axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
    chart.axes.set_xlabel("of all clock cycles", fontsize=SMALL)
    legend(chart.axes, list(STATES.items()))
    return chart


def histograms(figures: Figures) -> Chart:
    """How often each value of a weight occurs in each layer."""
    chart = rows_chart(
        "histograms", "Histogram of each layer's weights", [op.name for op in figures.network.convs]
    )
    axes = chart.axes
    for row, op in enumerate(figures.network.convs):
        half = 1 << (op.weight_bits - 1)
        values = np.arange(-half, half)
        counts = np.bincount(op.weights.ravel().astype(np.int64) + half, minlength=2 * half)
        heights = row + 0.42 - 0.92 * counts / counts.max()
        edges = (np.arange(2 * half + 1) - half - 0.5) / half
        shape = axes.stairs(heights, edges, baseline=row + 0.42, fill=True, color=WORK)
        zero = counts[half] / op.weights.size
        levels = np.count_nonzero(counts)
        chart.hint(
            shape,
            f"{op.name}: {levels} levels from {values[counts > 0][0]} to {values[counts > 0][-1]}, "
            f"{zero:.1%} zeros",
        )
    axes.set_xlim(-1.02, 1.02)
    axes.set_xticks([-1, -0.5, 0, 0.5, 1], ["lowest", "", "0", "", "highest"])
    axes.set_xlabel("weights, as a part of the range that their bits have", fontsize=SMALL)
    return chart


def synthesis(found: Synthesised, uses: Sequence[Use]) -> Chart:
    """What was planned of each of the board's resources, and what synthesis made of it."""
    chart = Chart("synthesis", "Resources as planned and as synthesised", 190)
    chart.frame(58, 34, top=22)
    axes = named_rows(chart, [use.title for use in uses])
    for row, use in enumerate(uses):
        for above, told, colour, cells in (
            (-0.2, "planned", REST, found.total.planned),
            (0.2, "synthesised", WORK, found.total.synthesised),
        ):
            amount = getattr(cells, use.name)
            [bar] = axes.barh(row + above, amount / use.available, 0.36, color=colour)
            chart.hint(bar, f"{told}: {amount:g} {use.title}, {amount / use.available:.1%}")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, 0))
    axes.set_xlabel("of what the board has", fontsize=SMALL)
    legend(axes, (("planned", REST), ("synthesised", WORK)))
    return chart


def clock(found: ClockEstimate, clock_hz: int) -> Chart:
    """The slowest path that ends in each layer, against the clock's period."""
    chart = rows_chart("clock", "Slowest path into each layer", list(found.layers))
    bars = chart.axes.barh(range(len(found.layers)), found.layers.values(), 0.72)
    for (name, ns), bar in zip(found.layers.items(), bars, strict=True):
        bar.set_facecolor(LIMIT if ns == found.ns else WORK)
        chart.hint(bar, f"{name}: {ns:.2f} ns")
    mark_limit(chart.axes, 1e9 / clock_hz, f"period {1e9 / clock_hz:g} ns")
    chart.axes.set_xlabel("ns, with wires as they are on average", fontsize=SMALL)
    return chart
