"""A progress line for one long step, on standard error so that results stay clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

Tell = Callable[[str, int, int], None]
"""Takes a description, the steps done, and the steps in all (0: not known yet)."""


@contextmanager
def progress_line(title: str) -> Iterator[Tell]:
    """Show a line with a spinner, a bar and the time, gone at the end.

    It shows from the first call of what it yields, and not at all away from a terminal.
    """
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    if not progress.console.is_terminal:
        progress.disable = True
    task = progress.add_task(title, total=None)

    def tell(text: str, done: int, total: int) -> None:
        progress.start()
        progress.update(task, description=f"{title}: {text}", completed=done, total=total or None)

    try:
        yield tell
    finally:
        progress.stop()
