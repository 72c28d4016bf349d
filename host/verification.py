"""Whether a board computes what it should: its answers against the golden model's, at all paces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from host.driver import FrameDriver
from protocol.messages import Result

_LONGEST_PAUSE = 0.1
"""Seconds of the board's clock."""


@dataclass(frozen=True)
class Pace:
    """How closely frames follow each other.

    Attributes
    ----------
    name : str
    in_flight : int or None
        Frames sent and not yet answered, at most; as many as the board takes if None.
    pauses : bool
        Whether random pauses are made between frames.
    """

    name: str
    in_flight: int | None = None
    pauses: bool = False


PACES = (
    Pace("back to back"),
    Pace("one by one", in_flight=1),
    Pace("random pauses", pauses=True),
)
"""The second one's time a frame tells how long the third one's pauses are."""


class Verdict(Enum):
    """What a comparison comes to."""

    RIGHT = "right"
    """Every class sum is the golden model's."""
    CONSTANT = "constant"
    """Frames that have wrong sums have the same wrong sums every time."""
    VARYING = "varying"
    """Some frame has other sums when it is sent again."""


@dataclass(frozen=True, eq=False)
class Wrong:
    """An answer that is not the golden model's.

    Attributes
    ----------
    frame : int
    pace : Pace
    errors : int64 array (classes,)
        Class sums that came, less those that should have come.
    """

    frame: int
    pace: Pace
    errors: np.ndarray


@dataclass(frozen=True)
class Rate:
    """How fast answers came at a pace.

    Attributes
    ----------
    pace : Pace
    answers : int
    interval : float
        Seconds of the board's clock from answer to answer.
    """

    pace: Pace
    answers: int
    interval: float

    @staticmethod
    def between(pace: Pace, times: Sequence[float]) -> Rate:
        """Of answers that came at some times, the first of which is when they were asked for.

        The way of the first frame through the board does not count where there are more.
        """
        first = 1 if len(times) > 2 else 0
        interval = (times[-1] - times[first]) / (len(times) - 1 - first)
        return Rate(pace, len(times) - 1, interval)


@dataclass
class Comparison:
    """A board's answers to some frames, each sent again and again, against what is expected.

    Attributes
    ----------
    expected : int64 array (frames, classes)
    answers : Counter
        By frame, how many came.
    wrong : list of Wrong
    rates : list of Rate
    cycles : int or None
        The fewest that the board took for a frame.
    """

    expected: np.ndarray
    answers: Counter[int] = field(default_factory=Counter)
    wrong: list[Wrong] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    cycles: int | None = None

    def add(self, pace: Pace, frame: int, result: Result) -> None:
        """Compare an answer.

        Parameters
        ----------
        pace : Pace
            At which the frame was sent.
        frame : int
        result : Result
        """
        self.answers[frame] += 1
        self.cycles = min(self.cycles or result.cycles, result.cycles)
        errors = result.sums - self.expected[frame]
        if errors.any():
            self.wrong.append(Wrong(frame, pace, errors))

    @property
    def verdict(self) -> Verdict:
        """What it comes to; each frame must have been sent twice at least."""
        if not self.wrong:
            return Verdict.RIGHT
        kinds = Counter((one.frame, one.errors.tobytes()) for one in self.wrong)
        always = all(self.answers[frame] == count for (frame, _), count in kinds.items())
        return Verdict.CONSTANT if always else Verdict.VARYING

    def so_far(self) -> str:
        """How many answers there are, for an error that ends it."""
        return f"after {self.answers.total()} answers, of which {len(self.wrong)} were wrong"

    def wrong_at(self, pace: Pace) -> int:
        """Wrong answers at a pace."""
        return sum(one.pace == pace for one in self.wrong)

    def wrong_frames(self, label: int | None = None) -> list[int]:
        """Frames with a wrong sum of any class, or of one, in order."""
        picked = (one.frame for one in self.wrong if label is None or one.errors[label])
        return sorted(set(picked))


def verify(
    board: FrameDriver,
    frames: np.ndarray,
    expected: np.ndarray,
    *,
    count: int,
    rng: np.random.Generator,
    progress: Progress = SILENT,
) -> Comparison:
    """Send frames at all paces, in random order, and compare every answer.

    Parameters
    ----------
    board : FrameDriver
    frames : uint8 array (N, height, width, channels)
        All different.
    expected : int64 array (N, classes)
    count : int
        Answers at each pace, N at least.
    rng : numpy Generator
        Of the order, and of the pauses.
    progress : Progress
        Told the paces, and answers.

    Raises
    ------
    FirebrickError
        If the board stops to answer.
    """
    comparison = Comparison(expected)
    pause = 0.0
    for pace in PACES:
        progress.begin(pace.name)
        order = _order(len(frames), count, rng)
        pauses = rng.uniform(0, 2 * pause, count) if pace.pauses else np.zeros(count)
        times = [board.clock()]
        try:
            for frame, result in _answers(board, frames, order, pauses, pace.in_flight):
                comparison.add(pace, frame, result)
                progress.advance(len(times), count)
                times.append(board.clock())
        except FirebrickError as error:
            raise FirebrickError(f"{error} ({comparison.so_far()})") from None
        comparison.rates.append(Rate.between(pace, times))
        pause = min((times[-1] - times[0]) / count, _LONGEST_PAUSE / 2)
    return comparison


def _order(frames: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which frame to send when: all of them in turn, in another order each time."""
    turns = [rng.permutation(frames) for _ in range(-(-count // frames))]
    return np.concatenate(turns)[:count]


def _answers(
    board: FrameDriver,
    frames: np.ndarray,
    order: np.ndarray,
    pauses: np.ndarray,
    in_flight: int | None,
) -> Iterator[tuple[int, Result]]:
    """Frames in an order, each sent behind its pause, and what comes back of each."""

    def source() -> Iterator[np.ndarray]:
        for index, pause in zip(order, pauses, strict=True):
            if pause:
                board.rest(float(pause))
            yield frames[index]

    return zip(map(int, order), board.stream(source(), in_flight=in_flight), strict=True)
