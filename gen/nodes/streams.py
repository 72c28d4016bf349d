"""What the streams between nodes are like."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True)
class Feed:
    """What the stream at an input is like.

    Attributes
    ----------
    lanes : int
        Channels a transfer.
    wait : Fraction
        Part of a frame in which it stands still, as the engine in front waits between frames.
    """

    lanes: int
    wait: Fraction = Fraction(0)


@dataclass(frozen=True)
class Burst:
    """How unevenly a stream comes.

    Attributes
    ----------
    pace : int
        How many times faster than on average it comes while it comes.
    rows : int
        Rows that come at that pace one after another.
    """

    pace: int = 1
    rows: int = 0


@dataclass(frozen=True)
class Window:
    """The windows that a node reads of its input; those alike can be read from one memory.

    Attributes
    ----------
    kernel : tuple of int
        Rows and columns.
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    size : tuple of int
        Rows and columns of windows.
    """

    kernel: tuple[int, int]
    stride: int
    pad: tuple[int, int, int, int]
    size: tuple[int, int]


def even_departures(needed: np.ndarray, period: int, delay: float) -> np.ndarray:
    """When pixels leave, evenly, each at the soonest ``delay`` after what it needs has come.

    Parameters
    ----------
    needed : float64 array
        When the last that each pixel needs comes, in cycles.
    period : int
        Cycles a frame.
    delay : float
        Cycles.
    """
    pace = np.arange(len(needed)) * (period / len(needed))
    return pace + ((needed - pace).max() + delay)
