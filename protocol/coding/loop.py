"""The coder sample by sample: the bytes that :mod:`protocol.coding.encode` makes of whole frames.

Numba compiles it, where that is installed; then it takes a quarter of the time and none of Python's
lock. As it stands it is right, and slow.
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
    Distances,
    Steps,
)
from protocol.coding.tables import code_table, parameters

try:
    from numba import njit
except ImportError:
    njit = None

COMPILED = njit is not None
"""Whether Numba is installed."""
_HALF = 1 << LEVEL_BITS - 1
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
    out = np.empty(frame.size * LONGEST // 8 + 2, dtype=np.uint8)
    magnitudes = np.zeros(levels.shape, dtype=np.uint8)
    around = distances.left, distances.above, distances.above_left, distances.above_right
    used = _code(levels, magnitudes, around, start, (parameters(), *code_table()), out)
    return bytes([steps.encode()]) + out[:used].tobytes()


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
def _mapped(here: int, left: int, above: int, corner: int) -> int:
    """What the median of left, above and the plane leaves of a level, mapped to 0 and more."""
    guess = min(max(left + above - corner, min(left, above)), max(left, above))
    residual = ((here - guess + _HALF) & (2 * _HALF - 1)) - _HALF
    return 2 * residual if residual >= 0 else -2 * residual - 1


@_compiled
def _code(
    levels: np.ndarray,
    magnitudes: np.ndarray,
    around: tuple[int, int, int, int],
    start: int,
    tables: tuple[np.ndarray, np.ndarray, np.ndarray],
    out: np.ndarray,
) -> int:
    """Code the levels from ``start`` on; returns the bytes written.

    Parameters
    ----------
    levels : int16 array
    magnitudes : uint8 array
        Of as many samples; those before ``start`` are zero.
    around : tuple of int
        Distances of the neighbours to the left, above, above left and above right.
    start : int
    tables : tuple of arrays
        Parameters, codes and lengths.
    out : uint8 array
        Long enough.
    """
    left, above, corner, ahead = around
    shifts, codes, lengths = tables
    bits = waiting = used = 0
    for at in range(start, levels.size):
        neighbours = int(levels[at - left]), int(levels[at - above]), int(levels[at - corner])
        mapped = _mapped(int(levels[at]), *neighbours)
        total = 2 * (int(magnitudes[at - left]) + int(magnitudes[at - above]))
        total += int(magnitudes[at - corner]) + int(magnitudes[at - ahead])
        magnitudes[at] = min(mapped, MOST_MAGNITUDE)
        which = int(shifts[total]) << LEVEL_BITS | mapped
        bits = bits << int(lengths[which]) | int(codes[which])
        waiting += int(lengths[which])
        while waiting >= 8:
            waiting -= 8
            out[used] = bits >> waiting & 255
            used += 1
        bits &= (1 << waiting) - 1
    if waiting:
        out[used] = (bits << 8 - waiting | PADDING >> waiting) & 255
        used += 1
    return used
