"""A memory with one port that reads and one that writes, in a chosen kind of memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from amaranth.hdl import Array, Cat, Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import Out
from amaranth.utils import ceil_log2

from hw.stream.block_ram import Bank, BlockRam

MemoryKind = Literal["block", "lut"]


def memory_attributes(kind: MemoryKind, *, rom: bool = False) -> dict[str, str]:
    """Attributes that make Yosys and Vivado put a memory into block RAM or into LUTs.

    Yosys has no LUT memory that cannot be written, so a ROM in LUTs is logic to it; Vivado goes by
    ``rom_style`` for a ROM.

    Raises
    ------
    ValueError
        If ``kind`` is neither ``"block"`` nor ``"lut"``.
    """
    if kind not in ("block", "lut"):
        raise ValueError(f"memory kind must be 'block' or 'lut', not {kind!r}")
    if rom:
        in_luts = {"ram_style": "registers", "rom_style": "distributed"}
        return {"rom_style": "block"} if kind == "block" else in_luts
    return {"ram_style": "block" if kind == "block" else "distributed"}


class DualPortMemory(wiring.Component):
    """Words that one port writes and another one reads, on one clock.

    No word is to be read in the cycle in which it is written. For a board, a memory in block RAM is
    made of the chip's primitives (the platform's ``block_ram``), so that it takes as many of them
    as was planned, whatever the tool; otherwise it is an array of words.

    Parameters
    ----------
    shape : shape-like
        Of a word.
    depth : int
    kind : "block" or "lut"
    init : sequence of int
        The first words; the others are zero.
    banks : sequence of Bank or None
        How it is cut into block RAMs; None if the primitive is to choose.
    registered : bool
        Data come two cycles after the address, out of the block RAM's own register.
    writable : bool
        Whether there is a port that writes.

    Members
    -------
    read : Out(memory.ReadPort.Signature)
        While ``en`` is low, nothing moves: neither what is read nor the register behind it.
    write : Out(memory.WritePort.Signature)
        Only if it is writable.
    """

    def __init__(
        self,
        shape: ShapeLike,
        depth: int,
        kind: MemoryKind,
        *,
        init: Sequence[int] = (),
        banks: Sequence[Bank] | None = None,
        registered: bool = False,
        writable: bool = True,
    ):
        self._attributes = memory_attributes(kind, rom=not writable)
        self._shape, self._depth, self._kind, self._init = shape, depth, kind, init
        self._banks, self._registered, self._writable = banks, registered, writable
        bits = ceil_log2(depth)
        ports = {"read": Out(memory.ReadPort.Signature(addr_width=bits, shape=shape))}
        if writable:
            ports["write"] = Out(memory.WritePort.Signature(addr_width=bits, shape=shape))
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        primitive = getattr(platform, "block_ram", None) if self._kind == "block" else None
        if primitive is None:
            self._infer(m)
        else:
            self._place(m, primitive)
        return m

    def _infer(self, m: Module) -> None:
        """An array of words."""
        m.submodules.words = words = memory.Memory(
            shape=self._shape, depth=self._depth, init=self._init, attrs=self._attributes
        )
        read = words.read_port()
        data = Value.cast(read.data)
        if self._registered:
            late = Signal(data.shape(), reset_less=True)
            with m.If(self.read.en):
                m.d.sync += late.eq(data)
            data = late
        m.d.comb += [
            read.en.eq(self.read.en),
            read.addr.eq(self.read.addr),
            Value.cast(self.read.data).eq(data),
        ]
        if self._writable:
            write = words.write_port()
            m.d.comb += [
                write.en.eq(self.write.en),
                write.addr.eq(self.write.addr),
                Value.cast(write.data).eq(Value.cast(self.write.data)),
            ]

    def _place(self, m: Module, primitive: type[BlockRam]) -> None:
        """Block RAMs side by side, and banks of them one after another."""
        banks = self._banks or primitive.cut(self._depth, Shape.cast(self._shape).width)
        ends = [*accumulate(bank.block.rows for bank in banks)]
        starts = [0, *ends[:-1]]
        chosen = _number_of_bank(self.read.addr, starts)
        for name in ("bank", "late_bank")[: 1 + self._registered]:
            late = Signal(range(max(len(banks), 2)), name=name, reset_less=True)
            with m.If(self.read.en):
                m.d.sync += late.eq(chosen)
            chosen = late
        parts = []
        for number, bank in enumerate(banks):
            rows = self._init[starts[number] : ends[number]]
            writes: Value | None = None
            if self._writable:
                mine = _number_of_bank(self.write.addr, starts) == number
                writes = self.write.en & mine if len(banks) > 1 else self.write.en
            parts.append(self._bank(m, primitive, f"bank{number}", bank, rows, writes))
        data = Array(parts)[chosen] if len(parts) > 1 else parts[0]
        m.d.comb += Value.cast(self.read.data).eq(data)

    def _bank(
        self,
        m: Module,
        primitive: type[BlockRam],
        name: str,
        bank: Bank,
        rows: Sequence[int],
        writes: Value | None,
    ) -> Value:
        """What a bank reads; its block RAMs hold some columns of the rows each."""
        width, bits, parts = Shape.cast(self._shape).width, bank.block.bits, []
        for column in range(bank.columns):
            here = slice(column * bits, min((column + 1) * bits, width))
            mask = (1 << here.stop - here.start) - 1
            mine = [row >> here.start & mask for row in rows]
            unit = primitive(bank.block, mine, registered=self._registered)
            m.submodules[f"{name}_{column}"] = unit
            m.d.comb += [unit.read.en.eq(self.read.en), unit.read.addr.eq(self.read.addr)]
            if writes is not None:
                m.d.comb += [
                    unit.write.en.eq(writes),
                    unit.write.addr.eq(self.write.addr),
                    unit.write.data.eq(Value.cast(self.write.data)[here]),
                ]
            parts.append(unit.read.data[: here.stop - here.start])
        return Cat(*parts)


def _number_of_bank(address: Value, starts: Sequence[int]) -> Value:
    """Which bank holds a word; no bank is larger than the one before it."""
    number: Value = Value.cast(0)
    for at, start in enumerate(starts[1:], start=1):
        # A bank begins at a multiple of its size, and the bits below tell nothing.
        zeros = (start & -start).bit_length() - 1
        number = Mux(address[zeros:] >= start >> zeros, at, number)
    return number
