"""``report.html``: a plan on one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from gen.common.build_folder import BuildFolder
from gen.common.files import replacing
from gen.report import activation_charts, charts, comparison_charts
from gen.report.activations import held, noisiest
from gen.report.advice import better_link
from gen.report.comparison import Build, layer_cycles, rows
from gen.report.environment import environment, graph_context
from gen.report.figures import Figures
from gen.report.measured import Measured
from gen.report.roofline import roofline
from gen.report.svg import style
from protocol.coding.typical import COARSEST

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
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            graph_context(figures),
            synthesised=measured.synthesised,
            routed=measured.routed,
            observed=measured.observed,
            charts=_charts(figures, measured),
            shown=SHOWN_LABELS,
            named=NAMED,
            coarsest=COARSEST,
            better=better_link(figures),
            held=held(figures.network),
            noisiest=noisiest(figures.network),
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
        rows = held(figures.network)
        if rows:
            made.append(activation_charts.histograms(rows))
        if noisiest(figures.network) is not None:
            made.append(activation_charts.noise(rows))
        if measured.synthesised is not None:
            made.append(charts.synthesis(measured.synthesised, figures.uses))
            made.append(charts.clock(measured.synthesised.clock, figures.plan.clock_hz))
        if measured.observed is not None:
            made.append(charts.activity(measured.observed))
        return {chart.name: Markup(chart.svg()) for chart in made}
