"""How far long work is: what it tells, and two displays on standard error, so that results stay
clean.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich import progress as rich
from rich.console import Console


class Progress(Protocol):
    """Is told how far work is.

    Work of one phase only says how much of it is done: who asked for it has begun the phase. Work
    of several phases begins each.
    """

    def begin(self, phase: str) -> None:
        """Begin a phase; the one under way, if any, is done."""

    def advance(self, done: int, total: int) -> None:
        """Tell how much of the phase under way is done, of how much; 0 if that is not known yet."""


class Silent:
    """Progress that nobody sees."""

    def begin(self, phase: str) -> None:
        """Say nothing."""

    def advance(self, done: int, total: int) -> None:
        """Say nothing."""


SILENT: Progress = Silent()


@dataclass(frozen=True)
class Part:
    """Progress of a part of a phase, told as progress of the whole phase, in thousandths.

    Attributes
    ----------
    whole : Progress
    start, stop : float
        Where the part begins and ends, the phase being 0 to 1.
    """

    whole: Progress
    start: float
    stop: float

    def begin(self, phase: str) -> None:
        """Say nothing: the phase has its name."""

    def advance(self, done: int, total: int) -> None:
        """Tell how much of the part is done."""
        if total:
            reached = self.start + (self.stop - self.start) * done / total
            self.whole.advance(round(1000 * reached), 1000)


class Phases:
    """One line a phase: spinner, percentage where it is known, time taken. See :func:`phases`."""

    def __init__(self, display: rich.Progress):
        self._display = display
        self._task: rich.TaskID | None = None

    def begin(self, phase: str) -> None:
        """End the phase under way, if any, and begin the next."""
        self.end()
        self._task = self._display.add_task(phase, total=None)

    def advance(self, done: int, total: int) -> None:
        """Show how far the phase under way is."""
        if self._task is not None:
            self._display.update(self._task, completed=done, total=total or None)

    def end(self) -> None:
        """End the phase under way."""
        if self._task is not None:
            self._display.update(self._task, total=1, completed=1)
            self._display.stop_task(self._task)
            self._task = None


@contextmanager
def phases(console: Console | None = None, *, transient: bool = False) -> Iterator[Phases]:
    """Show phases, a line each, while the body runs. Away from a terminal nothing is shown.

    Parameters
    ----------
    console : Console, optional
        On standard error if not given. The body may print on it meanwhile.
    transient : bool
        Whether all is gone at the end; else what is done stays on screen.
    """
    console = console or Console(stderr=True)
    display = rich.Progress(
        rich.SpinnerColumn(finished_text="[green]✓[/green]"),
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=24),
        rich.TaskProgressColumn(),
        rich.TimeElapsedColumn(),
        console=console,
        transient=transient,
        disable=not console.is_terminal,
    )
    with display:
        shown = Phases(display)
        yield shown
        shown.end()


class Line:
    """One line for all phases: spinner, steps, time taken. See :func:`progress_line`."""

    def __init__(self, display: rich.Progress, title: str):
        self._display = display
        self._title = title
        self._task = display.add_task(title, total=None)

    def begin(self, phase: str) -> None:
        """Show the next phase in the place of the one before; the time goes on."""
        task = self._display.tasks[0]
        task.total, task.completed, task.finished_time = None, 0, None
        self._display.update(self._task, description=f"{self._title}: {phase}")
        self._display.start()

    def advance(self, done: int, total: int) -> None:
        """Show how far the phase under way is."""
        self._display.update(self._task, completed=done, total=total or None)
        self._display.start()


@contextmanager
def progress_line(title: str) -> Iterator[Line]:
    """Show a line with a spinner, a bar and the time, gone at the end.

    It shows from the first word of progress, and not at all away from a terminal.
    """
    console = Console(stderr=True)
    display = rich.Progress(
        rich.SpinnerColumn(),
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=24),
        rich.MofNCompleteColumn(),
        rich.TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    try:
        yield Line(display, title)
    finally:
        display.stop()
