"""Boards that answered a broadcast, for people and programs."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from gen.common.manifest import Manifest
from host.commands.output import print_line
from host.discovery import Found
from host.frame_exchange import UPDATING


def show_found(found: list[Found], known: Manifest | None, *, json: bool) -> None:
    """Print boards, a line each.

    Parameters
    ----------
    found : list of Found
    known : Manifest or None
        Of the build folder, which tells what its own network is called, and the board it is for.
    json : bool
    """
    entries = [_entry(board, known) for board in found]
    if json:
        for entry in entries:
            print_line(entry)
        return
    table = Table("address", "board", "network", "frame", "classes", "clock")
    for entry, board in zip(entries, found, strict=True):
        row = [board.place, entry.get("board", ""), entry.get("name", board.network)]
        if (info := board.info) is not None:
            row += [
                "x".join(map(str, info.shape)),
                str(info.classes),
                f"{info.clock_hz / 1e6:g} MHz",
            ]
        table.add_row(*row)
    console = Console()
    console.print(table)
    for board in found:
        if board.remark:
            console.print(f"{board.place}: {board.remark}", style="yellow", soft_wrap=True)
        if board.info is not None and board.info.updating:
            console.print(f"{board.place}: {UPDATING}", style="yellow", soft_wrap=True)


def _entry(board: Found, known: Manifest | None) -> dict[str, Any]:
    """A board for programs; what is not known of it is left out."""
    entry: dict[str, Any] = {"address": str(board.address), "port": board.port}
    if board.info is None:
        return entry | {"problem": board.problem}
    entry |= board.info.entry
    if known is not None and known.digest == board.info.digest:
        entry |= {"board": known.board, "name": known.network}
    return entry
