"""``python -m bench``: measure what the README claims."""

from __future__ import annotations

import importlib
import json as json_format
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.results import RESULTS, Result, commit
from gen.common.console import WRONG
from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.outputs import check_output

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")

BENCHMARKS = (
    "chain",
    "accuracy",
    "coding",
    "synth",
    "netlist",
    "calibrate",
    "fill",
    "fmax",
    "wires",
    "faults",
    "link",
    "feed",
    "c_driver",
    "sizes",
    "family",
    "explore",
    "boards",
    "graph",
    "qdq",
    "serve",
    "core",
    "update",
)
"""Modules of this package with ``run(console, shared, limit) -> dict``; their first line tells."""

CHOOSING = ("accuracy", "link")
"""Of these, those whose ``run`` takes ``only``, patterns of the titles of cases to measure."""

NAMES = (*BENCHMARKS, "same", "wild")
"""All that there are."""

_SHARED = Path(__file__).resolve().parents[2] / "shared"
_FEW = 2
"""Images and frames of ``all --quick``."""

Json = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Also write the figures to this file.")
]
Shared = Annotated[
    Path, typer.Option(metavar="DIR", help="Folder with `models`, `imagenet` and `cifar10`.")
]
Limit = Annotated[
    int | None, typer.Option(min=2, help="Use only about so many images of each set.")
]
Only = Annotated[
    list[str] | None,
    typer.Option(metavar="PATTERN", help="Only cases whose titles match, say 'v1.1*'; several go."),
]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Also keep the result in this folder, as `all`.")
]


@app.callback(invoke_without_command=True)
def measure(context: typer.Context) -> None:
    """Run a benchmark and table its figures; list them all without a name."""
    if context.invoked_subcommand is None:
        Console().print(_list())


def bench(
    name: str,
    json: Path | None,
    shared: Path,
    limit: int | None,
    out: Path | None = None,
    only: Sequence[str] | None = None,
) -> None:
    """Run a benchmark of :data:`BENCHMARKS` and table its figures.

    Parameters
    ----------
    name : str
    json : Path or None
        Also write the figures to this file.
    shared : Path
        Folder of networks and images.
    limit : int or None
        Use only about so many images of each set.
    out : Path or None
        Also keep the result in this folder.
    only : sequence of str or None
        Patterns of the titles of cases to measure, for one of :data:`CHOOSING`; all if None.

    Raises
    ------
    FirebrickError
        If a file is missing or cannot be written.
    """
    if json is not None:
        check_output(json)
    console, version = Console(), commit()
    chosen = {"only": tuple(only)} if only else {}
    figures = _figures(name, console, shared, limit, **chosen)
    _write(console, json, {name: figures})
    if out is not None:
        patterns = [word for pattern in only or () for word in ("--only", pattern)]
        _save(console, name, out, figures, version, limit, patterns)


def _figures(
    name: str, console: Console, shared: Path, limit: int | None, **options: object
) -> dict[str, Any]:
    """Run a benchmark.

    Parameters
    ----------
    name : str
    console : Console
    shared : Path
    limit : int or None
    options : object

    Raises
    ------
    FirebrickError
        If a file is missing, or as the benchmark does.
    """
    try:
        figures: dict[str, Any] = _module(name).run(console, shared, limit, **options)
    except FileNotFoundError as error:
        raise FirebrickError(
            f"{error.filename}: missing; point --shared at the folder with the networks and images"
        ) from None
    return figures


def _save(
    console: Console,
    name: str,
    out: Path,
    figures: dict[str, Any],
    version: str,
    limit: int | None,
    options: Sequence[str] = (),
) -> None:
    """Keep a benchmark's figures as a result.

    Parameters
    ----------
    console : Console
    name : str
    out : Path
        Folder; made if it is not there.
    figures : dict
    version : str
        The commit that they were measured on.
    limit : int or None
    options : sequence of str
        Other options of the command that measured them.
    """
    limited = ("--limit", str(limit)) if limit else ()
    command = shlex.join(("python", "-m", "bench", name, *options, *limited))
    out.mkdir(parents=True, exist_ok=True)
    console.print(f"written to {Result.now(name, command, figures, version).save(out)}")


def _command(name: str) -> Callable[..., None]:
    def command(
        json: Json = None, shared: Shared = _SHARED, limit: Limit = None, out: Out = None
    ) -> None:
        bench(name, json, shared, limit, out)

    return command


def _choosing(name: str) -> Callable[..., None]:
    def command(
        only: Only = None,
        json: Json = None,
        shared: Shared = _SHARED,
        limit: Limit = None,
        out: Out = None,
    ) -> None:
        bench(name, json, shared, limit, out, only)

    return command


for _name in BENCHMARKS:
    app.command(_name)((_choosing if _name in CHOOSING else _command)(_name))


@app.command("all")
def run_all(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these; all if none.")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder that the results go to, a file each.")
    ] = RESULTS,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few images and frames: to see that all of it runs.")
    ] = False,
    shared: Shared = _SHARED,
) -> None:
    """Run benchmarks one after another, and keep their figures with commit, day and processor.

    What fails is told, the others go on, and the exit status is 1. `python -m docs.pages` writes
    the documentation's figures from the results.
    """
    console, limit = Console(), _FEW if quick else None
    _check_names(names or ())
    failed = [name for name in names or BENCHMARKS if not _keep(console, name, out, shared, limit)]
    if failed:
        console.print(f"failed: {', '.join(failed)}")
        raise typer.Exit(WRONG)


def _check_names(names: Iterable[str]) -> None:
    """Check that there are such benchmarks.

    Raises
    ------
    FirebrickError
        Naming those that there are.
    """
    for name in names:
        if name not in BENCHMARKS:
            raise FirebrickError(f"no benchmark {name!r}; there are {', '.join(BENCHMARKS)}")


def _keep(console: Console, name: str, out: Path, shared: Path, limit: int | None) -> bool:
    """Run a benchmark and keep its result; whether that went well."""
    version = commit()
    try:
        figures = _figures(name, console, shared, limit)
    except FirebrickError as error:
        console.print(f"{name}: {error}", markup=False, soft_wrap=True)
        return False
    _save(console, name, out, figures, version, limit)
    return True


@app.command()
def same(
    other: Annotated[
        Path, typer.Argument(metavar="CHECKOUT", help="Folder of another version of firebrick.")
    ],
    json: Json = None,
) -> None:
    """Generate some designs with another checkout and with this one, and compare all files."""
    if json is not None:
        check_output(json)
    console = Console()
    found = _module("same").compare(console, other)
    _write(console, json, {"same": found})


@app.command()
def wild(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder of model files; a zoo of our own if none."),
    ] = None,
    only: Annotated[
        str, typer.Option(metavar="PATTERN", help="Only files whose names match, say 'opset*'.")
    ] = "*",
    hardware: Annotated[
        bool, typer.Option("--hardware", help="Plan and simulate each network, too.")
    ] = False,
    json: Json = None,
) -> None:
    """Import, run and compare every model file of a folder."""
    if json is not None:
        check_output(json)
    console = Console()
    module = _module("wild")
    rows = module.run(console, folder, only, hardware)
    _write(console, json, {"wild": rows})
    if any(row.fault for row in rows):
        raise typer.Exit(WRONG)


def _write(console: Console, json: Path | None, figures: dict[str, Any]) -> None:
    if json is None:
        return
    text = json_format.dumps(figures, indent=2, default=asdict) + "\n"
    with replacing(json) as file:
        file.write(text.encode())
    console.print(f"written to {json}")


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"bench.{name}")


def _list() -> Table:
    table = Table("benchmark", "what it measures", title="python -m bench NAME")
    table.title_justify = "left"
    for name in NAMES:
        table.add_row(name, about(name))
    return table


def about(name: str) -> str:
    """What a benchmark measures, in a line."""
    return (_module(name).__doc__ or "").splitlines()[0]
