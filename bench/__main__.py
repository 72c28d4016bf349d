"""``python -m bench``: measure what the README claims."""

from __future__ import annotations

import importlib
import json as json_format
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from gen.common.console import run_app
from gen.common.errors import FirebrickError
from gen.common.files import replacing

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

BENCHMARKS = (
    "chain",
    "accuracy",
    "synth",
    "calibrate",
    "fill",
    "fmax",
    "faults",
    "link",
    "sizes",
    "qdq",
)
"""Modules of this package with ``run(console, shared, limit) -> dict``; their first line tells."""

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@app.command()
def bench(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which one; none lists them.")
    ] = None,
    json: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the figures to this file.")
    ] = None,
    shared: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Folder with `models`, `imagenet` and `cifar10`."),
    ] = _SHARED,
    limit: Annotated[
        int | None, typer.Option(min=2, help="Use only about so many images of each set.")
    ] = None,
) -> None:
    """Run a benchmark and table its figures."""
    console = Console()
    if name is None:
        console.print(_list())
        return
    if name not in BENCHMARKS:
        raise FirebrickError(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")
    if json is not None and not json.absolute().parent.is_dir():
        raise FirebrickError(f"{json}: cannot write there, no such folder")
    try:
        figures = _module(name).run(console, shared, limit)
    except FileNotFoundError as error:
        raise FirebrickError(
            f"{error.filename}: missing; point --shared at the folder with the networks and images"
        ) from None
    if json is not None:
        text = json_format.dumps({name: figures}, indent=2, default=asdict) + "\n"
        with replacing(json) as file:
            file.write(text.encode())
        console.print(f"written to {json}")


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


def _list() -> Table:
    table = Table("benchmark", "what it measures", title="python -m bench NAME")
    table.title_justify = "left"
    for name in BENCHMARKS:
        table.add_row(name, (_module(name).__doc__ or "").splitlines()[0])
    return table


if __name__ == "__main__":
    run_app(app)
