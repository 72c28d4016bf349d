"""What a sweep found, as a plot: frames a second against parameters, a panel for each board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from boards import BOARDS
from gen.common.files import replacing
from gen.explore.paper import MEBIBYTE
from gen.explore.row import TASK, Row, rivals
from gen.explore.space import Space, Value
from gen.formats.family import FLOAT_BYTES

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Of Okabe and Ito: the colour-blind tell them apart too."""
MARKERS = "osD^vP"
PANEL = (7.0, 4.8)
"""Inches, of one board's panel."""
COLUMNS = 2
DPI = 160
LABELS = 8
"""Most points of a front that have a label, spread evenly."""
MARGIN = 0.08
"""Part of the axis of parameters that is left empty at its ends."""
BEYOND = 1.5
"""The axis of parameters ends at so many times the most that fit, whatever does not fit."""
SEPARATOR = " / "
"""Between the values in a label."""
LOGARITHMIC = 6
"""Ratio of frames a second from which on their axis is logarithmic."""
MILLION = 10**6
INK = "#444444"
STYLE = {
    "font.size": 10,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "svg.fonttype": "none",
    "svg.hashsalt": "firebrick",
}

Kind = tuple[str, ...]
"""What competing rows have in common, but for the board."""


@dataclass(frozen=True)
class Look:
    """How the marks of a kind of rows look, and what it is called."""

    number: int
    text: str

    @property
    def style(self) -> dict[str, str]:
        """Colour and marker."""
        return {
            "color": COLOURS[self.number % len(COLOURS)],
            "marker": MARKERS[self.number % len(MARKERS)],
        }


def write_plots(rows: Sequence[Row], space: Space, paths: Sequence[Path]) -> None:
    """Draw the rows, and write the plot into each file in the format that its name ends in.

    Parameters
    ----------
    rows : sequence of Row
    space : Space
    paths : sequence of Path
        ``.svg`` or ``.png``.
    """
    with rc_context(STYLE):
        figure = draw(rows, space)
        for path in paths:
            kind = path.suffix.removeprefix(".")
            undated = {"Date": None} if kind == "svg" else {}
            with replacing(path) as file:
                figure.savefig(file, format=kind, dpi=DPI, metadata=undated)


def draw(rows: Sequence[Row], space: Space) -> Figure:
    """The figure. Marks have ids: ``front``, ``rest``, ``paper`` or ``none``, board and number.

    The number is that of a kind of rows, those that compete. A row without a design has a mark
    below the axes, if it has a network.
    """
    columns = min(COLUMNS, len(space.boards))
    lines = ceil(len(space.boards) / columns)
    figure = Figure((PANEL[0] * columns, PANEL[1] * lines), layout="constrained")
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    panels = dict(zip(space.boards, grid.flat, strict=False))
    looks = _looks(rows)
    for name, axes in panels.items():
        axes.set_title(BOARDS[name].title, loc="left", fontweight="bold")
        labels = f"labels: {SEPARATOR.join(space.swept)}" if space.swept else ""
        axes.set_title(labels, loc="right", fontsize="small", color=INK)
        _panel(axes, [row for row in rows if row.point.board == name], looks, space)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    _scales(list(panels.values()), rows)
    _crop(panels, rows)
    figure.legend(handles=_legend(looks, rows), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _looks(rows: Sequence[Row]) -> dict[Kind, Look]:
    """Of each kind of rows, told in words as far as kinds differ."""
    kinds = list(dict.fromkeys(map(_kind, rows)))
    looks = {}
    for number, (bits, *task) in enumerate(kinds):
        shown = [
            f"{key}={value}"
            for at, (key, value) in enumerate(zip(TASK, task, strict=True), 1)
            if len({kind[at] for kind in kinds}) > 1
        ]
        looks[kinds[number]] = Look(number, ", ".join([f"{bits} bits", *shown]))
    return looks


def _kind(row: Row) -> Kind:
    return rivals(row.point)[1:]


def _panel(axes: Axes, rows: Sequence[Row], looks: Mapping[Kind, Look], space: Space) -> None:
    """All marks of a board."""
    said: set[str] = set()
    for kind, look in looks.items():
        own = [row for row in rows if _kind(row) == kind and row.result.parameters is not None]
        made = sorted((row for row in own if row.result.design), key=_millions)
        best = [row for row in made if row.best]
        plot = _Series(axes, f"{rows[0].point.board}-{look.number}", look)
        plot.marks("rest", [row for row in made if not row.best], ls="", ms=6, mfc="none", zorder=4)
        plot.marks("front", best, ls="-", lw=1.2, ms=6.5, zorder=3, drawstyle="steps-pre")
        plot.marks("paper", [row for row in made if row.paper.top5], ls="", marker="o", ms=14,
                   mfc="none")  # fmt: skip
        plot.failures([row for row in own if not row.result.design])
        plot.labels(best, made, space, said)


@dataclass(frozen=True)
class _Series:
    """Draws the rows of one kind into the panel of a board."""

    axes: Axes
    name: str
    look: Look

    def marks(self, what: str, rows: Sequence[Row], **style: Any) -> None:
        """Marks of designs."""
        if rows:
            x, y = [_millions(row) for row in rows], [_rate(row) for row in rows]
            self.axes.plot(x, y, gid=f"{what}-{self.name}", **{**self.look.style, **style})

    def failures(self, rows: Sequence[Row]) -> None:
        """Crosses on a line of their own below the axes, whatever the scale of these."""
        if not rows:
            return
        self.axes.plot(
            [_millions(row) for row in rows],
            [0.02 + 0.035 * self.look.number] * len(rows),
            gid=f"none-{self.name}",
            transform=self.axes.get_xaxis_transform(),
            **{**self.look.style, "marker": "x"},
            ls="", ms=5, alpha=0.8,
        )  # fmt: skip

    def labels(
        self, best: Sequence[Row], made: Sequence[Row], space: Space, said: set[str]
    ) -> None:
        """Values of some of the front, and the paper's accuracies; once where kinds coincide."""
        step = max(1, ceil(len(best) / LABELS))
        named = [*best[::step], *(row for row in made if row.paper.top5)]
        for row in dict.fromkeys(named):
            text = SEPARATOR.join(_short(row.point.values[key]) for key in space.swept)
            if row.paper.top5:
                text += f"\n{row.paper.top5:.1f} %"
            place = _millions(row), _rate(row)
            if f"{text} {place}" not in said:
                said.add(f"{text} {place}")
                self.axes.annotate(
                    text, place, (8, 5), textcoords="offset points", fontsize=7.5, color=INK,
                    linespacing=1.1,
                )  # fmt: skip


def _short(value: Value) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _millions(row: Row) -> float:
    return (row.result.parameters or 0) / MILLION


def _rate(row: Row) -> float:
    assert row.result.design is not None
    return row.result.design.frames_per_second


def _scales(panels: Sequence[Axes], rows: Sequence[Row]) -> None:
    """Axes: frames a second upwards; parameters below, and the paper's megabytes above."""
    rates = [_rate(row) for row in rows if row.result.design]
    megabytes = MILLION * FLOAT_BYTES / MEBIBYTE
    for axes in panels:
        if rates and max(rates) > LOGARITHMIC * min(rates):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.set_ylabel("frames/s")
        axes.set_xlabel("parameters, millions")
        axes.margins(x=MARGIN, y=0.12)
        above = axes.secondary_xaxis("top", functions=(_times(megabytes), _times(1 / megabytes)))
        above.set_xlabel("32-bit floats, MB", fontsize="small", color=INK)
        above.tick_params(labelsize="small", colors=INK)


def _crop(panels: Mapping[str, Axes], rows: Sequence[Row]) -> None:
    """Leave out what is much larger than all that fits, and say how many these are."""
    limit = BEYOND * max((_millions(row) for row in rows if row.result.design), default=inf)
    least = min((_millions(row) for row in rows if row.result.parameters), default=0)
    for board, axes in panels.items():
        count = sum(_millions(row) > limit for row in rows if row.point.board == board)
        if count:
            axes.set_xlim(least - MARGIN * (limit - least), limit)
            axes.annotate(
                f"{count} larger, no design fits \N{RIGHTWARDS ARROW}", (0.99, 0.94), ha="right",
                xycoords="axes fraction", fontsize="small", color=INK,
            )  # fmt: skip


def _times(factor: float) -> Callable[[Any], Any]:
    return lambda value: value * factor


def _legend(looks: Mapping[Kind, Look], rows: Sequence[Row]) -> list[Line2D]:
    """What colours and marks mean."""

    def mark(text: str, **style: Any) -> Line2D:
        return Line2D([], [], **{"color": INK, "ls": "", **style}, label=text)

    handles = [mark(look.text, **look.style) for look in looks.values()]
    handles.append(mark("Pareto front", ls="-", marker="o", lw=1.2))
    if any(row.result.design and not row.best for row in rows):
        handles.append(mark("not on it", marker="o", mfc="none"))
    if any(not row.result.design for row in rows):
        handles.append(mark("no design fits", marker="x"))
    if any(row.paper.top5 and row.result.design for row in rows):
        handles.append(mark("paper's top-5, float", marker="o", ms=12, mfc="none"))
    return handles
