"""From pixels to levels and back: colour transform and quantiser, on whole frames."""

from __future__ import annotations

import numpy as np

from protocol.coding.rules import COLOURS, STEPS, VALUE_BITS, Steps


def to_levels(frame: np.ndarray, steps: Steps) -> np.ndarray:
    """Levels int16 of a frame uint8, both (height, width, channels)."""
    values = frame.astype(np.int16)
    if frame.shape[2] == COLOURS:
        values = _transform(values)
    shifts = _shifts(frame.shape[2], steps)
    # Half a step, rounded down: nothing is added to a step of 1.
    return (values + (np.int16(1) << shifts >> 1)) >> shifts


def to_pixels(levels: np.ndarray, steps: Steps) -> np.ndarray:
    """The frame uint8 that a decoder makes of levels, both (height, width, channels)."""
    values = levels.astype(np.int16) << _shifts(levels.shape[2], steps)
    half = 1 << VALUE_BITS - 1
    values = (values + half & 2 * half - 1) - half
    if levels.shape[2] == COLOURS:
        values = _undo(values)
    return np.clip(values, 0, 255).astype(np.uint8)


def _shifts(channels: int, steps: Steps) -> np.ndarray:
    """By channel, the logarithm of its step."""
    luma, chroma = STEPS.index(steps.luma), STEPS.index(steps.chroma)
    shifts = [luma, chroma, chroma] if channels == COLOURS else [luma] * channels
    return np.array(shifts, dtype=np.int16)


def _transform(pixels: np.ndarray) -> np.ndarray:
    """YCoCg-R of RGB."""
    red, green, blue = np.moveaxis(pixels, 2, 0)
    orange = red - blue
    middle = blue + (orange >> 1)
    leaf = green - middle
    return np.stack([middle + (leaf >> 1), orange, leaf], axis=2)


def _undo(values: np.ndarray) -> np.ndarray:
    """RGB of YCoCg-R."""
    luma, orange, leaf = np.moveaxis(values, 2, 0)
    middle = luma - (leaf >> 1)
    blue = middle - (orange >> 1)
    return np.stack([blue + orange, middle + leaf, blue], axis=2)
