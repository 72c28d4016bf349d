"""ROMs cut into block RAMs of natural shapes."""

import json
from collections import Counter

import numpy as np
import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from boards import seven_series
from gen.backend.rtlil import run_yosys, write_rtlil
from gen.nodes.conv_cost import writable_table_cost
from hw.arith.rom import LUT_LOADS, Rom, banks
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from protocol.contents.image import Image
from tests.harness import bench_group
from tests.harness.synthesised import synthesise
from tests.hw.loaded import Loaded, load_words


class Reader(wiring.Component):
    """A row for each transfer that comes, as late as the ROM gives it."""

    def __init__(self, rom: Rom, latency: int, width: int):
        self._rom, self._latency = rom, latency
        ports = {"i": In(lane_stream(1, 1)), "o": Out(lane_stream(1, width))}
        writable = "i_load" in rom.signature.members
        super().__init__(ports | ({"i_load": In(LOAD)} if writable else {}))

    def elaborate(self, platform):
        m = Module()
        m.submodules.rom = rom = self._rom
        if "i_load" in self.signature.members:
            m.d.comb += rom.i_load.eq(self.i_load)
        valid = Signal(self._latency)
        m.d.sync += valid.eq(valid << 1 | self.i.valid)
        m.d.comb += [
            self.i.ready.eq(1),
            rom.i_next.eq(self.i.valid),
            self.o.payload[0].eq(rom.o_data),
            self.o.valid.eq(valid[-1]),
        ]
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


CASES = [  # depth, width, kind, latency
    *((1, 5, "lut", 1), (2, 3, "lut", 2), (70, 130, "lut", 1), (70, 130, "lut", 2)),
    *((1, 9, "block", 1), (1, 9, "block", 3), (2600, 11, "block", 1), (2600, 11, "block", 2)),
    (11_000, 11, "block", 3),
]


def random_rows(depth, width):
    rng = np.random.default_rng(depth)
    return [int.from_bytes(rng.bytes(17), "little") % (1 << width) for _ in range(depth)]


def make(depth, width, kind, latency):
    rom = Rom(random_rows(depth, width), width, kind, latency=latency)
    return Reader(rom, latency, width)


readers = bench_group(make, CASES)


@pytest.mark.parametrize(("depth", "width", "kind", "latency"), CASES)
def test_every_row_comes_in_turn(depth, width, kind, latency, readers):
    bench, rows = readers[depth, width, kind, latency], random_rows(depth, width)
    words = np.array(rows * 2 + rows[:1], dtype=object)
    bench.run({"i": [np.zeros(len(words), int)]}, {"o": [words]}, stalls={"i": 0.5})
    result = bench.run({"i": [np.zeros(len(words), int)]}, {"o": [words]})
    assert result.first("o") - result.first("i") == latency


WRITTEN = [  # depth, width, kind, latency
    *((1, 5, "lut", 1), (70, 130, "lut", 1), (33, 72, "lut", 2), (1, 5, "lut", 2)),
    *((600, 100, "lut", 2), (256, 37, "lut", 2), (1100, 5, "lut", 2)),
    *((1, 9, "block", 1), (2600, 41, "block", 1), (600, 100, "block", 2), (11_000, 11, "block", 3)),
]


def make_written(depth, width, kind, latency):
    rom = Rom(random_rows(depth, width), width, kind, latency=latency, writable=True)
    words = load_words([Image.of(other_rows(depth, width), width)])
    return Loaded(Reader(rom, latency, width), len(words))


def other_rows(depth, width):
    return [row ^ ((1 << width) - 1) for row in random_rows(depth, width)]


written = bench_group(make_written, WRITTEN)


@pytest.mark.parametrize(("depth", "width", "kind", "latency"), WRITTEN)
def test_rows_that_were_written_take_the_place_of_the_first_ones(
    depth, width, kind, latency, written
):
    rows = other_rows(depth, width)
    words = np.array(load_words([Image.of(rows, width)]), dtype=object)
    read = np.array(rows * 2, dtype=object)
    written[depth, width, kind, latency].run(
        {"i": [np.zeros(len(read), int)], "load": [words]},
        {"o": [read]},
        stalls={"load": 0.3, "i": 0.2},
    )


@pytest.mark.parametrize("latency", [1, 2])
def test_address_registers_that_synthesis_leaves_apart(latency, tmp_path):
    rng = np.random.default_rng(latency)
    rows = [int.from_bytes(rng.bytes(32), "little") for _ in range(128)]
    write_rtlil(Rom(rows, 256, "lut", latency=latency), tmp_path / "rom.il", "top")
    run_yosys(
        f'read_rtlil "{tmp_path}/rom.il"',
        *seven_series.synthesis(pads=False),
        f'write_json "{tmp_path}/rom.json"',
    )
    cells = json.loads((tmp_path / "rom.json").read_text())["modules"]["top"]["cells"].values()
    loads = Counter(
        bit
        for cell in cells
        for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "input" and port != "C"
        for bit in bits
    )
    addresses = [
        cell["connections"]["Q"][0]
        for cell in cells
        if cell["type"] == "FDRE" and loads[cell["connections"]["Q"][0]] > 20
    ]
    # Seven bits of an address, each in eight registers, and LUTs of 64 rows.
    assert len(addresses) == 7 * 8
    assert max(loads[bit] for bit in addresses) <= LUT_LOADS + 20


@pytest.mark.parametrize(("depth", "width"), [(30, 36), (100, 72), (256, 40), (576, 44)])
def test_a_table_that_is_written_takes_what_the_planner_thinks(depth, width, tmp_path):
    rom = Rom(random_rows(depth, width), width, "lut", latency=2, writable=True)
    count, timing = synthesise(rom, tmp_path)
    planned = writable_table_cost(depth, width)
    assert count.lut == pytest.approx(planned.lut, rel=0.15, abs=16)
    assert count.ff == pytest.approx(planned.ff, rel=0.2)
    assert timing.fan_outs[0].loads <= 2 * LUT_LOADS
