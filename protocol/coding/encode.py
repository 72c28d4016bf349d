"""The coder: whole frames at once, since what it predicts from is known beforehand."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from protocol.coding.levels import to_levels
from protocol.coding.rules import (
    LEVEL_BITS,
    MOST_MAGNITUDE,
    PADDING,
    THRESHOLDS,
    Distances,
    Steps,
)
from protocol.coding.tables import code_table

COMPILED = find_spec("numba") is not None
"""Whether a compiler is installed."""
_WORD_BITS = 5
_WORD = 1 << _WORD_BITS
"""Bits that are put together at once: more than a code has, so that a code ends in each."""


def encode(frame: np.ndarray, steps: Steps) -> bytes:
    """Code a frame.

    Parameters
    ----------
    frame : uint8 array (height, width, channels)
    steps : Steps
    """
    if not COMPILED:
        return encode_whole(frame, steps)
    from protocol.coding import loop  # only here: Numba takes a second to import

    return loop.encode(frame, steps)


def encode_whole(frame: np.ndarray, steps: Steps) -> bytes:
    """What :func:`encode` does without a compiler."""
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
    which = _parameters(mapped, distances) << LEVEL_BITS | mapped
    codes, lengths = code_table()
    return codes[which], lengths[which]


def _mapped(levels: np.ndarray, distances: Distances) -> np.ndarray:
    """Residuals int16, mapped to numbers from 0 on."""
    left, above = _before(levels, distances.left), _before(levels, distances.above)
    slope = left + above - _before(levels, distances.above_left)
    residual = levels - np.clip(slope, np.minimum(left, above), np.maximum(left, above))
    half = 1 << LEVEL_BITS - 1
    residual = (residual + half & 2 * half - 1) - half
    return residual << 1 ^ residual >> 15


def _parameters(mapped: np.ndarray, distances: Distances) -> np.ndarray:
    """The parameter of each code, int16."""
    # Neighbours' sums are below 256.
    magnitudes = np.minimum(mapped, MOST_MAGNITUDE).astype(np.uint8)
    total = _before(magnitudes, distances.left) + _before(magnitudes, distances.above)
    total += total
    total += _before(magnitudes, distances.above_left)
    total += _before(magnitudes, distances.above_right)
    reached = np.zeros_like(total)
    for threshold in THRESHOLDS:
        reached += total >= threshold
    return reached.astype(np.int16)


def _before(values: np.ndarray, distance: int) -> np.ndarray:
    """For each sample, the one so far before it; zero before the frame."""
    shifted = np.zeros_like(values)
    shifted[distance:] = values[:-distance]
    return shifted


def _pack(codes: np.ndarray, lengths: np.ndarray) -> bytes:
    """Codes one after another, the first bit first, and padding."""
    last = np.cumsum(lengths, dtype=np.int32) - 1
    bits = int(last[-1]) + 1
    word = last >> _WORD_BITS
    # A code that ends in a word may have begun in the one before it.
    shifted = codes.astype(np.uint64) << (_WORD - 1 - (last & _WORD - 1)).astype(np.uint64)
    starts = np.append(0, np.flatnonzero(np.diff(word)) + 1)
    both = np.bitwise_or.reduceat(shifted, starts)
    words = both.astype(np.uint32)
    words[:-1] |= (both[1:] >> np.uint64(_WORD)).astype(np.uint32)
    data = words.byteswap().tobytes()[: -(-bits // 8)]
    return data[:-1] + bytes([data[-1] | PADDING >> (bits - 1) % 8 + 1])
