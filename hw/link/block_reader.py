"""Frames of contents, taken apart into blocks: what is malformed or not signed goes no further."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.link.siphash import HASHED_BYTE, TAG_BITS, SipHash
from hw.stream.dual_port import memory_attributes
from hw.stream.skid_buffer import SkidBuffer
from protocol.contents.blocks import (
    BEGIN_DATA,
    COLUMNS,
    COMMIT_DATA,
    HEADER,
    MOST_DATA,
    MOST_WORD_BYTES,
    TAG_BYTES,
    BlockKind,
    Status,
)
from protocol.messages import DeviceInfo

CONTENTS_BYTE = data.StructLayout({"byte": 8, "last": 1})
CONTENTS_BYTES = stream.Signature(CONTENTS_BYTE)
"""The bytes of frames of contents, one after another; ``last`` ends one."""
BLOCK_HEADER = data.StructLayout(HEADER.bits)
_COLUMN_BITS = (COLUMNS - 1).bit_length()


class _Part:
    """Which part of a block the byte is of that comes; none between two blocks."""

    def __init__(self) -> None:
        self.header, self.data, self.tag = (
            Signal(name=f"in_{name}") for name in ("header", "data", "tag")
        )

    @property
    def any(self) -> Value:
        """It is of some part."""
        return self.header | self.data | self.tag


class BlockReader(wiring.Component):
    """Keeps a block until all of it is there and right, then tells of it.

    A byte a cycle in, but for a few cycles a block, and those that a tag takes. While a block is
    told of, its data are read a byte a cycle, from the first one on, and nothing is taken.

    Parameters
    ----------
    info : DeviceInfo
        Says which structure the board has, and how many memories.
    key : bytes or None
        Without it, blocks have no tags.

    Members
    -------
    i : In(CONTENTS_BYTES)
    o_block : Out(1)
        A block is here. Its counter and index, and a ``BEGIN``'s data, have not been looked at.
    o_header : Out(BLOCK_HEADER)
        Its header.
    o_ours : Out(1)
        Its data begin with the board's structure.
    o_byte : Out(8)
        Of its data.
    o_place : Out(range(MOST_WORD_BYTES))
        Of that byte in its word, if the block has words.
    o_word_ends, o_ends : Out(1)
        It is the last one of its word; of the block.
    i_step : In(1)
        Go on to the next byte.
    o_end : Out(1)
        Nothing more will come of this frame.
    o_status : Out(Status)
        With ``o_end``: what was wrong with it; nothing, or ``MALFORMED`` or ``TAG``.
    i_next : In(1)
        For one cycle: the block, or the end, is dealt with.
    i_refuse : In(1)
        With ``i_next``: swallow the rest of the frame.
    """

    def __init__(self, info: DeviceInfo, key: bytes | None):
        self._info, self._key = info, key
        super().__init__(
            {
                "i": In(CONTENTS_BYTES),
                "o_block": Out(1),
                "o_header": Out(BLOCK_HEADER),
                "o_ours": Out(1),
                "o_byte": Out(8),
                "o_place": Out(range(MOST_WORD_BYTES)),
                "o_word_ends": Out(1),
                "o_ends": Out(1),
                "i_step": In(1),
                "o_end": Out(1),
                "o_status": Out(Status),
                "i_next": In(1),
                "i_refuse": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        # Bytes come out of a block RAM, which is slow.
        m.submodules.skid = skid = SkidBuffer(CONTENTS_BYTE)
        wiring.connect(m, wiring.flipped(self.i), skid.i)
        at, last_at = Signal(range(MOST_DATA)), Signal(range(MOST_DATA), init=HEADER.size - 1)
        part = _Part()
        taken, byte = Signal(), skid.o.payload.byte
        m.d.comb += [taken.eq(skid.o.valid & skid.o.ready), self.o_ends.eq(at == last_at)]
        with m.If(taken & part.header):
            m.d.sync += self.o_header.eq(Cat(self.o_header.as_value()[8:], byte))
        self._keep(m, at, byte, taken & part.data)
        known, wrong = self._hash(m, skid.o, part)
        with m.If(self.o_end):
            m.d.sync += at.eq(0)
        with m.Elif((taken & part.any) | self.i_step):
            m.d.sync += at.eq(Mux(self.o_ends, 0, at + 1))
        ended = Signal()
        with m.If(taken & skid.o.payload.last):
            m.d.sync += ended.eq(1)
        with m.Elif(self.o_end & self.i_next):
            m.d.sync += ended.eq(0)
        with m.FSM():
            self._take(m, skid.o, part, last_at, known)
            self._tell(m, skid.o, last_at, wrong, ended)
        return m

    def _keep(self, m: Module, at: Signal, byte: Value, writes: Value) -> None:
        """Keep a block's data, count words, and see whether it is the board's structure."""
        m.submodules.data = words = memory.Memory(
            shape=8, depth=MOST_DATA, init=[], attrs=memory_attributes("lut")
        )
        read, write = words.read_port(domain="comb"), words.write_port()
        m.d.comb += [
            read.addr.eq(at),
            self.o_byte.eq(read.data),
            write.addr.eq(at),
            write.data.eq(byte),
            write.en.eq(writes),
            self.o_word_ends.eq(self.o_place + 1 == self.o_header.word_bytes[:3]),
        ]
        with m.If(writes | self.i_step):
            m.d.sync += self.o_place.eq(Mux(self.o_word_ends, 0, self.o_place + 1))
        structure = Signal(8 * BEGIN_DATA.size)
        m.d.comb += structure.eq(int.from_bytes(self._info.structure, "little"))
        with m.If(writes):
            same = byte == structure.word_select(at[:3], 8)
            m.d.sync += self.o_ours.eq(same & (self.o_ours | (at == 0)))

    def _hash(
        self, m: Module, taken: stream.Interface, part: _Part
    ) -> tuple[Signal | None, Signal]:
        """Hash a block; returns whether its tag is known, if there are tags, and is wrong."""
        wrong = Signal(reset_less=True)
        if self._key is None:
            return None, wrong
        begins = Signal(init=1)  # also behind a reset
        valid, late = Signal(), Signal(HASHED_BYTE, reset_less=True)
        known, tag = Signal(), Signal(TAG_BITS, reset_less=True)
        m.submodules.hash = unit = SipHash(self._key)
        # It takes a byte a cycle, so that nobody has to wait for it.
        m.d.sync += [
            begins.eq(self.o_block | self.o_end),
            valid.eq(taken.valid & (part.header | part.data)),
            late.byte.eq(taken.payload.byte),
            late.last.eq(part.data & self.o_ends),
            known.eq(unit.o.valid),
        ]
        m.d.comb += [
            unit.i.valid.eq(valid),
            unit.i.payload.eq(late),
            unit.i_clear.eq(begins),
        ]
        with m.If(~known):
            m.d.sync += [tag.eq(unit.o.payload), wrong.eq(0)]
        with m.Elif(taken.valid & part.tag):
            differs = taken.payload.byte != tag[:8]
            m.d.sync += [tag.eq(tag >> 8), wrong.eq(wrong | differs)]
        return known, wrong

    def _is_right(self, m: Module) -> Value:
        """Whether the header is one of a block, two cycles after it has come."""
        header = self.o_header
        length, size = header.length, header.word_bytes
        right = {
            "begins": (header.kind == BlockKind.BEGIN) & (length == BEGIN_DATA.size),
            "commits": (header.kind == BlockKind.COMMIT) & (length == COMMIT_DATA.size),
            "writes": header.kind == BlockKind.ROWS,
            "some": length.any() & (length <= MOST_DATA),
            "size": (size != 0) & (size <= MOST_WORD_BYTES),
            "memory": header.memory < self._info.memories,
            "column": ~header.column[_COLUMN_BITS:].any(),
        }
        known = {name: Signal(name=f"{name}_right", reset_less=True) for name in right}
        m.d.sync += [known[name].eq(value) for name, value in right.items()]
        rows = Cat(known[name] for name in ("writes", "some", "size", "memory", "column")).all()
        return known["begins"] | known["commits"] | rows

    def _take(
        self,
        m: Module,
        taken: stream.Interface,
        part: _Part,
        last_at: Signal,
        known: Signal | None,
    ) -> None:
        """From a block's first byte to its last one.

        Parameters
        ----------
        m : Module
            In its state machine.
        taken : stream.Interface
        part : _Part
        last_at : Signal
            Where the last byte of this part is.
        known : Signal or None
            The tag is, if there is one.
        """
        last, length, keyed = taken.payload.last, self.o_header.length, known is not None
        moves, right = taken.valid & taken.ready, self._is_right(m)
        with m.State("HEADER"):
            m.d.comb += [part.header.eq(1), taken.ready.eq(1)]
            with m.If(moves & self.o_ends):
                m.next = "WEIGH"
            self._cut(m, moves & last)
        with m.State("WEIGH"):
            m.d.sync += [last_at.eq(length - 1), self.o_place.eq(0)]
            m.next = "DECIDE"
        with m.State("DECIDE"):
            m.next = "DATA"
            self._cut(m, ~right)
        with m.State("DATA"):
            m.d.comb += [part.data.eq(1), taken.ready.eq(1)]
            with m.If(moves & self.o_ends):
                m.d.sync += last_at.eq(TAG_BYTES - 1)
                m.next = "TAG" if keyed else "CHECK"
            self._cut(m, moves & last & (1 if keyed else ~self.o_ends))
        if known is not None:
            with m.State("TAG"):
                m.d.comb += [part.tag.eq(1), taken.ready.eq(known)]
                with m.If(moves & self.o_ends):
                    m.next = "CHECK"
                self._cut(m, moves & last & ~self.o_ends)

    def _cut(self, m: Module, condition: Value) -> None:
        """This is no block."""
        with m.If(condition):
            m.d.sync += self.o_status.eq(Status.MALFORMED)
            m.next = "SWALLOW"

    def _tell(
        self, m: Module, taken: stream.Interface, last_at: Signal, wrong: Value, ended: Value
    ) -> None:
        """From a block's last byte to the next one's first, or the next frame's.

        Parameters
        ----------
        m : Module
            In its state machine.
        taken : stream.Interface
        last_at : Signal
        wrong, ended : value
            The tag is wrong; the frame has ended.
        """
        partial = (self.o_header.kind == BlockKind.ROWS) & (self.o_place != 0)
        with m.State("CHECK"):
            m.d.sync += last_at.eq(self.o_header.length - 1)
            m.next = "BLOCK"
            with m.If(wrong):
                m.d.sync += self.o_status.eq(Status.TAG)
                m.next = "SWALLOW"
            self._cut(m, partial)
        with m.State("BLOCK"):
            m.d.comb += self.o_block.eq(1)
            with m.If(self.i_next):
                m.next = "FIRST"
                with m.If(self.i_refuse | ended):
                    m.next = "SWALLOW"
        with m.State("SWALLOW"):
            m.d.comb += taken.ready.eq(~ended)
            with m.If(ended):
                m.next = "END"
        with m.State("END"):
            m.d.comb += self.o_end.eq(1)
            with m.If(self.i_next):
                m.d.sync += self.o_status.eq(Status.OK)
                m.next = "FIRST"
        with m.State("FIRST"):
            m.d.sync += last_at.eq(HEADER.size - 1)
            m.next = "HEADER"
