"""Memories of block RAM primitives: which ones, what they hold, and how they behave."""

from types import SimpleNamespace

import amaranth.hdl
import numpy as np
import pytest
from amaranth.back import rtlil

from hw.stream import dp16kd, ramb
from hw.stream.block_ram import HALF_BLOCKS, Bank, Block, cut
from hw.stream.dual_port import DualPortMemory, memory_attributes
from tests.harness.cycles import BehaviouralInstance, run


class SevenSeries(DualPortMemory):
    """A memory as it is for a chip of that family."""

    def elaborate(self, platform):
        return super().elaborate(SimpleNamespace(block_ram=ramb.Ramb))


class Ecp5(DualPortMemory):
    """A memory as it is for a chip of that family."""

    def elaborate(self, platform):
        return super().elaborate(SimpleNamespace(block_ram=dp16kd.Dp16kd))


@pytest.fixture(autouse=True)
def behavioural(monkeypatch):
    """Behavioural models in the place of block RAMs: Amaranth simulates no primitives."""
    for module in (ramb, dp16kd):
        monkeypatch.setattr(module, "Instance", BehaviouralInstance)


@pytest.mark.parametrize(
    ("depth", "width", "banks"),
    [
        (4, 64, (Bank(Block(512, 72, 2), 1),)),
        (1024, 32, (Bank(Block(1024, 36, 2), 1),)),
        (4096, 9, (Bank(Block(4096, 9, 2), 1),)),
        (600, 48, (Bank(Block(1024, 18), 3),)),
        (2600, 8, (Bank(Block(4096, 9, 2), 1),)),
        (8000, 2, (Bank(Block(8192, 2), 1),)),
        (1500, 36, (Bank(Block(512, 36), 1),) * 3),
        (2000, 36, (Bank(Block(2048, 18, 2), 2),)),
        (40_000, 1, (Bank(Block(16384, 1), 1),) * 3),
    ],
)
def test_few_block_rams_and_few_banks(depth, width, banks):
    assert cut(depth, width, ramb.BLOCKS) == banks


@pytest.mark.parametrize(
    ("family", "block"),
    [*((ramb, block) for block in ramb.BLOCKS), *((dp16kd, block) for block in HALF_BLOCKS)],
)
def test_contents_come_back(family, block):
    rng = np.random.default_rng(block.bits)
    count = min(block.rows, 701)
    words = [int.from_bytes(rng.bytes(9), "little") % (1 << block.bits) for _ in range(count)]
    packed = {name: value.value for name, value in family.contents(block, words).items()}
    rows = family.rows_of(block, packed)
    assert rows[:count] == words
    assert not any(rows[count:])
    assert len(rows) == block.rows


def traffic(depth, width, count, seed):
    """Cycles of (read, its address, write, its address, its data); reads often follow writes."""
    rng = np.random.default_rng(seed)
    address = place = 0
    for _ in range(count):
        address = place if rng.random() < 0.5 else int(rng.integers(0, depth))
        place = (address + int(rng.integers(1, depth))) % depth
        data = int.from_bytes(rng.bytes(16), "little") % (1 << width)
        yield int(rng.random() < 0.8), address, int(rng.random() < 0.6), place, data


def expected(words, steps, registered):
    """What a memory gives in each cycle."""
    words, latch, late, found = list(words), 0, 0, []
    for reads, address, writes, place, data in steps:
        found.append(late if registered else latch)
        if reads:
            late, latch = latch, words[address]
        if writes:
            words[place] = data
    return found


def play(memory, steps):
    """What a memory reads in each cycle."""
    read, write = memory.read, memory.write
    ports = read.en, read.addr, write.en, write.addr, write.data
    inputs = [list(zip(ports, step, strict=True)) for step in steps]
    return [value for (value,) in run(memory, inputs, [read.data])]


@pytest.mark.parametrize("registered", [False, True], ids=["latch", "register"])
@pytest.mark.parametrize("unit", [DualPortMemory, SevenSeries, Ecp5])
@pytest.mark.parametrize(
    ("depth", "width"),
    [(3, 65), (500, 36), (1024, 17), (1030, 30), (2048, 9), (4096, 4), (5000, 8), (9000, 2)],
)
def test_reads_and_writes(depth, width, unit, registered):
    rng = np.random.default_rng(depth)
    words = [int.from_bytes(rng.bytes(16), "little") % (1 << width) for _ in range(depth)]
    memory = unit(width, depth, "block", init=words, registered=registered)
    steps = list(traffic(depth, width, 300, width))
    assert play(memory, steps) == expected(words, steps, registered)


@pytest.mark.parametrize(("unit", "read"), [(DualPortMemory, 5), (SevenSeries, 5), (Ecp5, 250)])
def test_a_word_that_is_read_while_it_is_written(unit, read):
    steps = [(1, 2, 1, 2, 7), (1, 2, 0, 0, 0), (0, 0, 0, 0, 0)]
    assert play(unit(8, 4, "block", init=[5] * 4), steps) == [0, read, 7]


def test_a_memory_that_cannot_be_written_has_one_port():
    memory = DualPortMemory(8, 4, "lut", init=[1, 2, 3, 4], writable=False)
    assert {*memory.signature.members} == {"read"}
    inputs = [[(memory.read.addr, at)] for at in (0, 1, 2, 3, 0)]
    assert [value for (value,) in run(memory, inputs, [memory.read.data])] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("kind", "instances"), [("lut", 0), ("block", 3)])
def test_block_ram_is_only_for_memories_that_ask_for_it(kind, instances, monkeypatch):
    monkeypatch.setattr(ramb, "Instance", amaranth.hdl.Instance)
    text = rtlil.convert(SevenSeries(40, 1024, kind), name="top", emit_src=False)
    assert text.count("cell \\RAMB") == instances
    with pytest.raises(ValueError, match="'bram'"):
        memory_attributes("bram")  # type: ignore[arg-type]
