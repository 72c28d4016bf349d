"""``python -m host``: load a bitstream, verify it, classify photographs on a board, real or
simulated, and give it other weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from gen.common.console import ClassifyByDefault
from gen.common.options import with_options
from host.commands.bench import bench
from host.commands.classify import classify
from host.commands.info import info
from host.commands.program import program
from host.commands.serve import serve
from host.commands.stream import stream
from host.commands.update import update
from host.commands.verify import verify


class HostCommands(ClassifyByDefault):
    """Commands whose ``--udp`` needs no address, which Typer has no way to say."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give each ``--udp`` an address; an empty one if what follows is none."""
        return super().parse_args(ctx, list(_with_addresses(args)))


def _with_addresses(args: list[str]) -> Iterator[str]:
    for argument, following in zip(args, [*args, "--"][1:], strict=True):
        yield "--udp=" if argument == "--udp" and _is_no_address(following) else argument


def _is_no_address(argument: str) -> bool:
    return argument.startswith("-") or Path(argument).exists()


app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    cls=HostCommands,
    no_args_is_help=True,
    help="Classify photographs on a board, real or simulated. "
    "`classify` need not be named: `python -m host --sim build/arty_a7 cat.jpg`.",
)
app.command()(program)
for command in (verify, info, classify, stream, bench, update, serve):
    app.command()(with_options(command))
