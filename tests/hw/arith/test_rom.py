"""ROMs cut into block RAMs of natural shapes."""

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.arith.rom import Rom, banks
from hw.stream.lane_stream import lane_stream
from tests.harness import StreamBench


class Reader(wiring.Component):
    """Reads the rows that come as addresses, a byte of each."""

    def __init__(self, rom: Rom, depth: int, width: int):
        self._rom, self._depth = rom, depth
        super().__init__({"i": In(lane_stream(1, 16)), "o": Out(lane_stream(1, width))})

    def elaborate(self, platform):
        m = Module()
        m.submodules.rom = rom = self._rom
        m.d.comb += [
            rom.i_address.eq(self.i.payload[0]),
            self.o.payload[0].eq(rom.o_data),
            self.i.ready.eq(~self.o.valid | self.o.ready),
        ]
        # The data of an address stays until the next one is taken.
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(self.i.valid)
        return m


@pytest.mark.parametrize(
    ("depth", "width", "blocks"),
    [
        (2048, 756, 84),
        (2367, 36, 5),  # 2048 rows in four, 512 in one
        (2016, 297, 33),
        (500, 40, 2),
        (1100, 36, 3),  # 1024 rows in two, 512 in one
        (4096, 9, 2),
        (5000, 18, 5),
    ],
)
def test_banks_have_room_and_take_few_block_rams(depth, width, blocks):
    cut = banks(depth, width)
    assert sum(bank.block.rows for bank in cut) >= depth
    assert all(bank.columns * bank.block.bits >= width for bank in cut)
    assert sum(bank.halves for bank in cut) == blocks


@pytest.mark.parametrize(
    ("depth", "width", "kind"), [(2, 3, "lut"), (70, 20, "lut"), (2600, 11, "block")]
)
def test_every_row_comes_back(depth, width, kind, tmp_path):
    rng = np.random.default_rng(depth)
    rows = rng.integers(0, 1 << width, depth)
    rom = Rom([int(row) for row in rows], width, kind)
    bench = StreamBench(Reader(rom, depth, width), "rom", tmp_path)
    order = rng.permutation(depth) if depth < 1000 else np.arange(depth)
    bench.run({"i": [order]}, {"o": [rows[order]]})
