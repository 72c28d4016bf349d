"""``python -m host info``: what a board is."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from host.commands.found import show_found
from host.commands.output import Json, print_line
from host.discovery import discover
from host.open import open_board
from host.options import BoardOptions
from protocol.messages import DeviceInfo, Statistics
from protocol.packets import VERSION


def info(
    options: BoardOptions,
    *,
    json: Json = False,
) -> None:
    """Say what a board is and how it has been doing; with `--udp` alone, which boards there are.

    Boards on the network answer a broadcast, also those that other hosts use, whom it does not
    disturb; so do simulated ones on this machine.

    Examples:

    - Which boards are there? `python -m host info --udp`

    - How does one do? `python -m host info --udp 192.168.1.50`, or `--port /dev/ttyUSB1`
    """
    if (port := options.looked_for) is not None:
        show_found(discover(port, options.timeout), options.manifest(), json=json)
        return
    with open_board(options, None) as board:
        about, statistics = board.info(), board.stats()
    stalls = dict(zip(_layers(options, about), statistics.stall_cycles(), strict=True))
    entry: dict[str, Any] = {"protocol": VERSION, **about.entry}
    entry |= {**vars(statistics), "stalls": stalls}
    if json:
        print_line(entry)
        return
    console = Console()
    console.print(about_table(about, statistics))
    waited = {name: cycles for name, cycles in stalls.items() if cycles}
    if waited:
        table = Table("layer", "stalled for about", title="outputs that waited for the next layer")
        for name, cycles in waited.items():
            table.add_row(name, f"{cycles} cycles")
        console.print(table)
    elif stalls:
        console.print("No layer's output has waited for the next layer.")


def about_table(about: DeviceInfo, statistics: Statistics) -> Table:
    """What a board is and how it does, for people."""
    table = Table(show_header=False)
    frame = f"{about.height}x{about.width}x{about.channels} bytes"
    rows = {
        "network": about.digest.hex(),
        "frame, classes": f"{frame}, {about.classes} classes",
        "clock": f"{about.clock_hz / 1e6:g} MHz",
        "protocol version": VERSION,
        "takes ahead": f"{about.frames} frames, {about.credits} packets of {about.chunk} bytes",
        "takes frames": "raw and coded" if about.coded else "raw",
        "frames answered": statistics.answered,
        "frames refused": f"{statistics.refused} (coded and malformed, or during an update)",
        "frames in flight": statistics.in_flight,
        "last frame took": f"{statistics.cycles} cycles" if statistics.answered else "-",
        "pixels waited for": f"{statistics.stalled} cycles",
        "packets damaged": statistics.bad,
        "packets dropped": f"{statistics.dropped} (whole, but not the next one, or without credit)",
        "lost on the line": f"{statistics.lost} bytes or datagrams",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _layers(options: BoardOptions, about: DeviceInfo) -> list[str]:
    """Names of the board's layers, if the build folder has its network; else numbers."""
    network = options.network() if options.has_network() else None
    if network is None or network.digest != about.digest:
        return [str(index) for index in range(about.streams)]
    return [op.name for op in network.ops]
