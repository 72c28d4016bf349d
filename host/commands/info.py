"""``python -m host info``: what a board is."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from gen.ir.network import QuantizedNetwork
from host.commands.found import show_found
from host.commands.output import Json, print_line
from host.discovery import discover
from host.frame_exchange import UPDATING
from host.open import open_board
from host.options import BoardOptions
from protocol.messages import DeviceInfo, Statistics
from protocol.packets import VERSION

_OF_PACKETS = ("chunk", "credits", "coded")
"""What is told of a board, and means nothing of an overlay."""


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

    - What does a core on a Zynq hold? `python -m host info --pynq firebrick.bit`
    """
    if (port := options.looked_for) is not None:
        show_found(discover(port, options.timeout), options.manifest(), json=json)
        return
    known = _known(options)
    with open_board(options, None) as board:
        about, statistics = board.info(), board.stats()
    fits = bool(known) and about.memories > 0 and options.structure() == about.structure
    stalls = dict(zip(_layers(known, about, fits=fits), statistics.stall_cycles(), strict=True))
    held = _held(known, about) if fits else None
    own = {} if held is None else {"holds_build": about.digest == known[0].digest}
    if board.in_packets:
        entry = {"protocol": VERSION, **about.entry, **own, **vars(statistics)}
        table = about_table(about, statistics, held)
    else:
        entry = {name: v for name, v in about.entry.items() if name not in _OF_PACKETS} | own
        table = core_table(about, held)
    if json:
        print_line(entry | {"stalls": stalls})
        return
    console = Console()
    console.print(table)
    if about.updating:
        console.print(f"{UPDATING[0].upper()}{UPDATING[1:]}.", style="yellow", soft_wrap=True)
    waited = {name: cycles for name, cycles in stalls.items() if cycles}
    if waited:
        table = Table("layer", "stalled for about", title="outputs that waited for the next layer")
        for name, cycles in waited.items():
            table.add_row(name, f"{cycles} cycles")
        console.print(table)
    elif stalls:
        console.print("No layer's output has waited for the next layer.")


def about_table(about: DeviceInfo, statistics: Statistics, held: str | None = None) -> Table:
    """What a board is and how it does, for people.

    Parameters
    ----------
    about : DeviceInfo
    statistics : Statistics
    held : str or None
        What is known of the network that it holds.
    """
    rows = {
        **_network_rows(about, held),
        "protocol version": VERSION,
        "takes ahead": f"{about.frames} frames, {about.credits} packets of {about.chunk} bytes",
        "takes frames": "raw and coded" if about.coded else "raw",
        "contents": _contents(about),
        "frames answered": statistics.answered,
        "frames refused": f"{statistics.refused} (coded and malformed, or during an update)",
        "frames in flight": statistics.in_flight,
        "last frame took": f"{statistics.cycles} cycles" if statistics.answered else "-",
        "pixels waited for": f"{statistics.stalled} cycles",
        "packets damaged": statistics.bad,
        "packets dropped": f"{statistics.dropped} (whole, but not the next one, or without credit)",
        "lost on the line": f"{statistics.lost} bytes or datagrams",
    }
    return _table(rows)


def core_table(about: DeviceInfo, held: str | None = None) -> Table:
    """What the core of an overlay is, for people; there are no packets, and opening resets counts.

    Parameters
    ----------
    about : DeviceInfo
    held : str or None
        What is known of the network that it holds.
    """
    rows = {
        **_network_rows(about, held),
        "takes ahead": f"{about.frames} frames",
        "contents": _contents(about),
    }
    return _table(rows)


def _network_rows(about: DeviceInfo, held: str | None) -> dict[str, object]:
    """What is computed, and how fast."""
    frame = f"{about.height}x{about.width}x{about.channels} bytes"
    return {
        "network": about.digest.hex() + (f" ({held})" if held else ""),
        "frame, classes": f"{frame}, {about.classes} classes",
        "clock": f"{about.clock_hz / 1e6:g} MHz",
        **({"structure": about.structure.hex()} if about.memories else {}),
    }


def _table(rows: dict[str, object]) -> Table:
    table = Table(show_header=False)
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _contents(about: DeviceInfo) -> str:
    """Whether what memories hold can be updated, and how that stands."""
    if not about.memories:
        return "fixed"
    who = "with its key" if about.keyed else "by anyone"
    way = "is not complete" if about.updating else "is the last one"
    begun = f"update {about.counter} {way}" if about.counter else "not updated yet"
    return f"can be updated {who} ({about.memories} memories); {begun}"


def _known(options: BoardOptions) -> list[QuantizedNetwork]:
    """The build's network, if there is a folder, and that of ``--network``, if there is one."""
    if not options.has_network() and options.updated is None:
        return []
    build = options.build_network()
    return [build] if options.updated is None else [build, options.network()]


def _held(known: list[QuantizedNetwork], about: DeviceInfo) -> str:
    """Which network an updatable board of the build holds."""
    if about.digest == known[0].digest:
        return f"the build's, {known[0].name}"
    names = (network.name for network in known if network.digest == about.digest)
    return next(names, "not the build's: it was updated")


def _layers(known: list[QuantizedNetwork], about: DeviceInfo, *, fits: bool) -> list[str]:
    """Names of the board's layers, if the build is known to be its; else numbers.

    Parameters
    ----------
    known : list of QuantizedNetwork
    about : DeviceInfo
    fits : bool
        The board can be updated, and is the build's whatever it holds.
    """
    if not (fits or (known and known[0].digest == about.digest)):
        return [str(index) for index in range(about.streams)]
    return [op.name for op in known[0].ops]
