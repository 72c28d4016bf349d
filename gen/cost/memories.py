"""Memories and multiplexers: block RAMs and LUTs, plain arithmetic on depths and widths."""

from __future__ import annotations

from functools import cache

from boards.board import Resources
from hw.stream.fifo import MemoryKind

RESOURCES = ("dsp", "lut", "bram36", "ff")
"""Order of the columns of resource arrays; also the order in which a shortage is named."""

_HALF_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
_FULL_SHAPES = ((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1))


@cache
def bram36(depth: int, width: int) -> float:
    """Block RAMs of a memory with one read and at most one write port; halves are RAMB18.

    The memory is tiled with one of the natural shapes, parity included, the cheapest one. Mixed
    tilings, which now and then save a half, are not counted on.

    Raises
    ------
    ValueError
        If it has no words, or no bits.
    """
    if depth < 1 or width < 1:
        raise ValueError(f"no memory is {depth} x {width}")
    halves = min(-(-depth // rows) * -(-width // bits) for rows, bits in _HALF_SHAPES)
    full = min(-(-depth // rows) * -(-width // bits) for rows, bits in _FULL_SHAPES)
    return min(halves / 2, full)


@cache
def lutram_luts(depth: int, width: int) -> int:
    """LUTs of a memory with one write and one read port: RAM32M or RAM64M and a read mux."""
    if depth <= 32:
        return -(-width // 6) * 4
    banks = -(-depth // 64)
    return banks * -(-width // 3) * 4 + width * -(-(banks - 1) // 3) + (banks if banks > 1 else 0)


def mux_luts(inputs: int) -> int:
    """LUTs a bit of a multiplexer: four inputs a LUT, and up to 16 joined by F7 and F8."""
    if inputs <= 1:
        return 0
    return -(-inputs // 4) + mux_luts(-(-inputs // 16))


def memory_cost(kind: MemoryKind, depth: int, width: int) -> Resources:
    """Cost of a memory in block RAM or in LUTs.

    Parameters
    ----------
    kind : "block" or "lut"
    depth, width : int
        Words, and bits of a word.
    """
    if kind == "block":
        return Resources(0, 0, 0, bram36(depth, width))
    return Resources(lutram_luts(depth, width), width, 0, 0)


def total(parts: list[Resources]) -> Resources:
    """Sum of resources."""
    return Resources(
        lut=sum(part.lut for part in parts),
        ff=sum(part.ff for part in parts),
        dsp=sum(part.dsp for part in parts),
        bram36=sum(part.bram36 for part in parts),
    )


def resource_row(resources: Resources) -> tuple[float, ...]:
    """Resources in the order of :data:`RESOURCES`."""
    return tuple(float(getattr(resources, name)) for name in RESOURCES)
