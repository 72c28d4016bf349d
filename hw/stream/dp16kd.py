"""Block RAM of Lattice's ECP5, instantiated: port A writes, port B reads.

(Lattice FPGA-TN-02204, "ECP5 and ECP5-5G Memory Usage Guide"; the rows of 36 bits are what Lattice
calls PDPW16KD, the same block with the data pins of both ports side by side.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.stream.block_ram import HALF_BLOCKS, Block, BlockRam, behavioural_rows

CELL = "DP16KD"
_PINS = 18
"""Data pins of a port."""
_ADDRESS_PINS = 14
_LINE, _SLOT = 16, 20
"""Words of 18 bits in an INITVAL_xx, and bits that each takes there."""
_FIXED = {
    **{f"CSDECODE_{port}": "0b000" for port in "AB"},
    **{f"CLK{port}MUX": f"CLK{port}" for port in "AB"},
    **{f"WRITEMODE_{port}": "NORMAL" for port in "AB"},
    **{"RESETMODE": "SYNC", "ASYNC_RESET_RELEASE": "SYNC", "GSR": "AUTO"},
}
_ZERO = (*(f"CS{port}{number}" for port in "AB" for number in range(3)), "RSTA", "RSTB")


def contents(block: Block, rows: Sequence[int]) -> dict[str, Const]:
    """INITVAL_xx of a block: nine bits after nine bits, the ninth of narrow rows without meaning.

    Parameters
    ----------
    block : Block
    rows : sequence of int
        At most ``block.rows``.
    """
    if block.bits < 9:
        side = 8 // block.bits
        padded = [*rows, *[0] * (-len(rows) % side)]
        groups = (padded[at : at + side] for at in range(0, len(padded), side))
        nines = [sum(row << block.bits * n for n, row in enumerate(group)) for group in groups]
    else:
        nines = [row >> at & 511 for row in rows for at in range(0, block.bits, 9)]
    lines = [0] * 64
    for number, nine in enumerate(nines):
        word, upper = divmod(number, 2)
        lines[word // _LINE] |= nine << word % _LINE * _SLOT + 9 * upper
    return {f"INITVAL_{at:02X}": Const(line, _LINE * _SLOT) for at, line in enumerate(lines)}


def rows_of(block: Block, parameters: Mapping[str, int]) -> list[int]:
    """What :func:`contents` has packed, all rows of it.

    Parameters
    ----------
    block : Block
    parameters : dict of int
    """
    words = [
        parameters[f"INITVAL_{at:02X}"] >> word * _SLOT & (1 << _PINS) - 1
        for at in range(64)
        for word in range(_LINE)
    ]
    nines = [word >> start & 511 for word in words for start in (0, 9)]
    if block.bits >= 9:
        count = block.bits // 9
        groups = (nines[at : at + count] for at in range(0, len(nines), count))
        return [sum(nine << 9 * n for n, nine in enumerate(group)) for group in groups]
    mask = (1 << block.bits) - 1
    return [nine >> start & mask for nine in nines for start in range(0, 8, block.bits)]


def _lowest(block: Block) -> int:
    """Lowest address pin of a row."""
    return _ADDRESS_PINS - block.address_bits


class Dp16kd(BlockRam):
    """A DP16KD. What is read of a row in the cycle in which it is written is not known."""

    BLOCKS = HALF_BLOCKS

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        block = self._block
        out, data = Signal(2 * _PINS), Signal(2 * _PINS)
        # Below the row's address are the enables of the bytes that are written.
        enables = Const(15 if block.bits >= _PINS else 0, _lowest(block))
        unused = Const(0, _lowest(block))
        m.d.comb += [data.eq(self.write.data), self.read.data.eq(out)]
        pins = {
            "DIA": data[:_PINS],
            "DIB": data[_PINS:],
            "ADA": Cat(enables, self.write.addr),
            "ADB": Cat(unused, self.read.addr),
        }
        outputs = {"DOA": out[:_PINS], "DOB": out[_PINS:]}
        if block.bits <= _PINS:
            outputs = {"DOB": out[:_PINS], "DOA": out[_PINS:]}
        m.submodules.dp16kd = Instance(
            CELL,
            *[("p", name, value) for name, value in self._parameters().items()],
            *[("i", name, Const(0, 1)) for name in _ZERO],
            *[("i", f"{k}{n}", bit) for k, bits in pins.items() for n, bit in enumerate(bits)],
            *[("o", f"{k}{n}", bit) for k, bits in outputs.items() for n, bit in enumerate(bits)],
            i_CLKA=ClockSignal(),
            i_CLKB=ClockSignal(),
            i_CEA=self.write.en,
            i_OCEA=self.read.en,
            i_WEA=self.write.en,
            i_CEB=self.read.en,
            i_OCEB=self.read.en,
            i_WEB=Const(0, 1),
        )
        return m

    def _parameters(self) -> dict[str, int | str | Const]:
        """What an instance sets.

        Half of a row of 36 bits leaves by port A, through a register of its own.
        """
        mode = "OUTREG" if self._registered else "NOREG"
        return {
            **_FIXED,
            "DATA_WIDTH_A": self._block.bits,
            "DATA_WIDTH_B": self._block.bits,
            **{f"REGMODE_{port}": mode for port in "AB"},
            **contents(self._block, self._rows),
        }


class BehaviouralDp16kd(wiring.Component):
    """What a DP16KD does as :class:`Dp16kd` sets it up, to be simulated in its place.

    The members are the primitive's ports; those in which nothing changes are there and not used.
    A row that is read while it is written comes out wrong.

    Parameters
    ----------
    parameters : dict
        That the instance sets; numbers as int.
    """

    def __init__(self, parameters: Mapping[str, int | str]):
        self._parameters = parameters
        bits = parameters["DATA_WIDTH_B"]
        self._block = next(block for block in HALF_BLOCKS if block.bits == bits)
        single = [f"{name}{port}" for name in ("CLK", "CE", "OCE", "WE") for port in "AB"]
        data = [f"DI{port}{pin}" for port in "AB" for pin in range(_PINS)]
        address = [f"AD{port}{pin}" for port in "AB" for pin in range(_ADDRESS_PINS)]
        out = [f"DO{port}{pin}" for port in "AB" for pin in range(_PINS)]
        names = (*single, *data, *address, *_ZERO)
        super().__init__({**{name: In(1) for name in names}, **{name: Out(1) for name in out}})

    def _pins(self, name: str, count: int) -> Value:
        """Pins of one bit side by side."""
        return Cat(*(getattr(self, f"{name}{pin}") for pin in range(count)))

    @property
    def block(self) -> Block:
        """Its shape."""
        return self._block

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        block = self._block
        numbers = {k: v for k, v in self._parameters.items() if isinstance(v, int)}
        read, write = behavioural_rows(m, self.CLKB, block, rows_of(block, numbers))
        lowest, collides = _lowest(block), Signal()
        m.d.comb += [
            read.en.eq(self.CEB),
            read.addr.eq(self._pins("ADB", _ADDRESS_PINS)[lowest:]),
            write.en.eq(self.CEA & self.WEA),
            write.addr.eq(self._pins("ADA", _ADDRESS_PINS)[lowest:]),
            write.data.eq(Cat(self._pins("DIA", _PINS), self._pins("DIB", _PINS))),
        ]
        with m.If(self.CEB):
            m.d.local += collides.eq(write.en & (read.addr == write.addr))
        out = Signal(block.bits)
        m.d.comb += out.eq(Mux(collides, ~read.data, read.data))
        if block.bits > _PINS:
            m.d.comb += [
                self._pins("DOA", _PINS).eq(self._registered(m, "A", out[:_PINS])),
                self._pins("DOB", _PINS).eq(self._registered(m, "B", out[_PINS:])),
            ]
        else:
            m.d.comb += self._pins("DOB", _PINS).eq(self._registered(m, "B", out))
        return m

    def _registered(self, m: Module, port: str, out: Value) -> Value:
        """What leaves by a port, behind its register if it is used."""
        if self._parameters[f"REGMODE_{port}"] != "OUTREG":
            return out
        late = Signal(len(out), name=f"late_{port.lower()}")
        with m.If(getattr(self, f"OCE{port}")):
            m.d.local += late.eq(out)
        return late
