"""The window memories of engines: rings of pixels, and how many of these to keep."""

from __future__ import annotations

from functools import cache

from boards.board import Family, Resources
from gen.cost.memories import memory_cost
from gen.nodes.window_shape import WindowShape
from hw.layers.window import FEWEST
from hw.stream.fifo import MemoryKind

KINDS: dict[Family, tuple[MemoryKind, ...]] = {"xc7": ("block", "lut"), "ecp5": ("block",)}
"""Memories for weights and windows. In the ECP5's LUTs a bit costs four times as many as in those
of the 7-series, and there are more block RAMs."""


@cache
def window_cost(kind: MemoryKind, pixels: int, chunks: int, lanes: int) -> Resources:
    """A window memory.

    Parameters
    ----------
    kind : "block" or "lut"
    pixels : int
        That it holds, padding included.
    chunks : int
        Words a pixel.
    lanes : int
        Channels of 8 bits in a word.
    """
    return memory_cost(kind, max(pixels * chunks, FEWEST), 8 * lanes)


def ring_pixels(
    shape: WindowShape, kind: MemoryKind, chunks: int, lanes: int, busy: int, cycles: int
) -> int:
    """Pixels of the cheapest window memory with which an engine is fast enough; the most of them.

    A smaller ring makes the engine, and what is behind it, wait between frames.

    Parameters
    ----------
    shape : WindowShape
    kind, chunks, lanes : "block" or "lut", int, int
        As for :func:`window_cost`.
    busy : int
        Cycles a frame of what waits, if it did not.
    cycles : int
        A frame.
    """
    sizes = range(shape.window_pixels, shape.fewest_pixels - 1, -1)
    most = cycles * shape.pixels
    fast = [n for n in sizes if busy * (shape.pixels + shape.wait_pixels(n)) <= most]

    def price(pixels: int) -> tuple[float, float]:
        cost = window_cost(kind, pixels, chunks, lanes)
        return cost.bram36, cost.lut

    return min(fast, key=price)
