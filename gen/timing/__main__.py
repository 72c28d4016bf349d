"""``python -m gen.timing NETLIST.json``: the clock that a netlist of Yosys' is good for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from boards.board import TOP
from gen.common.console import run_app
from gen.timing.estimate import estimate, family_of
from gen.timing.netlist import read_netlist
from gen.timing.report import path_table, timing_report

app = typer.Typer(add_completion=False)


@app.command()
def show(
    netlist: Annotated[
        list[Path], typer.Argument(metavar="NETLIST.json", help="What write_json of Yosys wrote.")
    ],
    top: Annotated[str, typer.Option(help="Name of the top module.")] = TOP,
    clock: Annotated[
        float | None, typer.Option(metavar="MHZ", help="Warn if the estimate is below.")
    ] = None,
    paths: Annotated[int, typer.Option(help="Slowest paths to show cell by cell.")] = 3,
) -> None:
    """Estimate the clock of a netlist before it is placed, layer by layer."""
    design = read_netlist(netlist, top)
    found = estimate(design, family_of(design))
    console = Console()
    console.print(timing_report(found, 0 if clock is None else clock * 1e6))
    for path in found.paths[:paths]:
        console.print(path_table(path))


if __name__ == "__main__":
    run_app(app)
