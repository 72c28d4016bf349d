"""Whether a block is the one that is next: its counter and index against the board's."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.link.block_reader import BLOCK_HEADER
from protocol.contents.blocks import HEADER, BlockKind, Status


class BlockJudge(wiring.Component):
    """Says why a block is refused, a cycle after all inputs are there.

    All outputs but the status are registers, and that follows from some of them.

    Members
    -------
    i_header : In(BLOCK_HEADER)
    i_ours : In(1)
        A ``BEGIN`` is for the board's structure.
    i_counter, i_index, i_updating : In
        The counter of the board, the index of the block that it takes next, and whether an update
        has begun.
    o_status : Out(Status)
        ``OK`` if the block is right but for what a ``COMMIT`` announces.
    o_begins, o_commits : Out(1)
        Its kind, if it is not ``ROWS``.
    o_anew : Out(1)
        A CRC begins with it.
    """

    i_header: In(BLOCK_HEADER)
    i_ours: In(1)
    i_counter: In(HEADER.bits["counter"])
    i_index: In(HEADER.bits["index"])
    i_updating: In(1)
    o_status: Out(Status)
    o_begins: Out(1)
    o_commits: Out(1)
    o_anew: Out(1)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        header = self.i_header
        greater, equal, follows, first = (
            Signal(name=name, reset_less=True) for name in ("greater", "equal", "follows", "first")
        )
        commits = header.kind == BlockKind.COMMIT
        begins_image = (header.column == 0) & (header.row == 0)
        m.d.sync += [
            self.o_begins.eq(header.kind == BlockKind.BEGIN),
            self.o_commits.eq(commits),
            self.o_anew.eq(commits | ((header.kind == BlockKind.ROWS) & begins_image)),
            greater.eq(header.counter > self.i_counter),
            equal.eq(header.counter == self.i_counter),
            follows.eq(header.index == self.i_index),
            first.eq(header.index == 0),
        ]
        # Of several reasons, the last one here.
        reasons = (
            (self.o_begins & ~first, Status.ORDER),
            (self.o_begins & ~greater, Status.COUNTER),
            (self.o_begins & ~self.i_ours, Status.STRUCTURE),
            (~self.o_begins & ~follows, Status.ORDER),
            (~self.o_begins & ~equal, Status.COUNTER),
            (~self.o_begins & ~self.i_updating, Status.NOT_UPDATING),
        )
        for reason, status in reasons:
            with m.If(reason):
                m.d.comb += self.o_status.eq(status)
        return m
