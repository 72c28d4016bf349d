"""Memories that are written before anything is read from them."""

from collections.abc import Iterable

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.contents.image import Image

SETTLES = 8
"""Cycles from the last word that is written to the first one that may be read."""


class Loaded(wiring.Component):
    """A unit whose stream ``i`` stands still until so many words were written to its memories.

    Parameters
    ----------
    unit : wiring.Component
        With ports ``i``, ``o`` and ``i_load``.
    words : int
    """

    def __init__(self, unit: wiring.Component, words: int):
        self._unit, self._words = unit, words
        members = unit.signature.members
        super().__init__(
            {"i": members["i"], "o": members["o"], "load": In(lane_stream(1, LOAD.size))}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self._unit
        left, waits = Signal(range(self._words + 1), init=self._words), Signal(SETTLES, init=1)
        word = self.load.payload[0]
        m.d.comb += [
            self.load.ready.eq(left != 0),
            unit.i_load.as_value().eq(word),
            unit.i_load.enable.eq(self.load.valid & self.load.ready),
            unit.i.payload.eq(self.i.payload),
            unit.i.valid.eq(self.i.valid & waits[-1]),
            self.i.ready.eq(unit.i.ready & waits[-1]),
        ]
        connect(m, unit.o, flipped(self.o))
        with m.If(self.load.valid & self.load.ready):
            m.d.sync += left.eq(left - 1)
        with m.If((left == 0) & ~waits[-1]):
            m.d.sync += waits.eq(waits << 1)
        return m


def load_words(images: Iterable[Image]) -> list[int]:
    """What is broadcast to write memories, from number 0 on, in the order of a transfer."""
    words = []
    for memory, image in enumerate(images):
        for column in image.columns:
            size = column.word_bytes
            for row, start in enumerate(range(0, len(column.data), size)):
                fields = {
                    "enable": 1,
                    "memory": memory,
                    "column": column.number,
                    "row": row,
                    "word": int.from_bytes(column.data[start : start + size], "little"),
                }
                words.append(LOAD.const(fields).as_value().value)
    return words
