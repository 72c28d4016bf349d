"""A sweep from its options to its files: plan what is not known yet, keep it, show all of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from gen.common.errors import FirebrickError, require_package
from gen.common.progress import SILENT, Progress, progress_line
from gen.common.workers import Workers, find_workers
from gen.explore.point import Result, plan_point
from gen.explore.report import print_report, write_csv, write_json
from gen.explore.row import Row, rows_of
from gen.explore.space import Point, Space
from gen.explore.store import Store
from gen.explore.version import code_version

STORE, JSON, CSV = "results.sqlite", "sweep.json", "sweep.csv"
PLOTS = ("sweep.svg", "sweep.png")
NARROWEST = 140
"""Columns of tables where there is no terminal."""


@dataclass(frozen=True)
class Means:
    """Who plans, and where results go.

    Attributes
    ----------
    jobs : int or None
        Processes; one a core if None.
    scheduler : str or None
        Of a Dask cluster, in place of processes.
    out : Path
        The folder.
    plot : bool
    json : bool
        Print the points for programs.
    """

    jobs: int | None
    scheduler: str | None
    out: Path
    plot: bool = True
    json: bool = False


def explore(space: Space, means: Means) -> None:
    """Plan all points that are not known yet; write and show the results of all.

    Parameters
    ----------
    space : Space
    means : Means

    Raises
    ------
    FirebrickError
        If Matplotlib is wanted but not installed, a file cannot be used, or the workers fail.
    """
    if means.plot:
        require_package("matplotlib", "a plot (leave it out with --no-plot) needs Matplotlib")
    points = list(dict.fromkeys(space.points()))
    _make_folder(means.out)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, NARROWEST)
    with Store(means.out / STORE, code_version()) as store:
        known = store.known(points)
        missing = [point for point in points if point not in known]
        found = _plan(missing, means, store) if missing else {}
    rows = rows_of(points, known | found)
    _write(rows, space, means)
    if means.json:
        print((means.out / JSON).read_text(), end="")
        return
    print_report(console, rows, space)
    told = f"{len(found)} points planned, {len(known)} known from before, in {means.out}:"
    console.print(told, ", ".join(_files(means)), soft_wrap=True, highlight=False)


def plan_missing(
    points: Sequence[Point], workers: Workers, store: Store, *, progress: Progress = SILENT
) -> dict[Point, Result]:
    """Plan points, and keep each result at once, but for faults of firebrick's own.

    Parameters
    ----------
    points : sequence of Point
    workers : Workers
    store : Store
    progress : Progress
        Told points done and in all.
    """
    found: dict[Point, Result] = {}
    progress.advance(0, len(points))
    with closing(workers.results(_numbered, store.code, list(enumerate(points)))) as results:
        for index, result in results:
            found[points[index]] = result
            if result.lasting:
                store.put(points[index], result)
            progress.advance(len(found), len(points))
    return found


def _numbered(code: str, item: tuple[int, Point]) -> tuple[int, Result]:
    """The result of a point with its number, since results come in any order."""
    index, point = item
    return index, plan_point(code, point)


def _plan(missing: Sequence[Point], means: Means, store: Store) -> dict[Point, Result]:
    """Plan on whom was asked for; whatever ends it early, say how it goes on."""
    try:
        with (
            find_workers(means.jobs, means.scheduler, "--jobs") as workers,
            progress_line("explore") as progress,
        ):
            progress.begin("points")
            return plan_missing(missing, workers, store, progress=progress)
    except (KeyboardInterrupt, SystemExit):
        done = len(store.known(missing))
        Console(stderr=True).print(
            f"{done} of {len(missing)} points are planned, and kept in {means.out / STORE}; "
            "the same command goes on from there",
            soft_wrap=True,
            highlight=False,
        )
        raise


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FirebrickError(
            f"{path}: no folder for results can be there ({error.strerror}); choose another --out"
        ) from None


def _write(rows: Sequence[Row], space: Space, means: Means) -> None:
    write_json(rows, space, means.out / JSON)
    write_csv(rows, means.out / CSV)
    if means.plot:
        from gen.explore.plot import write_plots

        write_plots(rows, space, [means.out / name for name in PLOTS])


def _files(means: Means) -> tuple[str, ...]:
    return (STORE, JSON, CSV, *(PLOTS if means.plot else ()))
