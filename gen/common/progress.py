"""Progress on standard error, so that results stay clean: one long step, or phase after phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
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


class Phases:
    """One line a phase: spinner, percentage where it is known, time taken.

    Away from a terminal nothing is shown. Use :func:`phases` to make one.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, name: str) -> None:
        """End the phase under way, if any, and begin the next."""
        self.end()
        self._task = self._progress.add_task(name, total=None)

    def advance(self, done: int, total: int) -> None:
        """Tell how far the phase under way is."""
        if self._task is not None:
            self._progress.update(self._task, completed=done, total=total)

    def end(self) -> None:
        """End the phase under way."""
        if self._task is not None:
            self._progress.update(self._task, total=1, completed=1)
            self._progress.stop_task(self._task)
            self._task = None


@contextmanager
def phases() -> Iterator[Phases]:
    """Show phases while the body runs; what is done stays on screen."""
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(finished_text="[green]✓[/green]"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with progress:
        display = Phases(progress)
        yield display
        display.end()
