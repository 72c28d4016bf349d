"""The checks of memories: a table of them, and the CRC that they are."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.crc.catalog import CRC64_XZ
from amaranth.lib.wiring import In, Out

from hw.stream.dual_port import memory_attributes

CHECK_BITS = 64
HALF_BITS = CHECK_BITS // 2
_CRC = CRC64_XZ(data_width=8)
_POLYNOMIAL = int(f"{_CRC.algorithm.polynomial:064b}"[::-1], 2)
"""Bit-reversed, as bytes come with their lowest bit first."""


class CheckTable(wiring.Component):
    """A CRC-64/XZ of bytes, one a cycle, and a table of such, which is read and written in halves.

    Nothing of it is reset, as what the memories hold is not.

    Parameters
    ----------
    checks : sequence of int
        What is in the table at first.

    Members
    -------
    i_restart : In(1)
        Begin the CRC anew, a cycle later.
    i_byte : In(8)
    i_valid : In(1)
        The byte goes into the CRC.
    o_matches : Out(1)
        The bytes until the cycle before end with their own CRC.
    i_place : In(range(2 * len(checks)))
        Which half of the table, the lower half of the first check being the first one.
    o_half : Out(32)
        It, a cycle later.
    i_clear, i_store : In(1)
        A cycle later it becomes 0; it becomes that half of what the CRC is then.
    """

    def __init__(self, checks: Sequence[int]):
        self._checks = checks
        super().__init__(
            {
                "i_restart": In(1),
                "i_byte": In(8),
                "i_valid": In(1),
                "o_matches": Out(1),
                "i_place": In(range(2 * len(checks))),
                "o_half": Out(HALF_BITS),
                "i_clear": In(1),
                "i_store": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        crc = Signal(CHECK_BITS, init=_CRC.algorithm.initial_crc, reset_less=True)
        made: Value = crc ^ self.i_byte
        for _ in range(8):
            made = (made >> 1) ^ Mux(made[0], _POLYNOMIAL, 0)
        restarts = Signal()
        m.d.sync += restarts.eq(self.i_restart)
        with m.If(restarts):
            m.d.sync += crc.eq(crc.init)
        with m.Elif(self.i_valid):
            m.d.sync += crc.eq(made)
        m.d.sync += self.o_matches.eq(crc == _CRC.residue())
        mask = (1 << HALF_BITS) - 1
        words = [check >> start & mask for check in self._checks for start in (0, HALF_BITS)]
        m.submodules.table = table = memory.Memory(
            shape=HALF_BITS, depth=len(words), init=words, attrs=memory_attributes("lut")
        )
        # One address for both, which takes fewer LUTs.
        read, write = table.read_port(domain="comb"), table.write_port()
        place = Signal.like(self.i_place, reset_less=True)
        clears, stores = Signal(), Signal()
        m.d.sync += [place.eq(self.i_place), clears.eq(self.i_clear), stores.eq(self.i_store)]
        m.d.comb += [
            read.addr.eq(place),
            write.addr.eq(place),
            write.en.eq(clears | stores),
            write.data.eq(Mux(clears, 0, (~crc).word_select(place[0], HALF_BITS))),
            self.o_half.eq(read.data),
        ]
        return m
