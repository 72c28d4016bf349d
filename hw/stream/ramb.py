"""Block RAM of AMD's 7-series, instantiated: one port that reads, one that writes.

A tool that is given an array of words decides by itself into which block RAMs it goes, and tools
differ. An instance of the primitive has one reading, and its output register is ours to use.
(AMD UG473, "7 Series FPGAs Memory Resources".)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.stream.block_ram import HALF_BLOCKS, WHOLE_BLOCKS, Block, BlockRam, behavioural_rows

CELLS = ("RAMB18E1", "RAMB36E1")
BLOCKS = (*HALF_BLOCKS, *WHOLE_BLOCKS)
"""Shapes that there are."""
_LINE = 256
"""Bits of an INIT_xx or INITP_xx."""
_VALUES = ("INIT", "SRVAL")
"""Parameters of a port that its outputs begin with, and are reset to."""
_ZERO = ("REGCEB", "RSTRAMARSTRAM", "RSTRAMB", "RSTREGARSTREG", "RSTREGB")
"""Inputs of one bit that never change. RAMB36E1's cascades are left open: no constant reaches
them, and neither are its error correction's inputs used."""


def _wide(block: Block) -> bool:
    """Whether a row takes the data pins of both ports: a simple dual port RAM."""
    return block.bits > 18 * block.halves


def _pins(block: Block) -> int:
    """Data pins of a port."""
    return 16 * block.halves


def _address_pins(block: Block) -> int:
    """Address pins of a port; a RAMB36E1's top one is for cascades."""
    return 14 if block.halves == 1 else 16


def _lowest(block: Block) -> int:
    """Lowest address pin of a row."""
    return 14 + (block.halves == 2) - block.address_bits


def _data_and_parity(value: Value) -> tuple[Value, Value]:
    """A row as the pins have it: every ninth bit is a parity bit, if there are nine or more."""
    if len(value) < 9:
        return value, Const(0, 0)
    starts = range(0, len(value), 9)
    return Cat(*(value[at : at + 8] for at in starts)), Cat(*(value[at + 8] for at in starts))


def _row(bits: int, data: Value, parity: Value) -> Value:
    """The row of what :func:`_data_and_parity` gave."""
    if bits < 9:
        return data[:bits]
    return Cat(*((data[8 * at : 8 * at + 8], parity[at]) for at in range(bits // 9)))


def contents(block: Block, rows: Sequence[int]) -> dict[str, Const]:
    """INIT_xx and INITP_xx of a block: the data bits of one row after another, and parity bits.

    Parameters
    ----------
    block : Block
    rows : sequence of int
        At most ``block.rows``.
    """
    groups = max(block.bits // 9, 1)
    width, mask = (8, 255) if block.bits >= 9 else (block.bits, (1 << block.bits) - 1)
    pieces = [row >> 9 * at for row in rows for at in range(groups)]
    data = sum((piece & mask) << width * at for at, piece in enumerate(pieces))
    lines = {"INIT": data}
    if block.bits >= 9:
        lines["INITP"] = sum((piece >> 8 & 1) << at for at, piece in enumerate(pieces))
    return {
        f"{name}_{line:02X}": Const(value >> line * _LINE & (1 << _LINE) - 1, _LINE)
        for name, value in lines.items()
        for line in range((8 if name == "INITP" else 64) * block.halves)
    }


def rows_of(block: Block, parameters: Mapping[str, int]) -> list[int]:
    """What :func:`contents` has packed, all rows of it.

    Parameters
    ----------
    block : Block
    parameters : dict of int
        Those that are missing are zero.
    """
    groups = max(block.bits // 9, 1)
    width = 8 if block.bits >= 9 else block.bits

    def piece(name: str, at: int, bits: int) -> int:
        line = parameters.get(f"{name}_{at * bits // _LINE:02X}", 0)
        return line >> at * bits % _LINE & (1 << bits) - 1

    rows = []
    for number in range(block.rows):
        pieces = range(number * groups, (number + 1) * groups)
        row = sum(piece("INIT", at, width) << 9 * k for k, at in enumerate(pieces))
        if block.bits >= 9:
            row |= sum(piece("INITP", at, 1) << 9 * k + 8 for k, at in enumerate(pieces))
        rows.append(row)
    return rows


class Ramb(BlockRam):
    """A RAMB18E1 or RAMB36E1.

    A read gives a row as it was before a write in the same cycle. Up to 18 or 36 bits the block is
    a true dual port RAM that reads by port A and writes by port B; twice as wide rows take the data
    pins of both ports, as a simple dual port RAM.
    """

    BLOCKS = BLOCKS

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        block, pins = self._block, _pins(self._block)
        data, parity = Signal(2 * pins), Signal(pins // 4)
        m.d.comb += self.read.data.eq(_row(block.bits, data, parity))
        m.submodules.ramb = Instance(
            CELLS[block.halves - 1],
            *[("p", name, value) for name, value in self._parameters().items()],
            *[("i", name, Const(0, 1)) for name in _ZERO],
            *[("i", name, value) for name, value in self._operands(m).items()],
            i_CLKARDCLK=ClockSignal(),
            i_CLKBWRCLK=ClockSignal(),
            i_ENARDEN=self.read.en,
            i_REGCEAREGCE=self.read.en,
            i_ENBWREN=self.write.en,
            i_WEA=Const(0, 2 * block.halves),
            o_DOADO=data[:pins],
            o_DOBDO=data[pins:],
            o_DOPADOP=parity[: pins // 8],
            o_DOPBDOP=parity[pins // 8 :],
        )
        return m

    def _operands(self, m: Module) -> dict[str, Value]:
        """Addresses and what is written, as the pins have them."""
        block, pins = self._block, _pins(self._block)
        found: dict[str, Value] = {}
        lowest, cascades = _lowest(block), block.halves - 1
        below, above = Const((1 << lowest) - 1, lowest), Const(cascades, cascades)
        for name, port in (("ADDRARDADDR", self.read), ("ADDRBWRADDR", self.write)):
            # Pins without a meaning are high, as in what Vivado makes.
            found[name] = Cat(below, port.addr, above)
        writes, all_writes = 4 * block.halves if _wide(block) else 4, 4 * block.halves
        found["WEBWE"] = Cat(self.write.en.replicate(writes), Const(0, all_writes - writes))
        # A narrow row is written by port B alone.
        skipped = 0 if _wide(block) else pins
        data, parity = Signal(2 * pins, name="di"), Signal(pins // 4, name="dip")
        bits, parity_bits = _data_and_parity(self.write.data)
        m.d.comb += [data[skipped:].eq(bits), parity[skipped // 8 :].eq(parity_bits)]
        found |= {"DIADI": data[:pins], "DIBDI": data[pins:]}
        return found | {"DIPADIP": parity[: pins // 8], "DIPBDIP": parity[pins // 8 :]}

    def _parameters(self) -> dict[str, int | str | Const]:
        """What an instance sets."""
        block = self._block
        return {
            **{f"{name}_{port}": Const(0, 18 * block.halves) for name in _VALUES for port in "AB"},
            **{f"WRITE_MODE_{port}": "READ_FIRST" for port in "AB"},
            **{f"DO{port}_REG": int(self._registered) for port in "AB"},
            "RAM_MODE": "SDP" if _wide(block) else "TDP",
            "READ_WIDTH_A": block.bits,
            "READ_WIDTH_B": 0,
            "WRITE_WIDTH_A": 0,
            "WRITE_WIDTH_B": block.bits,
            "SIM_DEVICE": "7SERIES",
            **contents(block, self._rows),
        }


class BehaviouralRamb(wiring.Component):
    """What a block RAM does as :class:`Ramb` sets it up, to be simulated in its place.

    The members are the primitive's ports; those in which nothing changes are there and not used.

    Parameters
    ----------
    cell : str
        Of :data:`CELLS`.
    parameters : dict
        That the instance sets; numbers as int.

    Raises
    ------
    ValueError
        If the block does not write rows as wide as it reads.
    """

    def __init__(self, cell: str, parameters: Mapping[str, int | str]):
        self._parameters = parameters
        halves, bits = CELLS.index(cell) + 1, parameters["READ_WIDTH_A"]
        if parameters["WRITE_WIDTH_B"] != bits:
            raise ValueError(f"{cell} reads {bits} bits, and writes {parameters['WRITE_WIDTH_B']}")
        self._block = next(b for b in BLOCKS if (b.halves, b.bits) == (halves, bits))
        pins, address = _pins(self._block), _address_pins(self._block)
        single = ("CLKARDCLK", "CLKBWRCLK", "ENARDEN", "ENBWREN", "REGCEAREGCE", *_ZERO)
        super().__init__(
            {
                **{name: In(1) for name in single},
                **{name: In(address) for name in ("ADDRARDADDR", "ADDRBWRADDR")},
                **{name: In(pins) for name in ("DIADI", "DIBDI")},
                **{name: In(pins // 8) for name in ("DIPADIP", "DIPBDIP")},
                **{"WEA": In(2 * halves), "WEBWE": In(4 * halves)},
                **{name: Out(pins) for name in ("DOADO", "DOBDO")},
                **{name: Out(pins // 8) for name in ("DOPADOP", "DOPBDOP")},
            }
        )

    @property
    def block(self) -> Block:
        """Its shape."""
        return self._block

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        block = self._block
        numbers = {k: v for k, v in self._parameters.items() if isinstance(v, int)}
        read, write = behavioural_rows(m, self.CLKARDCLK, block, rows_of(block, numbers))
        address = slice(_lowest(block), _lowest(block) + block.address_bits)
        data, parity = Cat(self.DIADI, self.DIBDI), Cat(self.DIPADIP, self.DIPBDIP)
        if not _wide(block):
            data, parity = self.DIBDI, self.DIPBDIP
        m.d.comb += [
            read.en.eq(self.ENARDEN),
            read.addr.eq(self.ADDRARDADDR[address]),
            write.en.eq(self.ENBWREN & self.WEBWE[0]),
            write.addr.eq(self.ADDRBWRADDR[address]),
            write.data.eq(_row(block.bits, data, parity)),
        ]
        out = read.data
        if numbers["DOA_REG"]:
            out = Signal.like(read.data)
            with m.If(self.REGCEAREGCE):
                m.d.local += out.eq(read.data)
        data, parity = _data_and_parity(out)
        m.d.comb += [
            Cat(self.DOADO, self.DOBDO).eq(data),
            Cat(self.DOPADOP, self.DOPBDOP).eq(parity),
        ]
        return m
