"""What a plan amounts to: tables of layers and totals, for the terminal and for ``report.txt``."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import fields

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from boards.board import Board, Resources
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD
from gen.nodes.graph import Graph
from gen.nodes.node import Node
from gen.plan.link import LOSSLESS, link_frames_per_second, link_name
from gen.plan.plan import Plan
from gen.plan.queues import waits

WIDTH = 124
"""Columns of ``report.txt``."""
WIDE = 105
"""Columns that the widest table needs."""
NAMED = 3
"""Most of the slowest layers that are named."""
_TITLES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "RAMB36"}


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
    graph = Graph.of(network)
    layers = _layers(network, graph, plan, resources=width >= WIDE)
    parts = (
        (f"{network.name} on {plan.board}", layers),
        *_waiting(graph, plan),
        (f"{board.title} ({board.part})", _totals(plan, board)),
        ("Network", _about(network)),
        ("Rates", _rates(network, graph, plan, board)),
    )
    # Titles of their own, since those of tables are wrapped to the table's width.
    titled = ((Text(title, "bold"), table) for title, table in parts)
    return Group(*(item for pair in titled for item in pair))


def _layers(network: QuantizedNetwork, graph: Graph, plan: Plan, *, resources: bool) -> Table:
    table = _table(
        caption="bits stored>multiplied; cycles a frame, the slowest in bold; what multiplies; "
        "memory of weights/window\n"
    )
    table.add_column("layer", overflow="fold")
    for name in ("shape", "weights", "bits", "pe", "simd", "cycles"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("by", "memory"):
        table.add_column(name, no_wrap=True)
    for title in _TITLES.values() if resources else ():
        table.add_column(title, justify="right", no_wrap=True)
    for op in network.ops:
        cost = plan.costs[op.name]
        style = "bold" if op.name in plan.slowest else None
        shape = "x".join(str(size) for size in network.tensors[op.name].shape)
        numbers = _numbers(cost.resources) if resources else ()
        table.add_row(Text(op.name), shape, *_engine(graph[op.name], plan), *numbers, style=style)
    board = plan.costs[BOARD]
    numbers = _numbers(board.resources) if resources else ()
    style = "bold" if BOARD in plan.slowest else "dim"
    table.add_row(BOARD, *[""] * 5, str(board.cycles), "", "", *numbers, style=style)
    return table


def _table(*, caption: str | None = None, header: bool = True) -> Table:
    return Table(
        caption=caption,
        caption_justify="left",
        show_header=header,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )


def _engine(node: Node, plan: Plan) -> tuple[str, ...]:
    """Cells from weights to memory."""
    cycles, folding = str(plan.costs[node.name].cycles), node.folding(plan.nodes[node.name])
    if folding is None:
        return "", "", "", "", cycles, "", ""
    return (
        str(node.weight_count),
        folding.bits,
        str(folding.pe),
        str(folding.simd),
        cycles,
        folding.multiplier,
        folding.memories,
    )


def _numbers(resources: Resources) -> tuple[str, ...]:
    return tuple(f"{getattr(resources, name):g}" for name in _TITLES)


def _waiting(graph: Graph, plan: Plan) -> Iterator[tuple[str, Table]]:
    """The queues where paths rejoin, if there are any that wait for a longer path."""
    found = waits(graph, plan.cycles, plan.nodes)
    table = _table(caption="pixels of room; the longest that one waits, as analysed; its memory\n")
    table.add_column("input of", overflow="fold")
    table.add_column("queued behind", overflow="fold")
    for name in ("pixels", "waits us", "transfers", "lanes", "memory"):
        table.add_column(name, justify="right", no_wrap=True)
    for edge in (edge for edges in graph.edges.values() for edge in edges):
        queue = plan.queues.get(edge.name)
        if queue is not None and found[queue.join].pixels:
            longest = found[queue.join].cycles / plan.clock_hz * 1e6
            numbers = str(queue.pixels), f"{longest:.1f}", str(queue.depth), str(queue.lanes)
            table.add_row(Text(edge.target), Text(edge.tensor), *numbers, queue.memory)
    if table.row_count:
        yield "Queues where paths rejoin", table


def _totals(plan: Plan, board: Board) -> Table:
    table = _table()
    for name in ("resource", "planned", "available", "used"):
        table.add_column(name, justify="left" if name == "resource" else "right")
    total = plan.resources
    for item in fields(Resources):
        used, available = getattr(total, item.name), getattr(board.resources, item.name)
        share = f"{used / available:.1%}"
        table.add_row(_TITLES[item.name], f"{used:g}", f"{available:g}", share)
    return table


def _about(network: QuantizedNetwork) -> Table:
    """Where the network comes from, and its size."""
    table = _table(header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for about, text in network.source.items():
        table.add_row(Text(about), Text(text))
    table.add_row("weights", f"{network.weight_count} in {network.weight_bit_count} bits")
    table.add_row("work", f"{network.macs} multiply-accumulates a frame")
    return table


def _rates(network: QuantizedNetwork, graph: Graph, plan: Plan, board: Board) -> Table:
    table = _table(header=False)
    table.add_column(no_wrap=True)
    table.add_column()
    busy = graph.multipliers(plan.nodes)
    raw = link = link_frames_per_second(network, board)
    if board.coded:
        link = max(link, link_frames_per_second(network, board, part=LOSSLESS))
    own = plan.frames_per_second
    table.add_row(
        "multipliers", f"{busy}, busy {network.macs / plan.cycles / busy:.1%} of the time"
    )
    table.add_row(
        "accelerator",
        f"{plan.cycles} cycles a frame at {plan.clock_hz / 1e6:g} MHz: {own:.1f} frames/s "
        f"(slowest: {escape(_some(plan.slowest))})",
    )
    table.add_row("link", f"{link_name(board)}: {raw:.1f} frames/s")
    if board.coded:
        table.add_row("coded frames", f"{link:.1f} frames/s of photographs, without loss")
    if link <= own:
        limit = "the link; the accelerator takes every byte as it comes"
    else:
        limit = "the accelerator; the host sends no more than it has room for"
    table.add_row("what limits", limit)
    if plan.headroom:
        table.add_row("a tenth more of", _more(plan))
    return table


def _some(names: list[str]) -> str:
    """The names, or the first of many."""
    if len(names) <= NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:NAMED])} and {len(names) - NAMED} more"


def _more(plan: Plan) -> str:
    """What a tenth more of each resource would bring."""
    rates = {name: plan.clock_hz / cycles for name, cycles in plan.headroom.items()}
    gains = [
        f"{_TITLES.get(name, name)} {rate:.1f}"
        for name, rate in rates.items()
        if rate > plan.frames_per_second
    ]
    return f"{', '.join(gains)} frames/s" if gains else "anything on the chip: nothing"
