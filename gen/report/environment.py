"""The templates of pages, how they write numbers, names and hints, and what the graph draws."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gen.ir.ops import INPUT
from gen.report.figures import Figures
from gen.report.layout import BOX, lay_out
from gen.report.rows import TITLES, Layer, Stream
from gen.report.words import elided, number, printable

WIDE, NARROW = 7, 2
"""Columns of the graph's bands on a screen, and on a telephone."""
LEAST = 1e-4
"""Smallest part of codes that is told as a number."""
TIMES = "\N{MULTIPLICATION SIGN}"
TEMPLATES = Path(__file__).parent / "templates"


@cache
def environment() -> Environment:
    """The templates, and what they write numbers and names with."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "decibels": _decibels,
        "digits": lambda value, places: f"{value:.{places}f}",
        "elided": elided,
        "layer_hint": _layer_hint,
        "number": number,
        "percent": lambda share: f"{share:.1%}",
        "printable": printable,
        "rate": lambda value: number(round(value, 1)),
        "share": _share,
        "shape": lambda shape: TIMES.join(map(str, shape)),
        "stream_hint": _stream_hint,
    }
    made.globals["titles"] = TITLES
    return made


def graph_context(figures: Figures) -> dict[str, Any]:
    """What the template of the graph draws."""
    names = [layer.name for layer in figures.layers]
    return {
        "figures": figures,
        "layers": {INPUT: None, **dict(zip(names, figures.layers, strict=True))},
        "indices": {name: index for index, name in enumerate(names, 1)},
        "slowest": figures.plan.slowest,
        "size": BOX,
        "wide": lay_out(figures, WIDE),
        "narrow": lay_out(figures, NARROW),
    }


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


def _share(share: float) -> str:
    """A small part of codes; nothing if there are none."""
    return "" if not share else f"{share:.2%}" if share >= LEAST else f"<{LEAST:.2%}"


def _decibels(ratio: float | None) -> str:
    """A ratio, as far as it is known."""
    return "" if ratio is None else f"{ratio:.1f}" if isfinite(ratio) else "exact"


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
