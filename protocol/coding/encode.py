"""The coder: whole frames at once, since what it predicts from is known beforehand."""

from __future__ import annotations

import numpy as np

from protocol.coding.levels import to_levels
from protocol.coding.rules import (
    LEVEL_BITS,
    LONGEST,
    MOST_MAGNITUDE,
    PADDING,
    THRESHOLDS,
    ZEROS,
    Distances,
    Steps,
)

_WORD = 32
"""Bits that are put together at once."""


def encode(frame: np.ndarray, steps: Steps) -> bytes:
    """Code a frame.

    Parameters
    ----------
    frame : uint8 array (height, width, channels)
    steps : Steps
    """
    codes, lengths = frame_codes(to_levels(frame, steps))
    return bytes([steps.encode()]) + _pack(codes, lengths)


def coded_bytes(levels: np.ndarray) -> int:
    """How long a frame of these levels is when coded."""
    return 1 + -(-int(frame_codes(levels)[1].sum()) // 8)


def frame_codes(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The codes of a frame's levels (height, width, channels), and their lengths.

    A code is a number with leading zeros up to its length.
    """
    distances = Distances.of(levels.shape)
    mapped = _mapped(levels.ravel(), distances)
    shifts = _parameters(mapped, distances)
    zeros = mapped >> shifts
    escaped = zeros >= ZEROS
    one = np.int32(1) << shifts
    codes = np.where(escaped, mapped, one | (mapped & one - 1))
    return codes, np.where(escaped, LONGEST, zeros + 1 + shifts)


def _mapped(levels: np.ndarray, distances: Distances) -> np.ndarray:
    """Residuals, mapped to numbers from 0 on."""
    left, above = _before(levels, distances.left), _before(levels, distances.above)
    slope = left + above - _before(levels, distances.above_left)
    low, high = np.minimum(left, above), np.maximum(left, above)
    residual = (levels - np.clip(slope, low, high)).astype(np.int32)
    half = 1 << LEVEL_BITS - 1
    residual = (residual + half & 2 * half - 1) - half
    return 2 * residual ^ residual >> 31


def _parameters(mapped: np.ndarray, distances: Distances) -> np.ndarray:
    """The parameter of each code."""
    magnitudes = np.minimum(mapped, MOST_MAGNITUDE)
    left, above = _before(magnitudes, distances.left), _before(magnitudes, distances.above)
    corners = _before(magnitudes, distances.above_left)
    corners = corners + _before(magnitudes, distances.above_right)
    total = 2 * (left + above) + corners
    return np.searchsorted(THRESHOLDS, np.arange(6 * MOST_MAGNITUDE + 1), "right")[total]


def _before(values: np.ndarray, distance: int) -> np.ndarray:
    """For each sample, the one so far before it; zero before the frame."""
    shifted = np.zeros_like(values)
    shifted[distance:] = values[:-distance]
    return shifted


def _pack(codes: np.ndarray, lengths: np.ndarray) -> bytes:
    """Codes one after another, the first bit first, and padding."""
    ends = np.cumsum(lengths)
    bits = int(ends[-1])
    count = -(-bits // 8)
    word, spare = np.divmod(ends - 1, _WORD)
    # A code that ends in a word may have begun in the one before it.
    shifted = codes.astype(np.uint64) << (_WORD - 1 - spare).astype(np.uint64)
    words = bits // _WORD + 2
    low = np.bincount(word + 1, (shifted & np.uint64((1 << _WORD) - 1)).astype(float), words)
    high = np.bincount(word, (shifted >> np.uint64(_WORD)).astype(float), words)
    data = (low + high)[1:].astype(np.uint32).byteswap().tobytes()[:count]
    return data[:-1] + bytes([data[-1] | PADDING >> (bits - 1) % 8 + 1])
