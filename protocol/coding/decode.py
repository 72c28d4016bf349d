"""The decoder's model: the same pixels and verdicts as the hardware, sample by sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from protocol.coding.levels import to_pixels
from protocol.coding.rules import (
    LEVEL_BITS,
    LONGEST,
    MOST_MAGNITUDE,
    PADDING,
    Distances,
    Shape,
    Steps,
    is_head,
    parameter,
)


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a decoder makes of a frame's bytes.

    Attributes
    ----------
    frame : uint8 array (height, width, channels)
        All its pixels, also if it is refused.
    fault : str
        Why it is refused; empty if it is not.
    """

    frame: np.ndarray
    fault: str


def decode(data: bytes, shape: Shape) -> Decoded:
    """Decode a frame.

    Parameters
    ----------
    data : bytes
        Any: what no coder writes is refused.
    shape : (height, width, channels)
    """
    head = data[0] if data else PADDING
    reader = BitReader(data[1:])
    levels = np.array(_levels(reader, shape), dtype=np.int16).reshape(shape)
    right = bool(data) and is_head(head, shape[2])
    fault = reader.fault() if right else "its first byte is wrong"
    return Decoded(to_pixels(levels, Steps.decode(head)), fault)


class BitReader:
    """Reads codes one after another; behind the end come ones.

    Parameters
    ----------
    data : bytes
    """

    def __init__(self, data: bytes):
        self._data = data
        self._at = 0

    def read(self, shift: int) -> int:
        """The mapped residual that comes next, in a code with this parameter."""
        window = self._window()
        zeros = LONGEST - window.bit_length()
        if zeros >= LONGEST - LEVEL_BITS:
            self._at += LONGEST
            return window
        self._at += zeros + 1 + shift
        rest = window >> LONGEST - zeros - 1 - shift
        return zeros << shift | rest & (1 << shift) - 1

    def _window(self) -> int:
        """As many bits as the longest code has."""
        start, skip = divmod(self._at, 8)
        size = LONGEST // 8 + 2
        data = self._data[start : start + size].ljust(size, bytes([PADDING]))
        return int.from_bytes(data, "big") >> 8 * size - skip - LONGEST & (1 << LONGEST) - 1

    def fault(self) -> str:
        """What is wrong with the data, if nothing more is to be read of them; or nothing."""
        left = 8 * len(self._data) - self._at
        if left < 0:
            return "its bytes end before its codes do"
        if left >= 8:
            return "bytes are left behind its codes"
        padding = (1 << left) - 1
        if left and self._data[-1] & padding != padding:
            return "its last byte is not filled with ones"
        return ""


def _levels(reader: BitReader, shape: Shape) -> list[int]:
    """The levels of a frame, in the order of its samples."""
    count = shape[0] * shape[1] * shape[2]
    distances = Distances.of(shape)
    before = distances.above_left
    # What is before the frame is zero.
    levels, magnitudes = [0] * (before + count), [0] * (before + count)
    for here in range(before, before + count):
        left, above = here - distances.left, here - distances.above
        corner, ahead = here - before, here - distances.above_right
        total = 2 * (magnitudes[left] + magnitudes[above])
        total += magnitudes[corner] + magnitudes[ahead]
        mapped = reader.read(parameter(total))
        magnitudes[here] = min(mapped, MOST_MAGNITUDE)
        guess = predict(levels[left], levels[above], levels[corner])
        levels[here] = add_residual(guess, mapped)
    return levels[before:]


def predict(left: int, above: int, corner: int) -> int:
    """The median of left, above, and the plane through all three.

    Parameters
    ----------
    left, above, corner : int
        The levels to the left, above, and above left.
    """
    return sorted((left, above, left + above - corner))[1]


def add_residual(guess: int, mapped: int) -> int:
    """The level of a prediction and a mapped residual."""
    half = 1 << LEVEL_BITS - 1
    residual = ~(mapped >> 1) if mapped & 1 else mapped >> 1
    return (guess + residual + half & 2 * half - 1) - half
