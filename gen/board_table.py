"""``python -m gen boards``: the boards, what each has, and what is planned for it."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from boards import BOARDS
from boards.board import Board
from gen.backend.report import WIDTH
from gen.plan.planner import UTILISATION
from gen.plan.rates import choices

FIGURES = Path(__file__).with_name("board_figures.json")
"""What ``python -m bench boards`` planned, by board and network."""
NONE = "-"
"""In the place of what is not known."""
NETWORKS = ("default", "v1.1")
"""Those that are planned: the one that ships, and SqueezeNet v1.1."""


@dataclass(frozen=True)
class Planned:
    """What is planned of a network for a board.

    Attributes
    ----------
    link : str
        That it is planned with, as ``--link`` takes it.
    cycles : int
        A frame.
    frames_per_second : float
        Of the accelerator, whatever its link carries.
    utilisation : float
        Part of the LUTs that it is planned with.
    coded : bool
        Whether the board takes coded frames, too.
    resources : dict
        By name, as :class:`boards.board.Resources` has them.
    links : dict
        Raw frames a second that each link carries, by its name.
    bits : int or None
        A weight, where they were chosen.
    """

    link: str
    cycles: int
    frames_per_second: float
    utilisation: float
    coded: bool
    resources: dict[str, float]
    links: dict[str, float]
    bits: int | None = None


def stored_figures() -> dict[str, Any]:
    """What is kept of what was planned, by board; a board may be missing."""
    found: dict[str, Any] = json_format.loads(FIGURES.read_text())["boards"]
    return found


def board_entries() -> list[dict[str, Any]]:
    """What is known of each board, for programs."""
    figures = stored_figures()
    return [
        {
            "name": board.name,
            "title": board.title,
            "part": board.part,
            "clock_hz": board.clock_hz,
            "resources": asdict(board.resources),
            "links": [choice.name for choice in choices(board, board.clock_hz)],
            "planned": {name: figures.get(board.name, {}).get(name) for name in NETWORKS},
        }
        for board in BOARDS.values()
    ]


def boards(*, json: bool = False) -> None:
    """Show the boards, as a table or as JSON.

    Parameters
    ----------
    json : bool
    """
    if json:
        print(json_format.dumps(board_entries(), indent=2))
        return
    show(Console(), stored_figures())


def show(console: Console, figures: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the boards as a table.

    Parameters
    ----------
    console : Console
    figures : dict
        By board and network, as :func:`stored_figures` gives them.
    """
    if not console.is_terminal:
        console.width = max(WIDTH, console.width)
    console.print(_table(figures))


def _table(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """The boards, a row each."""
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    table.add_column("board", no_wrap=True)
    table.add_column("part", no_wrap=True)
    for title in ("LUT", "DSP", "RAMB36"):
        table.add_column(title, justify="right")
    table.add_column("links", no_wrap=True)
    table.add_column("carry, frames/s,\ndefault / v1.1", justify="right", no_wrap=True)
    table.add_column("default,\nframes/s", justify="right")
    table.add_column("v1.1,\nframes/s", justify="right")
    for board in BOARDS.values():
        table.add_row(*_row(board, figures.get(board.name, {})))
    return table


def _row(board: Board, planned: Mapping[str, Any]) -> tuple[str, ...]:
    has = board.resources
    links = [choice.name for choice in choices(board, board.clock_hz)]
    carried = [[_carried(planned.get(name), link) for name in NETWORKS] for link in links]
    return (
        board.name,
        board.part,
        str(has.lut),
        str(has.dsp),
        f"{has.bram36:g}",
        "\n".join(links),
        "\n".join(map(" / ".join, carried)),
        *(_rate(board, planned[name]) if name in planned else NONE for name in NETWORKS),
    )


def _carried(planned: Mapping[str, Any] | None, link: str) -> str:
    if not planned or link not in planned["links"]:
        return NONE
    rate = planned["links"][link]
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.3g}"


def _rate(board: Board, planned: Mapping[str, Any] | None) -> str:
    if planned is None:
        return "does\nnot fit"
    rate = f"{planned['frames_per_second']:.0f}"
    if board.phy is not None and planned["link"] == "uart":
        rate += "\non UART"
    if planned["bits"] is not None:
        rate += f"\n{planned['bits']} bits"
    if planned["utilisation"] != UTILISATION:
        rate += f"\n{planned['utilisation']:.0%} of LUTs"
    return rate
