"""The coder sample by sample: the bytes that :mod:`protocol.coding.encode` makes of whole frames.

Numba compiles it, where that is installed; then it takes an eighth of the time and none of Python's
lock. As it stands it is right, and slow. Samples are gone through three times, since only the last
time each one depends on the one before: the first two are compiled to steps of many samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from protocol.coding.rules import (
    COLOURS,
    LEVEL_BITS,
    LONGEST,
    MOST_MAGNITUDE,
    PADDING,
    STEPS,
    THRESHOLDS,
    Distances,
    Steps,
)
from protocol.coding.tables import code_table

try:
    from numba import njit
except ImportError:
    njit = None

_HALF = 1 << LEVEL_BITS - 1
_WORD_BYTES = 4
"""That are written at once: more than a code has bits."""
_Function = TypeVar("_Function", bound=Callable[..., object])


def _compiled(function: _Function) -> _Function:
    """The function compiled, if that is possible."""
    return function if njit is None else njit(cache=True, nogil=True)(function)


def encode(frame: np.ndarray, steps: Steps) -> bytes:
    """Code a frame.

    Parameters
    ----------
    frame : uint8 array (height, width, channels)
    steps : Steps
    """
    distances = Distances.of(frame.shape)
    start = distances.above_left
    # What is before the frame is zero.
    levels = np.zeros(start + frame.size, dtype=np.int16)
    luma, chroma = STEPS.index(steps.luma), STEPS.index(steps.chroma)
    pixels = np.ascontiguousarray(frame).reshape(-1)
    if frame.shape[2] == COLOURS:
        _colour_levels(pixels, luma, chroma, levels[start:])
    else:
        _plain_levels(pixels, luma, levels[start:])
    which = np.empty(frame.size, dtype=np.int16)
    magnitudes = np.zeros(levels.shape, dtype=np.uint8)
    left, above, corner, ahead = (
        distances.left, distances.above, distances.above_left, distances.above_right
    )  # fmt: skip
    _residuals(which, magnitudes[start:], *_before(levels, start, 0, left, above, corner))
    _parameters(which, *_before(magnitudes, start, left, above, corner, ahead))
    out = np.empty(frame.size * LONGEST // 8 + 2 * _WORD_BYTES, dtype=np.uint8)
    used = _pack(which, *code_table(), out)
    return bytes([steps.encode()]) + out[:used].tobytes()


def _before(values: np.ndarray, start: int, *distances: int) -> list[np.ndarray]:
    """For all samples from ``start`` on, those that are so far before them.

    Parameters
    ----------
    values : array
    start : int
    distances : int
    """
    end = values.size
    return [values[start - distance : end - distance] for distance in distances]


@_compiled
def _colour_levels(pixels: np.ndarray, luma: int, chroma: int, levels: np.ndarray) -> None:
    """Levels of the YCoCg-R of RGB pixels."""
    for at in range(0, pixels.size, 3):
        red, green, blue = int(pixels[at]), int(pixels[at + 1]), int(pixels[at + 2])
        orange = red - blue
        middle = blue + (orange >> 1)
        leaf = green - middle
        levels[at] = (middle + (leaf >> 1) + (1 << luma >> 1)) >> luma
        levels[at + 1] = (orange + (1 << chroma >> 1)) >> chroma
        levels[at + 2] = (leaf + (1 << chroma >> 1)) >> chroma


@_compiled
def _plain_levels(pixels: np.ndarray, luma: int, levels: np.ndarray) -> None:
    """Levels of pixels as they are."""
    for at in range(pixels.size):
        levels[at] = (int(pixels[at]) + (1 << luma >> 1)) >> luma


@_compiled
def _residuals(
    mapped: np.ndarray,
    magnitudes: np.ndarray,
    here: np.ndarray,
    left: np.ndarray,
    above: np.ndarray,
    corner: np.ndarray,
) -> None:
    """What the median of left, above and the plane leaves of levels, mapped to 0 and more.

    Parameters
    ----------
    mapped : int16 array
        To be written.
    magnitudes : uint8 array
        To be written.
    here, left, above, corner : int16 array
        Levels, and those of the neighbours.
    """
    for at in range(here.size):
        a, b = np.int32(left[at]), np.int32(above[at])
        guess = min(max(a + b - np.int32(corner[at]), min(a, b)), max(a, b))
        residual = ((np.int32(here[at]) - guess + _HALF) & (2 * _HALF - 1)) - _HALF
        found = 2 * residual if residual >= 0 else -2 * residual - 1
        mapped[at] = found
        magnitudes[at] = min(found, MOST_MAGNITUDE)


@_compiled
def _parameters(
    mapped: np.ndarray, left: np.ndarray, above: np.ndarray, corner: np.ndarray, ahead: np.ndarray
) -> None:
    """Put the parameter of each code in front of the mapped residual.

    Parameters
    ----------
    mapped : int16 array
        What becomes the code's place in the table.
    left, above, corner, ahead : uint8 array
        Magnitudes of the neighbours.
    """
    for at in range(mapped.size):
        total = 2 * (np.int32(left[at]) + np.int32(above[at]))
        total += np.int32(corner[at]) + np.int32(ahead[at])
        parameter = np.int32(0)
        for threshold in THRESHOLDS:
            parameter += total >= threshold
        mapped[at] |= parameter << LEVEL_BITS


@_compiled
def _pack(which: np.ndarray, codes: np.ndarray, lengths: np.ndarray, out: np.ndarray) -> int:
    """Codes one after another, the first bit first, and padding; returns the bytes written.

    Parameters
    ----------
    which : int16 array
        Places of the codes in the table.
    codes, lengths : arrays
        The table.
    out : uint8 array
        Long enough.
    """
    bits = np.uint64(0)
    waiting = used = 0
    for at in range(which.size):
        length = int(lengths[which[at]])
        bits = bits << np.uint64(length) | np.uint64(codes[which[at]])
        waiting += length
        if waiting >= 8 * _WORD_BYTES:
            for _ in range(_WORD_BYTES):
                waiting -= 8
                out[used] = bits >> np.uint64(waiting) & np.uint64(255)
                used += 1
    bits = bits << np.uint64(8) | np.uint64(PADDING)
    waiting += 8
    while waiting > 8:
        waiting -= 8
        out[used] = bits >> np.uint64(waiting) & np.uint64(255)
        used += 1
    return used
