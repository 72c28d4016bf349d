"""What commands print alike."""

from __future__ import annotations

import json
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

Number = TypeVar("Number", int, float)
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line an item.")]


def print_line(entry: dict[str, Any]) -> None:
    """Print an item as a line of JSON."""
    print(json.dumps(entry), flush=True)


def keys(counts: dict[str, Number]) -> dict[str, Number]:
    """Figures that are named for people, named for JSON."""
    return {name.replace(" ", "_"): count for name, count in counts.items()}


def tell_losses(console: Console, losses: dict[str, int]) -> None:
    """Say what went wrong on the link, if anything did."""
    told = [f"{name} {count}" for name, count in losses.items() if count]
    if told:
        text = f"The link is not clean: {', '.join(told)}; no answer is wrong for it."
        console.print(text, style="yellow", soft_wrap=True)
