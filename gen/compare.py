"""What ``python -m gen compare`` does: builds side by side, on the terminal and as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from gen.backend.report import WIDTH
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.common.outputs import check_output
from gen.report.comparison import Build, table, to_json
from gen.report.measured import Measured
from gen.report.stored import load_figures

FEWEST = 2
"""Builds that can be compared."""


def compare(folders: Sequence[Path], page: Path | None = None, *, json: bool = False) -> None:
    """Show builds side by side, and write a page of them if that is asked for.

    Parameters
    ----------
    folders : sequence of Path
        Build folders.
    page : Path, optional
        Where an HTML page goes.
    json : bool
        Whether to print JSON in the place of a table.

    Raises
    ------
    FirebrickError
        If there are fewer than two, one is no build folder, or the page cannot be written there.
    """
    if len(folders) < FEWEST:
        raise FirebrickError("name two build folders or more to compare, as in build/a build/b")
    if page is not None:
        check_output(page, folders)
    builds = [load_build(folder) for folder in folders]
    if page is not None:
        _write(page, builds)
    if json:
        print(to_json(builds))
        return
    console = Console()
    if not console.is_terminal:
        console.width = max(WIDTH, console.width)
    console.print(table(builds))


def load_build(path: Path) -> Build:
    """What was built in a folder.

    Raises
    ------
    FirebrickError
        If it is no build folder, or damaged.
    """
    folder = BuildFolder(path)
    return Build(str(path), load_figures(folder), Measured.load(folder))


def _write(path: Path, builds: Sequence[Build]) -> None:
    from gen.report.page import comparison_page  # Matplotlib takes a second to import

    with replacing(path) as file:
        file.write(comparison_page(builds).encode())
