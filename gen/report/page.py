"""``report.html``: a plan on one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gen.common.build_folder import BuildFolder
from gen.common.files import replacing
from gen.ir.ops import INPUT
from gen.report import charts, comparison_charts
from gen.report.advice import better_link
from gen.report.comparison import Build, layer_cycles, rows
from gen.report.figures import Figures
from gen.report.layout import BOX, lay_out
from gen.report.measured import Measured
from gen.report.roofline import roofline
from gen.report.rows import TITLES, Layer, Stream
from gen.report.svg import style
from gen.report.words import elided, number, printable
from protocol.coding.typical import COARSEST

WIDE, NARROW = 7, 2
"""Columns of the graph's bands on a screen, and on a telephone."""
TIMES = "\N{MULTIPLICATION SIGN}"
SHOWN_LABELS = 10
"""Class names that are shown of many."""
NAMED = 4
"""Slowest layers that are named of many."""


def write_report(figures: Figures, folder: BuildFolder) -> None:
    """Write a build folder's page, with what tools have found there so far.

    Raises
    ------
    FirebrickError
        If what they found cannot be read.
    OSError
        If the page cannot be written.
    """
    text = report_page(figures, Measured.load(folder))
    with replacing(folder.page) as file:
        file.write(text.encode())


def report_page(figures: Figures, measured: Measured) -> str:
    """The page as HTML.

    Parameters
    ----------
    figures : Figures
    measured : Measured
        What tools have found.
    """
    names = [layer.name for layer in figures.layers]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            figures=figures,
            layers={INPUT: None, **dict(zip(names, figures.layers, strict=True))},
            indices={name: index for index, name in enumerate(names, 1)},
            slowest=figures.plan.slowest,
            synthesised=measured.synthesised,
            routed=measured.routed,
            observed=measured.observed,
            charts=_charts(figures, measured),
            wide=lay_out(figures, WIDE),
            narrow=lay_out(figures, NARROW),
            size=BOX,
            shown=SHOWN_LABELS,
            named=NAMED,
            coarsest=COARSEST,
            better=better_link(figures),
        )
    )


def comparison_page(builds: Sequence[Build]) -> str:
    """Builds side by side, as HTML."""
    made = (comparison_charts.rates, comparison_charts.shares, comparison_charts.cycles)
    with style():
        drawn = {chart.name: Markup(chart.svg()) for chart in (make(builds) for make in made)}
    return (
        environment()
        .get_template("compare.html.j2")
        .render(builds=builds, rows=rows(builds), layers=layer_cycles(builds), charts=drawn)
    )


def _charts(figures: Figures, measured: Measured) -> dict[str, Markup]:
    """The charts by name, as elements of the page."""
    with style():
        made = [
            roofline(figures),
            charts.cycles(figures),
            charts.resources(figures),
            charts.weights(figures),
            charts.histograms(figures),
        ]
        if measured.synthesised is not None:
            made.append(charts.synthesis(measured.synthesised, figures.uses))
            made.append(charts.clock(measured.synthesised.clock, figures.plan.clock_hz))
        if measured.observed is not None:
            made.append(charts.activity(measured.observed))
        return {chart.name: Markup(chart.svg()) for chart in made}


@cache
def environment() -> Environment:
    """The templates, and what they write numbers and names with."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "digits": lambda value, places: f"{value:.{places}f}",
        "elided": elided,
        "layer_hint": _layer_hint,
        "number": number,
        "percent": lambda share: f"{share:.1%}",
        "printable": printable,
        "rate": lambda value: number(round(value, 1)),
        "shape": lambda shape: TIMES.join(map(str, shape)),
        "stream_hint": _stream_hint,
    }
    made.globals["titles"] = TITLES
    return made


def _layer_hint(layer: Layer) -> str:
    """All about a layer, for those who point at it."""
    lines = [f"{printable(layer.name)}: {layer.what}", f"output {_size(layer.shape)}"]
    if layer.folding is not None:
        lines.append(f"{number(layer.weights)} weights of {layer.folding.bits} bits")
        lines.append(f"{layer.multipliers} multipliers ({layer.folding.multiplier})")
        lines.append(f"memory of weights/window: {layer.folding.memories}")
    lines.append(f"{layer.lanes} channels a transfer")
    lines.append(f"{number(layer.cost.cycles)} cycles a frame")
    taken = asdict(layer.cost.resources)
    lines.append(", ".join(f"{taken[name]:g} {title}" for name, title in TITLES.items()))
    return "\n".join(lines)


def _stream_hint(stream: Stream) -> str:
    """All about a stream, for those who point at it."""
    tap = ", a pixel of each window" if stream.tap else ""
    lines = [
        f"{printable(stream.source)} to {printable(stream.target)}{tap}",
        f"{_size(stream.shape)} of {stream.bits} bits, {stream.lanes} channels a transfer",
    ]
    if stream.queued:
        wait = f", waits {stream.waits * 1e6:.1f} µs" if stream.waits else ""
        lines.append(f"queue of {stream.queued} pixels in {stream.memory} memory{wait}")
    return "\n".join(lines)


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
