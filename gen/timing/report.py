"""The estimate of a clock as tables."""

from __future__ import annotations

import re

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gen.timing.estimate import Estimate
from gen.timing.paths import Path

_TO_ACCELERATOR = re.compile(r"[\w.]*\.accelerator\.")
MOST_NETS = 5
"""Nets that are shown of those with the most loads."""
MOST_PINS = 3
"""Kinds of pins that are shown of each."""


def timing_report(found: Estimate, clock_hz: float) -> RenderableType:
    """What limits the clock, layer by layer, and whether it is too fast.

    Parameters
    ----------
    found : Estimate
    clock_hz : float
        Of the accelerator, as planned.
    """
    parts: list[RenderableType] = [
        Text("Clock, estimated before placement", "bold"),
        _layers(found),
        _summary(found),
        _nets(found),
    ]
    complaint = warning(found, clock_hz)
    if complaint is not None:
        parts.append(Text(complaint, "yellow"))
    return Group(*parts)


def warning(found: Estimate, clock_hz: float) -> str | None:
    """What to say of a clock that the estimate does not support; None if it does.

    Parameters
    ----------
    found : Estimate
    clock_hz : float
    """
    if clock_hz <= found.mhz * 1e6:
        return None
    path = found.slowest
    return (
        f"Warning: {clock_hz / 1e6:g} MHz are more than the {found.mhz:.1f} MHz that the estimate "
        f"supports; the slowest path is from {short(path.start)} to {short(path.end)}. Choose a "
        "lower --clock, or see what routing makes of it."
    )


def short(net: str) -> str:
    """A net's name without the way to the accelerator."""
    return _TO_ACCELERATOR.sub("", net)


def _layers(found: Estimate) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        caption="the slowest path that ends in each layer; a carry chain is one level; the largest "
        "fan-out on the way",
        caption_justify="left",
    )
    table.add_column("layer", overflow="fold")
    for title in ("ns", "wire", "levels", "carry bits", "fan-out"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("from", overflow="fold")
    table.add_column("to", overflow="fold")
    for layer, path in found.layers.items():
        table.add_row(
            Text(layer),
            f"{path.ns:.2f}",
            f"{path.wire_ns:.2f}",
            *(str(number) for number in (path.levels, path.carry_bits, path.widest)),
            Text(short(path.start)),
            Text(short(path.end)),
        )
    return table


def _summary(found: Estimate) -> Table:
    table = _pairs()
    table.add_row(
        "slowest", f"{found.ns:.2f} ns, with wires that are as long as they are on average"
    )
    table.add_row(
        "routed",
        f"{found.ns * found.routed:.2f} ns or {found.mhz:.1f} MHz are likely: {_experience(found)}",
    )
    others = list(found.clocks.items())[1:]
    for clock, path in others:
        table.add_row(Text(f"clock {short(clock)}"), f"{path.ns:.2f} ns")
    reset, cleared = (n / max(found.flip_flops, 1) for n in (found.reset, found.cleared))
    table.add_row(
        "flip-flops",
        f"{found.flip_flops}, {reset:.1%} of them with a reset; logic clears {cleared:.1%}",
    )
    return table


def _experience(found: Estimate) -> str:
    if found.error is None:
        return f"{found.routed:.2f} times the estimate, a guess until designs are routed to fit it"
    return (
        f"the designs that the estimate is fitted to took {found.routed:.2f} times it, within "
        f"{found.error:.1%}; others and other seeds differ more"
    )


def _nets(found: Estimate) -> Table:
    table = _pairs()
    for number, net in enumerate(found.fan_outs[:MOST_NETS]):
        pins = ", ".join(f"{count} {pin}" for pin, count in list(net.pins.items())[:MOST_PINS])
        title = "largest fan-outs" if number == 0 else ""
        table.add_row(title, Text(f"{net.loads}: {short(net.net)} ({pins})"))
    return table


def _pairs() -> Table:
    table = Table(show_header=False, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def path_table(path: Path) -> Table:
    """A path cell by cell."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("cell", no_wrap=True)
    for title in ("ns", "wire", "fan-out"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("net", overflow="fold")
    for hop in path.hops:
        times = f"{hop.cell_ns:.2f}", f"{hop.wire_ns:.2f}"
        table.add_row(hop.cell, *times, str(hop.fan_out), Text(short(hop.net)))
    table.add_row(path.port, f"{path.setup:.2f}", "", "", Text(short(path.end)))
    table.add_row("together", f"{path.ns:.2f}", f"{path.wire_ns:.2f}", "", "", style="bold")
    return table
