"""Memories and multiplexers: block RAMs and LUTs, plain arithmetic on depths and widths."""

from __future__ import annotations

from functools import cache
from operator import attrgetter

from boards.board import Resources
from hw.stream.block_ram import HALF_BLOCKS, cut
from hw.stream.dual_port import MemoryKind

RESOURCES = ("dsp", "lut", "bram36", "ff")
"""Order of the columns of resource arrays; also the order in which a shortage is named."""
_in_order = attrgetter(*RESOURCES)


@cache
def bram36(depth: int, width: int) -> float:
    """Block RAMs of a memory with one read and at most one write port; halves are RAMB18.

    The memory is cut as the hardware is. Blocks of 36 Kibit have shapes that as many halves of a
    block make together, so they need not be looked at.

    Raises
    ------
    ValueError
        If it has no words, or no bits.
    """
    if depth < 1 or width < 1:
        raise ValueError(f"no memory is {depth} x {width}")
    return sum(bank.halves for bank in cut(depth, width, HALF_BLOCKS)) / 2


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
    lut = ff = dsp = 0
    bram36: float = 0
    for part in parts:  # faster than four sums, and plans ask for a million
        lut += part.lut
        ff += part.ff
        dsp += part.dsp
        bram36 += part.bram36
    return Resources(lut, ff, dsp, bram36)


def resource_row(resources: Resources) -> tuple[float, ...]:
    """Resources in the order of :data:`RESOURCES`."""
    return tuple(map(float, _in_order(resources)))
