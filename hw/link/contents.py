"""What takes new contents for the memories that hold a network's weights.

See :class:`protocol.contents.model.ContentsModel` for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.link.block_judge import BlockJudge
from hw.link.block_reader import CONTENTS_BYTES, BlockReader
from hw.link.check_table import HALF_BITS, CheckTable
from hw.link.row_writer import RowWriter
from hw.stream.counter import Counter
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.contents.blocks import HEADER, Status
from protocol.contents.model import check_contents
from protocol.messages import DeviceInfo

COUNTER_BITS = HEADER.bits["counter"]
DIGEST_BITS = 64


@dataclass(frozen=True)
class ContentsConfig:
    """What memories hold at first, and who may change it.

    Attributes
    ----------
    checks : sequence of int
        CRC-64/XZ of the image of each memory.
    key : bytes or None
        16 of them; whoever has none can change nothing then.
    """

    checks: Sequence[int]
    key: bytes | None = None


class _Feed:
    """Bytes on their way from where they are kept to where they go, a cycle later.

    Attributes
    ----------
    writes, looks_up, sums, renews : Signal
        What is read in this cycle: a memory's byte, a byte of the table of checks, a byte of what
        it is compared with, a byte of the new digest.
    part : Signal
        Counts the last three.
    byte : Signal
        What was read.
    digest : Signal
        It belongs to the new digest.
    fresh : Signal
        What has come of that.
    """

    def __init__(self) -> None:
        names = ("writes", "looks_up", "sums", "renews")
        self.writes, self.looks_up, self.sums, self.renews = (Signal(name=name) for name in names)
        self.part = Signal(3, name="part")
        self.byte = Signal(8, name="byte", reset_less=True)
        self.digest = Signal(name="to_digest")
        self.fresh = Signal(DIGEST_BITS, name="fresh", reset_less=True)


class _Board:
    """What survives resets, as what the memories hold does, and what changes it.

    Attributes
    ----------
    digest, counter, updating, index : Signal
        Index of the block that is taken next.
    begins, goes_on, ends : Signal
        An update begins; a block of it is written; it is complete.
    """

    def __init__(self, info: DeviceInfo):
        digest = int.from_bytes(info.digest, "little")
        self.digest = Signal(DIGEST_BITS, init=digest, name="digest", reset_less=True)
        self.counter = Signal(COUNTER_BITS, init=info.counter, name="counter", reset_less=True)
        self.updating = Signal(init=info.updating, name="updating", reset_less=True)
        self.index = Signal(HEADER.bits["index"], name="index", reset_less=True)
        self.begins, self.goes_on, self.ends = (
            Signal(name=name) for name in ("begins", "goes_on", "ends")
        )


class _Parts:
    """What a unit is made of.

    Attributes
    ----------
    reader : BlockReader
    judge : BlockJudge
    table : CheckTable
    writer : RowWriter
    board : _Board
    feed : _Feed
    entry, half : Signal
        Which half of which check in the table.
    status : Signal
        Of the frame.
    """

    def __init__(self, info: DeviceInfo, config: ContentsConfig):
        self.reader, self.judge = BlockReader(info, config.key), BlockJudge()
        self.table, self.writer = CheckTable(config.checks), RowWriter()
        self.board, self.feed, self.status = _Board(info), _Feed(), Signal(Status, name="status")
        self.entry = Signal(range(max(info.memories, 2)), name="entry", reset_less=True)
        self.half = Signal(name="half")


class ContentsUnit(wiring.Component):
    """Takes frames of contents, writes what they say, and answers each by a status.

    Blocks come a byte a cycle, wait until they are complete, and are written a byte a cycle. All
    decisions follow from registers. Digest, counter, whether an update is under way, the next
    index, the table of the memories' checks and the CRC of the one that is written survive resets.

    Parameters
    ----------
    info : DeviceInfo
        As the board describes itself before the first update.
    config : ContentsConfig

    Members
    -------
    i : In(CONTENTS_BYTES)
    o : Out(lane_stream(1, signed(32)))
        For each frame ``info.classes`` words: its status, then zeros.
    o_judged : Out(1)
        For one cycle, before these words.
    o_refused : Out(1)
        Then: the status is not ``OK``.
    o_done : Out(1)
        For one cycle: the last of these words leaves.
    o_load : Out(LOAD)
        A register.
    o_digest : Out(64)
    o_counter : Out(32)
    o_updating : Out(1)
        What ``INFO`` says.
    i_check : In(range(2 * info.memories))
        Half of a check that is asked for, while ``i_telling`` is high.
    o_check : Out(32)
        That half, a cycle later.
    i_telling : In(1)
        Someone is telling what the board holds: do not change it. Legal from a cycle on in which
        ``o_changes`` was low; whoever tells must come to an end while it is high.
    o_changes : Out(1)
        What the board holds changes, or is about to.

    Raises
    ------
    ValueError
        If the checks are not as many as the board says that it has memories, or the key is not what
        it says, or not of 16 bytes.
    """

    def __init__(self, info: DeviceInfo, config: ContentsConfig):
        check_contents(info, config.checks, config.key)
        self._info, self._config = info, config
        super().__init__(
            {
                "i": In(CONTENTS_BYTES),
                "o": Out(lane_stream(1, signed(32))),
                "o_judged": Out(1),
                "o_refused": Out(1),
                "o_done": Out(1),
                "o_load": Out(LOAD),
                "o_digest": Out(DIGEST_BITS),
                "o_counter": Out(COUNTER_BITS),
                "o_updating": Out(1),
                "i_check": In(range(2 * info.memories)),
                "o_check": Out(HALF_BITS),
                "i_telling": In(1),
                "o_changes": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        parts = _Parts(self._info, self._config)
        for name in ("reader", "judge", "table", "writer"):
            m.submodules[name] = getattr(parts, name)
        wiring.connect(m, wiring.flipped(self.i), parts.reader.i)
        self._join(m, parts)
        self._feed(m, parts)
        self._renew_board(m, parts)
        with m.FSM():
            self._judge(m, parts)
            self._begin(m, parts)
            self._write(m, parts)
            self._commit(m, parts)
            self._renew(m, parts)
            self._answer(m, parts)
        return m

    def _join(self, m: Module, parts: _Parts) -> None:
        """What is told, and what blocks are compared with."""
        reader, judge, table, board = parts.reader, parts.judge, parts.table, parts.board
        m.d.comb += [
            self.o_digest.eq(board.digest),
            self.o_counter.eq(board.counter),
            self.o_updating.eq(board.updating),
            self.o_refused.eq(parts.status != Status.OK),
            judge.i_header.eq(reader.o_header),
            judge.i_ours.eq(reader.o_ours),
            judge.i_counter.eq(board.counter),
            judge.i_index.eq(board.index),
            judge.i_updating.eq(board.updating),
            table.i_place.eq(Mux(self.i_telling, self.i_check, Cat(parts.half, parts.entry))),
            self.o_check.eq(table.o_half),
            self.o_load.eq(parts.writer.o),
        ]

    def _renew_board(self, m: Module, parts: _Parts) -> None:
        """What a block changes, all of it at once."""
        board, header = parts.board, parts.reader.o_header
        m.d.sync += [event.eq(0) for event in (board.begins, board.goes_on, board.ends)]
        with m.If(board.begins):
            m.d.sync += [
                board.counter.eq(header.counter),
                board.updating.eq(1),
                board.index.eq(1),
            ]
        with m.If(board.goes_on):
            m.d.sync += board.index.eq(board.index + 1)
        with m.If(board.ends):
            m.d.sync += [board.digest.eq(parts.feed.fresh), board.updating.eq(0)]

    def _feed(self, m: Module, parts: _Parts) -> None:
        """Bytes of blocks and checks to where they go."""
        reader, table, writer, feed = parts.reader, parts.table, parts.writer, parts.feed
        checked = Signal()
        m.d.comb += [
            reader.i_step.eq(feed.writes | feed.sums | feed.renews),
            table.i_byte.eq(feed.byte),
            table.i_valid.eq(checked),
            writer.i_header.eq(reader.o_header),
            writer.i_begin.eq(~self.o_changes),
            writer.i_byte.eq(feed.byte),
        ]
        m.d.sync += [
            feed.byte.eq(reader.o_byte),
            checked.eq(feed.writes | feed.looks_up | feed.sums),
            writer.i_valid.eq(feed.writes),
            writer.i_place.eq(reader.o_place),
            writer.i_ends.eq(reader.o_word_ends),
            feed.digest.eq(feed.renews),
        ]
        with m.If(feed.looks_up):
            m.d.sync += feed.byte.eq(table.o_half.word_select(feed.part[:2], 8))
        with m.If(feed.looks_up | feed.sums | feed.renews):
            m.d.sync += feed.part.eq(feed.part + 1)
        with m.Else():
            m.d.sync += feed.part.eq(0)
        with m.If(feed.digest):
            m.d.sync += feed.fresh.eq(Cat(feed.fresh[8:], feed.byte))

    def _judge(self, m: Module, parts: _Parts) -> None:
        """Wait for a block, or for the end of a frame, and say what is wrong with it."""
        reader, status = parts.reader, parts.status
        with m.State("IDLE"):
            with m.If(reader.o_block):
                m.next = "JUDGED"
                m.d.sync += status.eq(parts.judge.o_status)
            with m.Elif(reader.o_end):
                m.next = "END"
                with m.If(status == Status.OK):
                    m.d.sync += status.eq(reader.o_status)
        with m.State("JUDGED"):
            m.next = "CLAIM"
            with m.If(self.o_refused):
                m.d.comb += [reader.i_next.eq(1), reader.i_refuse.eq(1)]
                m.next = "IDLE"

    def _begin(self, m: Module, parts: _Parts) -> None:
        """Wait until nobody tells what the board holds; then go on by the kind of the block."""
        judge, header = parts.judge, parts.reader.o_header
        with m.State("CLAIM"):
            m.d.sync += self.o_changes.eq(1)
            m.next = "WAIT"
        with m.State("WAIT"):
            m.d.sync += [parts.entry.eq(0), parts.half.eq(0)]
            m.d.comb += parts.table.i_restart.eq(judge.o_anew & ~self.i_telling)
            with m.If(~judge.o_commits):
                m.d.sync += parts.entry.eq(header.memory)
            with m.If(~self.i_telling):
                m.next = "CLEAR"
                with m.If(judge.o_begins):
                    m.next = "BEGIN"
                with m.If(judge.o_commits):
                    m.next = "FETCH"
        with m.State("BEGIN"):
            m.d.sync += parts.board.begins.eq(1)
            m.next = "DONE"
        with m.State("DONE"):
            m.d.comb += parts.reader.i_next.eq(1)
            m.d.sync += self.o_changes.eq(0)
            m.next = "IDLE"

    def _write(self, m: Module, parts: _Parts) -> None:
        """Rows: the check becomes 0, words are written, the check becomes that of all of them."""
        with m.State("CLEAR"):
            m.d.comb += parts.table.i_clear.eq(1)
            m.d.sync += parts.half.eq(~parts.half)
            with m.If(parts.half):
                m.next = "WRITE"
        with m.State("WRITE"):
            m.d.comb += parts.feed.writes.eq(1)
            with m.If(parts.reader.o_ends):
                m.next = "WRITTEN"
        with m.State("WRITTEN"):
            m.next = "STORE"
        with m.State("STORE"):
            m.d.comb += parts.table.i_store.eq(1)
            m.d.sync += parts.half.eq(~parts.half)
            with m.If(parts.half):
                m.d.sync += parts.board.goes_on.eq(1)
                m.next = "DONE"

    def _commit(self, m: Module, parts: _Parts) -> None:
        """A commit: the table's bytes have the CRC that is announced, or it is refused."""
        reader, feed = parts.reader, parts.feed
        with m.State("FETCH"):
            m.next = "LOOK_UP"
        with m.State("LOOK_UP"):
            m.d.comb += feed.looks_up.eq(1)
            with m.If(feed.part[:2] == 3):
                m.d.sync += parts.half.eq(~parts.half)
                m.next = "FETCH"
                with m.If(parts.half):
                    m.d.sync += parts.entry.eq(parts.entry + 1)
                    with m.If(parts.entry == self._info.memories - 1):
                        m.next = "LOOKED_UP"
        with m.State("LOOKED_UP"):
            m.next = "SUM"
        with m.State("SUM"):
            m.d.comb += feed.sums.eq(1)
            with m.If(feed.part == 7):
                m.next = "SUMMED"
        with m.State("SUMMED"):
            m.next = "MATCH"
        with m.State("MATCH"):
            m.next = "VERIFY"
        with m.State("VERIFY"):
            m.next = "RENEW"
            with m.If(~parts.table.o_matches):
                m.d.comb += [reader.i_next.eq(1), reader.i_refuse.eq(1)]
                m.d.sync += [self.o_changes.eq(0), parts.status.eq(Status.CHECK)]
                m.next = "IDLE"

    def _renew(self, m: Module, parts: _Parts) -> None:
        """A commit that is right: the digest that it brings is taken."""
        with m.State("RENEW"):
            m.d.comb += parts.feed.renews.eq(1)
            with m.If(parts.feed.part == 7):
                m.next = "RENEWED"
        with m.State("RENEWED"):
            m.next = "ACCEPT"
        with m.State("ACCEPT"):
            m.d.sync += parts.board.ends.eq(1)
            m.next = "DONE"

    def _answer(self, m: Module, parts: _Parts) -> None:
        """The words of a frame."""
        reader, status = parts.reader, parts.status
        m.submodules.words = words = Counter(self._info.classes)
        first = Signal()
        with m.State("END"):
            m.d.comb += self.o_judged.eq(1)
            m.d.sync += first.eq(1)
            m.next = "ANSWER"
        with m.State("ANSWER"):
            m.d.comb += [
                self.o.valid.eq(1),
                self.o.payload[0].eq(Mux(first, status, 0)),
                words.i_step.eq(self.o.ready),
            ]
            with m.If(self.o.ready):
                m.d.sync += first.eq(0)
                with m.If(words.o_last):
                    m.d.comb += [reader.i_next.eq(1), self.o_done.eq(1)]
                    m.d.sync += status.eq(Status.OK)
                    m.next = "IDLE"
