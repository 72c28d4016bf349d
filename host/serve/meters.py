"""What a board has been doing of late: rates, latencies, and where its streams stall."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from statistics import median

from host.driver import FrameDriver
from protocol.messages import Result, Statistics

WINDOW = 3.0
"""Seconds that rates and latencies are taken over, if enough frames come in them."""
FEWEST = 4
"""Answers that they are taken over on slow boards, for which the window is longer."""
LONGEST = 60.0
"""Seconds after which an answer counts no more, however few there are."""
_MOST = 4096


@dataclass(frozen=True, eq=False)
class Answer:
    """A result, and how long it took to come.

    Attributes
    ----------
    result : Result
    queued : float
        Seconds in the queue.
    on_board : float
        Seconds from the driver and back: coding, link, accelerator.
    """

    result: Result
    queued: float
    on_board: float


@dataclass(frozen=True)
class Latency:
    """Medians of late, in seconds, as :class:`Answer` has them; clock cycles in the accelerator."""

    queued: float
    on_board: float
    cycles: float


class Meter:
    """Counts answers."""

    def __init__(self) -> None:
        self.answered = 0
        self._recent: deque[tuple[float, Answer]] = deque(maxlen=_MOST)

    def count(self, answer: Answer) -> None:
        """Note an answer that has just come."""
        self.answered += 1
        self._recent.append((time.monotonic(), answer))

    def _forget(self) -> float:
        """Drop what is old; returns the time."""
        now, recent = time.monotonic(), self._recent
        while len(recent) > FEWEST and recent[0][0] < now - WINDOW:
            recent.popleft()
        while recent and recent[0][0] < now - LONGEST:
            recent.popleft()
        return now

    @property
    def rate(self) -> float:
        """Frames a second of late: 0 with fewer than two."""
        now = self._forget()
        if len(self._recent) < 2:
            return 0.0
        return (len(self._recent) - 1) / max(now - self._recent[0][0], 1e-6)

    @property
    def latency(self) -> Latency | None:
        """Medians of late; None if nothing came."""
        self._forget()
        if not self._recent:
            return None
        answers = [answer for _, answer in self._recent]
        return Latency(
            median(answer.queued for answer in answers),
            median(answer.on_board for answer in answers),
            median(answer.result.cycles for answer in answers),
        )


class BoardMeter:
    """Asks a board how it does, now and then, and compares with what it said before.

    Parameters
    ----------
    board : FrameDriver
    scale : float
        Seconds of the hardware to a second of the board's clock.

    Attributes
    ----------
    statistics : Statistics
        As last heard.
    stalled : tuple of float
        By layer, the part of the time in which its output waited for the next layer; empty if the
        board does not count it.
    """

    def __init__(self, board: FrameDriver, scale: float):
        self._board = board
        self._cycles_per_second = scale * board.info().clock_hz
        self._progress = -1
        self.stalled: tuple[float, ...] = ()
        self._listen()
        self.stalled = (0.0,) * len(self.statistics.stalls)

    def _listen(self) -> None:
        self.statistics: Statistics = self._board.stats()
        self._heard = self._board.clock()
        self._progress = self._board.progress

    def ask(self) -> None:
        """Ask again, unless nothing moves: then the driver is looking after that.

        Raises
        ------
        FirebrickError
            If the board does not answer.
        """
        if self._board.unanswered and self._board.progress == self._progress:
            return
        before, then = self.statistics, self._heard
        self._listen()
        passed = max((self._heard - then) * self._cycles_per_second, 1.0)
        stalls = self.statistics.stall_cycles(before)
        self.stalled = tuple(min(cycles / passed, 1.0) for cycles in stalls)

    @property
    def faults(self) -> dict[str, int]:
        """What the link lost and damaged, as host and board have counted."""
        if not self._board.in_packets:
            return self._board.losses()
        said = self.statistics
        board = {
            "packets damaged on the way to the board": said.bad,
            "packets the board dropped": said.dropped,
            "bytes or datagrams the board lost": said.lost,
        }
        return self._board.losses() | board
