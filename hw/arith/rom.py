"""Read-only memories cut into block RAMs of their natural shapes, or in LUTs."""

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.fifo import MemoryKind, memory_attributes

NATURAL = {512: 36, 1024: 18, 2048: 9}
"""Widths, parity bits included, of one 18 Kibit block RAM by its depth (AMD UG473, table 1-7:
RAMB18E1 as simple dual port; Lattice FPGA-TN-02204: DP16KD and PDPW16KD)."""


@dataclass(frozen=True)
class Bank:
    """Rows of a memory that share their block RAMs.

    Attributes
    ----------
    depth : int
        A key of :data:`NATURAL`.
    columns : int
        Block RAMs of 18 Kibit side by side.
    """

    depth: int
    columns: int


def banks(depth: int, width: int) -> tuple[Bank, ...]:
    """Cut a memory into banks of natural shapes, with the fewest block RAMs.

    2367 rows of 36 bits take a bank of 2048 (four block RAMs) and one of 512 (one block RAM).
    """
    whole, rest = divmod(depth, 2048)
    tails = ((), (512,), (1024,), (1024, 512), (2048,))
    found = []
    for tail in tails:
        if sum(tail) >= rest and (rest or not tail):
            depths = (2048,) * whole + tail
            found.append(tuple(Bank(rows, -(-width // NATURAL[rows])) for rows in depths))
    return min(found, key=lambda cut: (sum(bank.columns for bank in cut), len(cut)))


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
        if self._kind == "lut":
            port = self._memory(m, "table", self._rows, 2, self._width)
            m.d.comb += [port.addr.eq(self.i_address), self.o_data.eq(port.data)]
            return m
        data, start = None, 0
        for number, bank in enumerate(banks(len(self._rows), self._width)):
            rows = self._rows[start : start + bank.depth]
            mine = self._bank(m, f"bank{number}", rows, bank)
            if data is None:
                data = mine
            else:
                here = Signal(name=f"in_bank{number}")
                m.d.sync += here.eq(self.i_address >= start)
                data = Mux(here, mine, data)
            start += bank.depth
        m.d.comb += self.o_data.eq(data)
        return m

    def _bank(self, m: Module, name: str, rows: list[int], bank: Bank) -> Value:
        """The data of one bank, from memories of one block RAM each."""
        bits, parts = NATURAL[bank.depth], []
        for column in range(bank.columns):
            width = min(bits, self._width - column * bits)
            mask = (1 << width) - 1
            part = [row >> column * bits & mask for row in rows]
            port = self._memory(m, f"{name}_{column}", part, bank.depth, width)
            m.d.comb += port.addr.eq(self.i_address)
            parts.append(port.data)
        return Cat(*parts)

    def _memory(
        self, m: Module, name: str, rows: list[int], depth: int, width: int
    ) -> memory.ReadPort:
        m.submodules[name] = storage = memory.Memory(
            shape=width,
            depth=max(len(rows), depth),
            init=rows,
            attrs=memory_attributes(self._kind, rom=True),
        )
        return storage.read_port()
