"""What coder and decoder agree on: steps, neighbours, and how long a code is."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

LEVEL_BITS = 9
"""Of a level, in two's complement, and of a mapped residual."""
VALUE_BITS = 10
"""Of a level times its step, in two's complement."""
ZEROS = 8
"""With which an escape begins."""
LONGEST = ZEROS + LEVEL_BITS
"""Bits of the longest code."""
MOST_MAGNITUDE = 31
"""Larger residuals count like this one."""
THRESHOLDS = (10, 20, 40, 80, 160)
"""The parameter of a code is how many of these its neighbours' sum reaches."""
PADDING = 0xFF
"""What fills the last byte, and what a decoder reads where bytes are missing."""
STEPS = (1, 2, 4, 8)
STEP_BITS = 2
"""Of a step's logarithm."""
COLOURS = 3
"""Channels of a frame whose pixels are transformed."""
RAW, LOSSLESS = "raw", "lossless"
"""What frames are called that are not coded, and those that come back as they were."""
Shape = tuple[int, int, int]
"""Height, width and channels of a frame."""


@dataclass(frozen=True)
class Steps:
    """What levels are multiples of.

    Attributes
    ----------
    luma : int
        1, 2, 4 or 8; of all samples but Co and Cg.
    chroma : int
        The same of Co and Cg; 1 in frames that have none.

    Raises
    ------
    ValueError
        If a step is none of these.
    """

    luma: int = 1
    chroma: int = 1

    def __post_init__(self) -> None:
        for name, step in (("luma", self.luma), ("chroma", self.chroma)):
            if step not in STEPS:
                raise ValueError(f"the step of {name} must be 1, 2, 4 or 8, not {step}")

    @property
    def lossless(self) -> bool:
        """Whether frames come back as they were."""
        return self.luma == self.chroma == 1

    @property
    def option(self) -> str:
        """As ``python -m host --coding`` takes them: ``lossless``, or steps like ``2,4``."""
        return LOSSLESS if self.lossless else f"{self.luma},{self.chroma}"

    def encode(self) -> int:
        """The first byte of a frame."""
        return STEPS.index(self.luma) | STEPS.index(self.chroma) << STEP_BITS

    @staticmethod
    def decode(head: int) -> Steps:
        """Read the first byte of a frame; its upper half is not looked at."""
        mask = len(STEPS) - 1
        return Steps(STEPS[head & mask], STEPS[head >> STEP_BITS & mask])


def is_head(head: int, channels: int) -> bool:
    """Whether this may be the first byte of a frame with so many channels."""
    bits = 2 * STEP_BITS if channels == COLOURS else STEP_BITS
    return head < 1 << bits


@dataclass(frozen=True)
class Distances:
    """How far before a sample its neighbours are.

    Attributes
    ----------
    left, above, above_left, above_right : int
    """

    left: int
    above: int
    above_left: int
    above_right: int

    @staticmethod
    def of(shape: Shape) -> Distances:
        """In a frame of this shape."""
        left = shape[2]
        above = left * columns(shape)
        return Distances(left, above, above + left, above - left)


def columns(shape: Shape) -> int:
    """Pixels of a row as it is coded: what has one column is coded as one row.

    At least two: a single pixel has no neighbours, whatever their distance.
    """
    height, width, _ = shape
    return max(width if width > 1 else height, 2)


def parameter(total: int) -> int:
    """The parameter of a code, from its neighbours' weighted sum."""
    return bisect_right(THRESHOLDS, total)
