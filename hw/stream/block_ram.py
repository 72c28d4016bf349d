"""Shapes of block RAM, and how a memory is cut into blocks of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from amaranth.hdl import ClockDomain, Module, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out


@dataclass(frozen=True)
class Block:
    """A block RAM in one of its shapes.

    Attributes
    ----------
    rows, bits : int
        Parity bits included.
    halves : int
        Of 18 Kibit: 1, or 2 for a block of 36 Kibit.
    """

    rows: int
    bits: int
    halves: int = 1

    @property
    def address_bits(self) -> int:
        """Bits of the address of a row."""
        return self.rows.bit_length() - 1


HALF_BLOCKS = tuple(
    Block(rows, bits)
    for rows, bits in ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
)
"""One block RAM of 18 Kibit (AMD UG473, table 1-7: RAMB18E1 as simple dual port; Lattice
FPGA-TN-02204: DP16KD and PDPW16KD)."""
WHOLE_BLOCKS = tuple(
    Block(rows, bits, halves=2)
    for rows, bits in (
        *((512, 72), (1024, 36), (2048, 18), (4096, 9), (8192, 4), (16384, 2), (32768, 1)),
    )
)
"""One block RAM of 36 Kibit (AMD UG473, table 1-8: RAMB36E1)."""


@dataclass(frozen=True)
class Bank:
    """Rows of a memory that share their block RAMs.

    Attributes
    ----------
    block : Block
    columns : int
        Blocks side by side.
    """

    block: Block
    columns: int

    @property
    def halves(self) -> int:
        """Block RAMs of 18 Kibit."""
        return self.block.halves * self.columns


def cut(depth: int, width: int, blocks: Sequence[Block]) -> tuple[Bank, ...]:
    """Cut a memory into banks of one shape, with the fewest block RAMs, then the fewest banks.

    Mixed shapes, which now and then save a block RAM of 18 Kibit, are not tried.

    Parameters
    ----------
    depth, width : int
        Words, and bits of a word.
    blocks : sequence of Block
        What there is to choose from.
    """

    def cost(banks: tuple[Bank, ...]) -> tuple[int, int, int]:
        return sum(bank.halves for bank in banks), len(banks), banks[0].columns

    choices = ((Bank(block, -(-width // block.bits)), -(-depth // block.rows)) for block in blocks)
    return min(((bank,) * count for bank, count in choices), key=cost)


class BlockRam(wiring.Component):
    """A block RAM in one of its shapes, on one clock; each family of FPGAs has its own.

    No word is to be read in the cycle in which it is written: what comes then, each family says.

    Parameters
    ----------
    block : Block
        Of :attr:`BLOCKS`.
    rows : sequence of int
        What the first rows hold after configuration; the others hold zero.
    registered : bool
        Data pass the block's output register, and come two cycles after the address.

    Members
    -------
    read : Out(memory.ReadPort.Signature)
        While ``en`` is low, nothing moves: neither what is read nor the output register.
    write : Out(memory.WritePort.Signature)
    """

    BLOCKS: ClassVar[tuple[Block, ...]]
    """Shapes that there are."""

    def __init__(self, block: Block, rows: Sequence[int] = (), *, registered: bool = False):
        self._block, self._rows, self._registered = block, rows, registered
        width, shape = block.address_bits, block.bits
        super().__init__(
            {
                "read": Out(memory.ReadPort.Signature(addr_width=width, shape=shape)),
                "write": Out(memory.WritePort.Signature(addr_width=width, shape=shape)),
            }
        )

    @classmethod
    def cut(cls, depth: int, width: int) -> tuple[Bank, ...]:
        """The banks of a memory that is made of these block RAMs."""
        return cut(depth, width, cls.BLOCKS)


def behavioural_rows(
    m: Module, clock: Signal, block: Block, init: Sequence[int]
) -> tuple[memory.ReadPort, memory.WritePort]:
    """The words of a block RAM's behavioural model, in a domain ``local`` of its own clock.

    Parameters
    ----------
    m : Module
    clock : Signal
    block : Block
    init : sequence of int
        What the words begin with.
    """
    m.domains.local = domain = ClockDomain("local", reset_less=True)
    domain.clk = clock
    m.submodules.rows = rows = memory.Memory(shape=block.bits, depth=block.rows, init=init)
    return rows.read_port(domain="local"), rows.write_port(domain="local")
