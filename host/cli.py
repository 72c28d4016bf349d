"""``python -m host``: load a bitstream, verify it, and classify photographs on a board, real or
simulated.
"""

from __future__ import annotations

import typer

from gen.common.console import ClassifyByDefault
from gen.common.options import with_options
from host.commands.bench import bench
from host.commands.classify import classify
from host.commands.info import info
from host.commands.program import program
from host.commands.serve import serve
from host.commands.stream import stream
from host.commands.verify import verify

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="markdown",
    cls=ClassifyByDefault,
    no_args_is_help=True,
    help="Classify photographs on a board, real or simulated. "
    "`classify` need not be named: `python -m host --sim build/arty_a7 cat.jpg`.",
)
app.command()(program)
for command in (verify, info, classify, stream, bench, serve):
    app.command()(with_options(command))
