"""Read-only memories cut into block RAMs of their natural shapes, or in LUTs."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.stream.block_ram import HALF_BLOCKS, Bank
from hw.stream.dual_port import DualPortMemory, MemoryKind

_NATURAL = {block.rows: block for block in HALF_BLOCKS if block.rows <= 2048}
"""Blocks with parity bits, by their rows."""


def banks(depth: int, width: int) -> tuple[Bank, ...]:
    """Cut a memory into banks of natural shapes, with the fewest block RAMs.

    2367 rows of 36 bits take a bank of 2048 (four block RAMs) and one of 512 (one block RAM).
    """
    whole, rest = divmod(depth, 2048)
    tails = ((), (512,), (1024,), (1024, 512), (2048,))
    found = []
    for tail in tails:
        if sum(tail) >= rest and (rest or not tail):
            blocks = [_NATURAL[rows] for rows in (2048,) * whole + tail]
            found.append(tuple(Bank(block, -(-width // block.bits)) for block in blocks))
    return min(found, key=lambda cut: (sum(bank.halves for bank in cut), len(cut)))


class Rom(wiring.Component):
    """A memory that is only read; data comes one cycle after the address.

    Parameters
    ----------
    rows : list of int
    width : int
        Bits a row.
    kind : "block" or "lut"
        Block RAM is cut as :func:`banks` says, so that nothing is left to a tool's judgement.

    Members
    -------
    i_address : In(range(len(rows)))
    o_data : Out(width)
    """

    def __init__(self, rows: list[int], width: int, kind: MemoryKind):
        self._rows = rows
        self._width = width
        self._kind = kind
        super().__init__({"i_address": In(range(max(len(rows), 2))), "o_data": Out(width)})

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        depth = max(len(self._rows), 2)
        m.submodules.table = table = DualPortMemory(
            self._width,
            depth,
            self._kind,
            init=self._rows,
            banks=banks(depth, self._width),
            writable=False,
        )
        m.d.comb += [table.read.addr.eq(self.i_address), self.o_data.eq(table.read.data)]
        return m
