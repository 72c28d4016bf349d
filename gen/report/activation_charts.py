"""The charts of what a network's tensors held for some frames."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np

from gen.report.activations import Held
from gen.report.charts import SMALL, legend, rows_chart
from gen.report.svg import FAINT, INK, LIMIT, REST, WORK, Chart

DECADES = 4
"""Powers of ten that a row's height stands for."""
TALL = 0.84
"""Of a row, the part that its histogram may fill."""
CODES = 4
"""Codes that are drawn as one step, as high as the most frequent of them."""
END = 0.012
"""Width of the mark of a saturated end, as a part of the range of codes."""


def histograms(rows: Sequence[Held]) -> Chart:
    """How often each code occurs in each tensor."""
    rows = [row for row in rows if row.counts]
    chart = rows_chart(
        "activations", "Histogram of each layer's activations", [row.name for row in rows]
    )
    axes = chart.axes
    for place, row in enumerate(rows):
        _histogram(chart, place, row)
    axes.set_xlim(-0.02, 1.02)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["lowest", "", "", "", "highest"])
    axes.set_xlabel("codes of 8 bits; a quarter of a row's height is a factor of ten",
                    fontsize=SMALL)  # fmt: skip
    legend(axes, (("of weights", WORK), ("others", REST), ("saturated", LIMIT), ("zero", INK)))
    return chart


def _histogram(chart: Chart, place: int, row: Held) -> None:
    """A row: steps of codes, marks at saturated ends, and a line at zero."""
    counts = np.array(row.counts).reshape(-1, CODES).max(axis=1)
    floor, most = place + TALL / 2, counts.max()
    edges = np.linspace(0, 1, len(counts) + 1)
    colour = WORK if row.weighed else REST
    heights = floor - TALL * _height(counts / most)
    shape = chart.axes.stairs(heights, edges, baseline=floor, fill=True, color=colour)
    chart.hint(shape, _told(row))
    total = sum(row.counts)
    for share, left in ((row.bottom, -END), (row.top, 1.0)):
        if share:
            tall = TALL * _height(np.array(share * total / most))
            chart.axes.bar(left, -tall, END, floor, align="edge", color=LIMIT)
    zero = (row.tensor.zero - row.tensor.low + 0.5) / len(row.counts)
    chart.axes.plot([zero, zero], [floor, floor + 0.1], color=INK, linewidth=1.0)


def _height(parts: np.ndarray) -> np.ndarray:
    """Parts of the largest count, as parts of a row's height."""
    return np.clip(1 + np.log10(np.maximum(parts, 10.0**-DECADES)) / DECADES, 0, 1)


def _told(row: Held) -> str:
    return (
        f"{row.name}: {row.used} of {len(row.counts)} codes used, {row.zeros:.1%} zeros, "
        f"{row.saturated:.2%} saturated"
    )


def noise(rows: Sequence[Held]) -> Chart:
    """The signal-to-noise ratio of each layer, as far as it is a number."""
    known = [(row, row.decibels) for row in rows if row.decibels is not None]
    known = [(row, ratio) for row, ratio in known if isfinite(ratio)]
    chart = rows_chart("noise", "Signal to noise of each layer", [row.name for row, _ in known])
    least = min((ratio for _, ratio in known), default=0.0)
    for place, (row, ratio) in enumerate(known):
        colour = LIMIT if ratio == least else WORK if row.weighed else REST
        [bar] = chart.axes.barh(place, ratio, 0.72, color=colour)
        chart.hint(bar, f"{row.name}: {ratio:.1f} dB")
    chart.axes.axvline(0, color=FAINT, linewidth=1.0)
    chart.axes.set_xlabel("dB, of 8-bit codes against the float network", fontsize=SMALL)
    legend(chart.axes, (("of weights", WORK), ("others", REST), ("lowest", LIMIT)))
    return chart
