"""Words for memories, made of the bytes of a block."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.link.block_reader import BLOCK_HEADER
from hw.stream.load import LOAD
from protocol.contents.blocks import MOST_WORD_BYTES


class RowWriter(wiring.Component):
    """Gives one word after another to rows one after another. A byte a cycle.

    Members
    -------
    i_header : In(BLOCK_HEADER)
        Of a ``ROWS`` block.
    i_begin : In(1)
        The next word is for the first of its rows; low while there are bytes, and two cycles more.
    i_byte : In(8)
    i_valid : In(1)
        It is a byte of a word.
    i_place : In(range(MOST_WORD_BYTES))
        Which one, the lowest being 0.
    i_ends : In(1)
        It is the word's last one; bytes that are not there are 0.
    o : Out(LOAD)
        Enable, row and word are registers.
    """

    i_header: In(BLOCK_HEADER)
    i_begin: In(1)
    i_byte: In(8)
    i_valid: In(1)
    i_place: In(range(MOST_WORD_BYTES))
    i_ends: In(1)
    o: Out(LOAD)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        header, load = self.i_header, self.o
        m.d.comb += [load.memory.eq(header.memory), load.column.eq(header.column)]
        m.d.sync += load.enable.eq(self.i_valid & self.i_ends)
        with m.If(load.enable):
            m.d.sync += load.row.eq(load.row + 1)
        with m.Elif(self.i_begin):
            m.d.sync += load.row.eq(header.row)
        with m.If(self.i_valid):
            for place in range(MOST_WORD_BYTES):
                part = load.word[8 * place : 8 * place + 8]
                with m.If(self.i_place == place):
                    m.d.sync += part.eq(self.i_byte)
                with m.Elif(self.i_place == 0):
                    m.d.sync += part.eq(0)
        return m
