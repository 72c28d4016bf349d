"""What a plan amounts to: tables of layers and totals, for the terminal and for ``report.txt``."""

from __future__ import annotations

import io
from collections.abc import Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from boards.board import Board, Resources
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD
from gen.plan.latency import Latency
from gen.plan.plan import Plan
from gen.report.advice import better_link
from gen.report.figures import Figures
from gen.report.rows import TITLES, Layer
from protocol.coding.typical import COARSEST

WIDTH = 124
"""Columns of ``report.txt``."""
WIDE = 105
"""Columns that the widest table needs."""
NAMED = 3
"""Most of the slowest layers that are named."""


def text_report(network: QuantizedNetwork, plan: Plan, board: Board) -> str:
    """The whole report in plain text.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan
        Of that network.
    board : Board
        That it was planned for.

    Returns
    -------
    str
        Lines of up to :data:`WIDTH` columns.
    """
    return plain_text(report(network, plan, board))


def plain_text(tables: RenderableType) -> str:
    """Tables as a file has them: lines of up to :data:`WIDTH` columns."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=WIDTH, color_system=None, force_terminal=False)
    console.print(tables)
    lines = (line.rstrip() for line in buffer.getvalue().splitlines())
    return "\n".join(lines) + "\n"


def report(
    network: QuantizedNetwork, plan: Plan, board: Board, width: int = WIDTH
) -> RenderableType:
    """Layers, totals against the board's budget, and rates.

    Each layer's resources are shown where there is room for them.

    Parameters
    ----------
    network : QuantizedNetwork
    plan : Plan
        Of that network.
    board : Board
        That it was planned for.
    width : int
        Columns of what it is printed on.
    """
    figures = Figures(network, plan, board)
    parts = (
        (f"{network.name} on {plan.board}", layers_table(figures, resources=width >= WIDE)),
        *waiting_tables(figures),
        (f"{board.title} ({board.part})", totals_table(figures)),
        ("Network", network_table(network)),
        ("Rates", _rates(figures)),
        ("Links", _links(figures)),
    )
    # Titles of their own, since those of tables are wrapped to the table's width.
    titled = ((Text(title, "bold"), table) for title, table in parts)
    return Group(*(item for pair in titled for item in pair))


def layers_table(figures: Figures, *, resources: bool, around: str = BOARD) -> Table:
    """A line for each layer, and one for what is around the accelerator.

    Parameters
    ----------
    figures : Figures
    resources : bool
        Whether there is room for each one's.
    around : str
        What to call the last one.
    """
    slowest = figures.plan.slowest
    table = plain_table(
        caption="bits stored>multiplied; cycles a frame, the slowest in bold; what multiplies; "
        "memory of weights/window\n"
    )
    table.add_column("layer", overflow="fold")
    for name in ("shape", "weights", "bits", "pe", "simd", "cycles"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("by", "memory"):
        table.add_column(name, no_wrap=True)
    for title in TITLES.values() if resources else ():
        table.add_column(title, justify="right", no_wrap=True)
    for layer in figures.layers:
        style = "bold" if layer.name in slowest else None
        shape = "x".join(str(size) for size in layer.shape)
        numbers = _numbers(layer.cost.resources) if resources else ()
        table.add_row(Text(layer.name), shape, *_engine(layer), *numbers, style=style)
    shell = figures.shell
    numbers = _numbers(shell.resources) if resources else ()
    style = "bold" if BOARD in slowest else "dim"
    table.add_row(around, *[""] * 5, str(shell.cycles), "", "", *numbers, style=style)
    return table


def plain_table(*, caption: str | None = None, header: bool = True) -> Table:
    """An empty table as all of a report are."""
    return Table(
        caption=caption,
        caption_justify="left",
        show_header=header,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def _engine(layer: Layer) -> tuple[str, ...]:
    """Cells from weights to memory."""
    cycles, folding = str(layer.cost.cycles), layer.folding
    if folding is None:
        return "", "", "", "", cycles, "", ""
    return (
        str(layer.weights),
        folding.bits,
        str(folding.pe),
        str(folding.simd),
        cycles,
        folding.multiplier,
        folding.memories,
    )


def _numbers(resources: Resources) -> tuple[str, ...]:
    return tuple(f"{getattr(resources, name):g}" for name in TITLES)


def waiting_tables(figures: Figures) -> Iterator[tuple[str, Table]]:
    """The queues where paths rejoin, if there are any that wait for a longer path."""
    table = plain_table(
        caption="pixels of room; the longest that one waits, as analysed; its memory\n"
    )
    table.add_column("input of", overflow="fold")
    table.add_column("queued behind", overflow="fold")
    for name in ("pixels", "waits us", "transfers", "lanes", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    for stream in figures.waiting:
        times = str(stream.queued), f"{stream.waits * 1e6:.1f}"
        words = str(stream.transfers), str(stream.queue_lanes), stream.memory
        table.add_row(Text(stream.target), Text(stream.tensor), *times, *words)
    if table.row_count:
        yield "Queues where paths rejoin", table


def totals_table(figures: Figures) -> Table:
    """What is planned of each resource, of what there is."""
    table = plain_table()
    for name in ("resource", "planned", "available", "used"):
        table.add_column(name, justify="left" if name == "resource" else "right")
    for use in figures.uses:
        table.add_row(use.title, f"{use.used:g}", f"{use.available:g}", f"{use.share:.1%}")
    return table


def network_table(network: QuantizedNetwork) -> Table:
    """Where the network comes from, and its size."""
    table = plain_table(header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for about, text in network.source.items():
        table.add_row(Text(about), Text(text))
    table.add_row("weights", f"{network.weight_count} in {network.weight_bit_count} bits")
    table.add_row("work", f"{network.macs} multiply-accumulates a frame")
    return table


def _rates(figures: Figures) -> Table:
    table = plain_table(header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    plan = figures.plan
    table.add_row("multipliers", f"{figures.multipliers}, busy {figures.busy:.1%} of the time")
    table.add_row(
        "accelerator",
        f"{plan.cycles} cycles a frame at {plan.clock_hz / 1e6:g} MHz: "
        f"{plan.frames_per_second:.1f} frames/s (slowest: {escape(some_names(plan.slowest))})",
    )
    link = figures.link
    table.add_row("link", f"{link.name}: {link.raw:.1f} frames/s")
    if link.coded is not None:
        rate = f"{link.coded:.1f} frames/s of photographs, without loss"
        table.add_row("coded frames", rate)
    table.add_row("what limits", figures.what_limits)
    if better := better_link(figures):
        table.add_row("", better)
    table.add_row("latency", latency_words(figures.latency))
    if plan.headroom:
        table.add_row("a tenth more of", more_words(figures))
    if figures.who_updates:
        table.add_row("new weights", figures.who_updates)
    if figures.fixed:
        table.add_row("with fixed ones", figures.fixed)
    return table


def latency_words(found: Latency) -> str:
    """Where the time goes from the last pixel sent to the classes received."""
    split = ", ".join(f"{name} {1e3 * seconds:.3f}" for name, seconds in found.parts.items())
    return f"{1e3 * found.total:.3f} ms from the last packet sent to the classes: {split}"


def _links(figures: Figures) -> Table:
    """A line for each link that the board could have."""
    table = plain_table(
        caption="frames/s; coded as photographs are on average, without loss and with the largest "
        "steps that keep some 97 % of their classes; latency from the last packet sent; bold: this "
        "one\n"
    )
    table.add_column("link", no_wrap=True)
    table.add_column("with", no_wrap=True)
    for name in ("raw", "lossless", f"steps {COARSEST.option}", "latency ms"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in figures.links:
        rates = (f"{rate:.1f}" for rate in row.ways.values())
        wait = f"{1e3 * row.latency.total:.3f}"
        style = "bold" if row.chosen else None
        table.add_row(row.name, row.options, *rates, wait, style=style)
    return table


def some_names(names: list[str]) -> str:
    """The names, or the first of many."""
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def more_words(figures: Figures) -> str:
    """In words: what a tenth more of each resource would bring."""
    gains = [
        f"{title} {rate:.1f}"
        for title, rate in figures.headroom.items()
        if rate > figures.plan.frames_per_second
    ]
    return f"{', '.join(gains)} frames/s" if gains else "anything on the chip: nothing"
