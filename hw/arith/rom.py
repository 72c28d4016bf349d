"""Rows read one after another, from block RAMs of their natural shapes or from LUTs.

They are constants, or what memories begin with that can be written while nothing is read.
"""

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from hw.arith.registers import copies, later
from hw.stream.block_ram import HALF_BLOCKS, Bank
from hw.stream.dual_port import DualPortMemory, MemoryKind, memory_attributes
from hw.stream.fifo import wrap
from hw.stream.load import LOAD
from protocol.contents.image import COLUMN_BITS, column_widths

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


LUT_LOADS = 64
"""Most LUTs of a table that share a register of the address."""


def lut_columns(depth: int) -> int:
    """Columns of a table of so many rows that share an address register."""
    return max(LUT_LOADS // -(-depth // 64), 1)


SLICE_BITS = 8
SLICE_ROWS = 1 << SLICE_BITS
"""Rows of a table of one bit that four LUTs hold which are side by side."""


NEAR_BANKS = 4
"""Most banks among which a LUT chooses before the cycle's end; with more, a register is behind."""


def choice_cycles(depth: int, width: int, kind: MemoryKind) -> int:
    """Cycles more that a ROM should take for the choice among its banks.

    Parameters
    ----------
    depth, width : int
        Rows, and bits a row.
    kind : "block" or "lut"
    """
    return int(kind == "block" and len(banks(max(depth, 2), width)) > NEAR_BANKS)


class Rom(wiring.Component):
    """Rows that are read one after another, and again from the first one.

    In block RAM, two cycles use its output register, and three one behind the choice among banks.
    In LUTs, each :data:`LUT_LOADS` of them have address registers of their own; with two cycles,
    these follow the one that counts.

    Parameters
    ----------
    rows : list of int
    width : int
        Bits a row.
    kind : "block" or "lut"
        Block RAM is cut as :func:`banks` says, so that nothing is left to a tool's judgement.
    latency : int
        Cycles from ``i_next`` to the row: 1, 2, or 3 in block RAM.
    writable : bool
        Whether rows can be replaced, by columns of :data:`COLUMN_BITS`.

    Members
    -------
    i_next : In(1)
        Take the next row; the first one comes first.
    o_data : Out(width)
        The row that was taken ``latency`` cycles before.
    i_load : In(LOAD)
        Only if it is writable; its ``memory`` is not looked at. What is read in the same cycle, and
        the row that comes next, count for nothing until ``latency`` cycles later.
    """

    def __init__(
        self,
        rows: list[int],
        width: int,
        kind: MemoryKind,
        *,
        latency: int = 1,
        writable: bool = False,
    ):
        self._rows, self._width, self._kind, self._latency = rows, width, kind, latency
        self._writable = writable
        ports = {"i_next": In(1), "o_data": Out(width)}
        super().__init__(ports | ({"i_load": In(LOAD)} if writable else {}))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        depth = max(len(self._rows), 2)
        if self._writable and self._kind == "lut" and self._latency > 1:
            self._written_tables(m, depth)
        elif self._writable:
            self._columns(m, depth)
        elif self._kind == "lut":
            self._tables(m)
        else:
            m.submodules.table = table = DualPortMemory(
                self._width,
                depth,
                "block",
                init=self._rows,
                banks=banks(depth, self._width),
                registered=self._latency > 1,
                writable=False,
            )
            m.d.comb += table.read.addr.eq(self._addresses(m, 1)[0])
            row = table.read.data if self._latency < 3 else later(m, table.read.data, "chosen")
            m.d.comb += self.o_data.eq(row)
        return m

    def _addresses(self, m: Module, count: int) -> list[Signal]:
        """The row to be taken next, in so many registers."""
        shape, attributes = range(max(len(self._rows), 2)), {"keep": "true"} if count > 1 else {}
        found = [Signal(shape, name=f"address{n}", attrs=attributes) for n in range(count)]
        following = wrap(found[0], len(self._rows))
        with m.If(self.i_next):
            m.d.sync += [address.eq(following) for address in found]
        return found

    def _columns(self, m: Module, depth: int) -> None:
        """Columns that are written each by itself."""
        widths, block = column_widths(self._width), self._kind == "block"
        if block:
            addresses = self._addresses(m, 1) * len(widths)
        else:
            addresses = self._addresses(m, len(widths))
        cut, parts = banks(depth, self._width), []
        for number, (address, width) in enumerate(zip(addresses, widths, strict=True)):
            part = [row >> number * COLUMN_BITS & (1 << width) - 1 for row in self._rows]
            m.submodules[f"column{number}"] = unit = DualPortMemory(
                width,
                depth,
                self._kind,
                init=part,
                banks=[Bank(bank.block, -(-width // bank.block.bits)) for bank in cut],
                registered=block and self._latency > 1,
            )
            mine = self.i_load.enable & (self.i_load.column == number)
            m.d.comb += [
                unit.read.addr.eq(address),
                unit.write.en.eq(mine),
                unit.write.addr.eq(self.i_load.row),
                unit.write.data.eq(self.i_load.word),
            ]
            parts.append(unit.read.data)
        row = Cat(*parts)
        m.d.comb += self.o_data.eq(later(m, row, "chosen") if self._latency == 3 else row)

    def _written_tables(self, m: Module, depth: int) -> None:
        """Tables whose address registers serve for writing too: a LUT holds 64 bits then, not 48.

        A word is written a cycle after it has come, with the address that came with it.
        """
        (address,), most = self._addresses(m, 1), lut_columns(depth)
        for number, width in enumerate(column_widths(self._width)):
            mine = self.i_load.enable & (self.i_load.column == number)
            following = Mux(mine, self.i_load.row[: len(address)], address)
            starts = range(0, width, most)
            near = copies(m, following, len(starts), f"near_address{number}_")
            writes, word = later(m, mine, "writes"), later(m, self.i_load.word[:width], "word")
            for place, start in zip(near, starts, strict=True):
                bits = min(most, width - start)
                first = number * COLUMN_BITS + start
                rows = [row >> first & (1 << bits) - 1 for row in self._rows]
                data = self._banked(m, f"table{first}", rows, place, writes, word[start:][:bits])
                m.d.comb += self.o_data[first : first + bits].eq(later(m, data, "row"))

    def _banked(
        self, m: Module, name: str, rows: list[int], place: Signal, writes: Signal, word: Value
    ) -> Value:
        """Tables of as many rows as a slice holds; returns what they have in a place.

        Parameters
        ----------
        m : Module
        name : str
        rows : list of int
            What is in them at first.
        place : Signal
            For reading and for writing.
        writes : Signal
        word : Value
            What is written.
        """
        found: list[Value] = []
        for number, start in enumerate(range(0, len(rows), SLICE_ROWS)):
            part = rows[start : start + SLICE_ROWS]
            m.submodules[f"{name}_{number}"] = table = memory.Memory(
                shape=len(word),
                depth=max(len(part), 2),
                init=part,
                attrs=memory_attributes("lut"),
            )
            read, write = table.read_port(domain="comb"), table.write_port()
            m.d.comb += [
                read.addr.eq(place),
                write.addr.eq(place),
                write.en.eq(writes & (place >> SLICE_BITS == number)),
                write.data.eq(word),
            ]
            found.append(read.data)
        for bit in place[SLICE_BITS:]:
            pairs = [found[at : at + 2] for at in range(0, len(found), 2)]
            found = [Mux(bit, pair[-1], pair[0]) for pair in pairs]
        return found[0]

    def _tables(self, m: Module) -> None:
        """Columns of the rows that share an address register."""
        columns = lut_columns(len(self._rows))
        starts = range(0, self._width, columns)
        if self._latency == 1:
            addresses = self._addresses(m, len(starts))
        else:
            addresses = copies(m, self._addresses(m, 1)[0], len(starts), "near_address")
        for address, start in zip(addresses, starts, strict=True):
            width = min(columns, self._width - start)
            part = [row >> start & (1 << width) - 1 for row in self._rows]
            m.submodules[f"table{start}"] = table = DualPortMemory(
                width, max(len(part), 2), "lut", init=part, writable=False
            )
            m.d.comb += [
                table.read.addr.eq(address),
                self.o_data[start : start + width].eq(table.read.data),
            ]
