"""The unit that takes new contents, against its model."""

import random
from dataclasses import replace

import pytest
from amaranth.hdl import Cat, Module, ResetInserter, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from fastcrc import crc64

from hw.link.block_reader import CONTENTS_BYTES
from hw.link.contents import ContentsConfig, ContentsUnit
from hw.stream.fifo import StreamFifo
from protocol.contents.blocks import HEADER, BlockKind, Status
from protocol.contents.model import ContentsModel, Write
from protocol.messages import DeviceInfo
from tests.harness import bench_group
from tests.harness.synthesised import synthesise
from tests.protocol.contents.updates import Updater, in_frames, spoilt, update

KEY = random.Random(1).randbytes(16)
CHECKS = [random.Random(2).getrandbits(64) for _ in range(3)]
LOADS = 1 << 12
"""Words that may wait to be looked at."""


def describe(key: bytes | None, classes: int = 5) -> DeviceInfo:
    return DeviceInfo(
        6, 5, 3, classes, 50_000_000, b"1network",
        structure=b"formwork", memories=len(CHECKS), keyed=key is not None, counter=3,
    )  # fmt: skip


class Watched(wiring.Component):
    """The unit with all that it tells and writes as streams: what the board is, with each frame."""

    def __init__(self, key: bytes | None):
        self.unit = ContentsUnit(describe(key), ContentsConfig(CHECKS, key))
        super().__init__(
            {
                "i": In(CONTENTS_BYTES),
                "o": Out(stream.Signature(32)),
                "o_load": Out(stream.Signature(80)),
                "o_board": Out(stream.Signature(98)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self.unit
        m.submodules.loads = loads = StreamFifo(80, LOADS)
        m.submodules.boards = boards = StreamFifo(98, 512)
        wiring.connect(m, wiring.flipped(self.i), unit.i)
        m.d.comb += [
            self.o.valid.eq(unit.o.valid),
            self.o.payload.eq(unit.o.payload[0]),
            unit.o.ready.eq(self.o.ready),
            loads.i.valid.eq(unit.o_load.enable),
            loads.i.payload.eq(unit.o_load.as_value()[1:]),
            boards.i.valid.eq(unit.o_judged),
            boards.i.payload.eq(
                Cat(unit.o_digest, unit.o_counter, unit.o_updating, unit.o_refused)
            ),
        ]
        wiring.connect(m, loads.o, wiring.flipped(self.o_load))
        wiring.connect(m, boards.o, wiring.flipped(self.o_board))
        return m


units = bench_group(Watched, [None, KEY])


def transfers(frame: bytes) -> list[int]:
    return [byte | (at == len(frame) - 1) << 8 for at, byte in enumerate(frame)]


def load_word(write: Write) -> int:
    return write.memory | write.column << 8 | write.row << 20 | write.word << 44


def board_word(model: ContentsModel, status: Status) -> int:
    digest = int.from_bytes(model.digest, "little")
    refused = status is not Status.OK
    return digest | model.counter << 64 | model.updating << 96 | refused << 97


def play(bench, key: bytes | None, frames: list[bytes], stalls, seed: int):
    """Compare what a unit makes of frames with what the model does; returns the model."""
    model = ContentsModel(describe(key), CHECKS, key)
    words, loads, boards = [], [], []
    for frame in frames:
        status, writes = model.receive(frame)
        words.append([int(status), *[0] * (describe(key).classes - 1)])
        loads += [load_word(write) for write in writes]
        boards.append(board_word(model, status))
    assert len(loads) < LOADS
    inputs = {"i": list(map(transfers, frames))}
    outputs = {"o": words, "o_load": [loads], "o_board": [boards]}
    result = bench.run(inputs, outputs, stalls=stalls, seed=seed)
    return model, result, {Status(word[0]) for word in words}


def updates(key: bytes | None, seed: int, counters: list[int]) -> list[list[bytes]]:
    """Frames of updates one after another, each with a digest of its own."""
    rng = random.Random(seed)
    made, checks = [], CHECKS
    for counter in counters:
        updater = Updater(describe(key), checks, key, counter)
        digest = counter.to_bytes(8, "big")
        made.append(in_frames(update(updater, rng, digest), rng))
        checks = updater.checks
    return made


@pytest.mark.parametrize("stalls", [0.0, 0.3, {"i": 0.8}, {"o": 0.9, "o_load": 0.5}])
@pytest.mark.parametrize("key", [None, KEY])
def test_updates_equal_the_model(key, stalls, units):
    frames = [frame for made in updates(key, 1, [4, 5, 70_000, 2**32 - 1]) for frame in made]
    model, _, statuses = play(units[key], key, frames, stalls, seed=2)
    assert statuses == {Status.OK}
    assert model.digest == (2**32 - 1).to_bytes(8, "big")


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("key", [None, KEY])
def test_whatever_comes_equals_the_model(key, seed, units):
    rng = random.Random(seed)
    made = updates(key, seed, list(range(4, 30)))
    other = updates(bytes(16) if key else None, seed, [40])[0]
    frames: list[bytes] = []
    for part in made:
        for frame in part:
            match rng.randrange(12):
                case 0 | 1:
                    frames.append(spoilt(frame, rng))
                case 2:
                    frames += [frame, frame]
                case 3:
                    frames.append(rng.choice(other))
                case 4:
                    frames.append(rng.choice(made[0] + made[-1]))
                case 5:
                    pass
                case _:
                    frames.append(frame)
    stalls = rng.choice([0.0, 0.2])
    _, _, statuses = play(units[key], key, frames, stalls, seed)
    assert len(statuses) >= 4


@pytest.mark.parametrize("key", [None, KEY])
def test_every_status_is_told(key, units):
    updater = Updater(describe(key), CHECKS, key, 9)
    begin, rows = updater.begin(), updater.rows(1, 0, 0, [1, 2, 3], 4)
    wrong = Updater(replace(describe(key), structure=b"scaffold"), CHECKS, key, 9)
    early = Updater(describe(key), CHECKS, key, 3)
    unsigned = Updater(describe(key), CHECKS, bytes(16) if key else None, 9)
    frames = [
        rows, wrong.begin(), early.begin(), unsigned.begin(), begin, begin, rows + rows,
        updater.make(BlockKind.COMMIT, bytes(16), index=2), rows[:-1], rows[: HEADER.size],
        updater.make(BlockKind.BEGIN, b"formwork", counter=10, index=1),
    ]  # fmt: skip
    _, _, statuses = play(units[key], key, frames, 0.1, seed=1)
    assert statuses == set(Status) - (set() if key else {Status.TAG})


@pytest.mark.parametrize("key", [None, KEY])
def test_headers_of_all_sizes_equal_the_model(key, units):
    """Each field at the ends of what it may be, of updates that have begun."""
    rng = random.Random(7)
    frames: list[bytes] = []
    updater = Updater(describe(key), CHECKS, key, 10)
    for _ in range(120):
        updater.counter += 1
        size = rng.choice([0, 1, 1, 5, 6, 8, 255])
        length = rng.choice([0, 1, 5, 8, 16, 40, 255, 256])
        place = {
            "word_bytes": size,
            "memory": rng.choice([0, 1, 2, 2, 3, 4, 255]),
            "column": rng.choice([0, 1, 2048, 4095, 4096]),
            "row": rng.choice([0, 1, 65535, 2**24 - 1]),
        }
        kind = rng.choice([*BlockKind, BlockKind.ROWS, BlockKind.ROWS, 0, 4, 130])
        frames.append(updater.begin() + updater.make(kind, rng.randbytes(length), **place))
    _, _, statuses = play(units[key], key, frames, 0.1, seed=1)
    assert {Status.OK, Status.MALFORMED} <= statuses


def test_a_block_takes_little_more_than_twice_its_bytes(units):
    updater = Updater(describe(None), CHECKS, None, 9)
    blocks = [updater.begin(), *(updater.rows(0, 0, 64 * at, [at] * 64, 4) for at in range(8))]
    _, result, _ = play(units[None], None, [b"".join(blocks)], 0.0, seed=1)
    assert result.last("i") - result.first("i") < 8 * (2 * 256 + 40) + 40


@pytest.mark.parametrize(
    ("checks", "key", "message"), [([1], None, "1 checks for 3"), (CHECKS, KEY, "keyed")]
)
def test_what_does_not_fit_together_is_refused(checks, key, message):
    with pytest.raises(ValueError, match=message):
        ContentsUnit(describe(None), ContentsConfig(checks, key))


class Player:
    """A unit in Amaranth's simulator, byte by byte, which can be reset."""

    def __init__(self, key: bytes | None = None):
        info = describe(key, classes=1)
        self.unit, self.reset = ContentsUnit(info, ContentsConfig(CHECKS, key)), Signal()
        self.updater = Updater(info, CHECKS, key, 9)
        self.loads = 0

    async def send(self, ctx, data: bytes, *, ends: bool = True) -> None:
        unit = self.unit
        ctx.set(unit.i.valid, 1)
        for at, byte in enumerate(data):
            ctx.set(unit.i.payload, {"byte": byte, "last": ends and at == len(data) - 1})
            await ctx.tick().until(unit.i.ready)
        ctx.set(unit.i.valid, 0)

    async def status(self, ctx) -> Status:
        ctx.set(self.unit.o.ready, 1)
        (status,) = await ctx.tick().sample(self.unit.o.payload[0]).until(self.unit.o.valid)
        ctx.set(self.unit.o.ready, 0)
        return Status(status)

    async def answer(self, ctx, data: bytes) -> Status:
        await self.send(ctx, data)
        return await self.status(ctx)

    async def restart(self, ctx) -> None:
        ctx.set(self.reset, 1)
        await ctx.tick().repeat(2)
        ctx.set(self.reset, 0)

    async def checks(self, ctx) -> list[int]:
        halves = []
        ctx.set(self.unit.i_telling, 1)
        for half in range(2 * len(CHECKS)):
            ctx.set(self.unit.i_check, half)
            await ctx.tick()
            halves.append(ctx.get(self.unit.o_check))
        ctx.set(self.unit.i_telling, 0)
        return [low | high << 32 for low, high in zip(halves[::2], halves[1::2], strict=True)]

    def run(self, testbench) -> None:
        async def watch(ctx):
            async for _, _, enable in ctx.tick().sample(self.unit.o_load.enable):
                self.loads += enable

        simulator = Simulator(ResetInserter(self.reset)(self.unit))
        simulator.add_clock(1e-8)
        simulator.add_testbench(testbench)
        simulator.add_testbench(watch, background=True)
        simulator.run()


@pytest.mark.parametrize("key", [None, KEY])
def test_what_was_taken_survives_a_reset_between_blocks(key):
    player = Player(key)
    updater = player.updater

    async def testbench(ctx):
        first = updater.begin() + updater.rows(0, 0, 0, [1, 2], 2)
        # The frame is cut in the next block, of which nothing remains.
        lost = updater.rows(0, 0, 2, [3], 2)
        await player.send(ctx, first + lost[:-1], ends=False)
        await ctx.tick().repeat(60)
        await player.restart(ctx)
        assert await player.checks(ctx) == [crc64.xz(b"\1\0\2\0"), *CHECKS[1:]]
        assert ctx.get(player.unit.o_counter) == 9
        assert ctx.get(player.unit.o_updating)
        rest = [lost, updater.rows(2, 0, 0, [7], 1), updater.commit(b"2network")]
        assert await player.answer(ctx, b"".join(rest)) is Status.OK
        await player.restart(ctx)
        assert await player.checks(ctx) == updater.checks
        assert ctx.get(player.unit.o_digest) == int.from_bytes(b"2network", "little")
        assert not ctx.get(player.unit.o_updating)
        assert await player.answer(ctx, updater.begin()) is Status.COUNTER

    player.run(testbench)
    assert player.loads == 4


@pytest.mark.parametrize("delay", [20, 60, 150])
def test_a_reset_amid_the_writing_leaves_no_check(delay):
    player = Player()
    updater = player.updater

    async def testbench(ctx):
        assert await player.answer(ctx, updater.begin()) is Status.OK
        block = updater.rows(1, 0, 0, list(range(200)), 1)
        await player.send(ctx, block, ends=False)
        await ctx.tick().repeat(delay)
        await player.restart(ctx)
        assert 0 < player.loads < 200
        assert await player.checks(ctx) == [CHECKS[0], 0, CHECKS[2]]
        assert await player.answer(ctx, updater.commit(b"2network")) is Status.ORDER
        updater.index = 1
        assert await player.answer(ctx, updater.commit(b"2network")) is Status.CHECK
        # The block was not taken; it may come again.
        assert await player.answer(ctx, block) is Status.OK
        updater.index = 2
        assert await player.answer(ctx, updater.commit(b"2network")) is Status.OK
        assert await player.checks(ctx) == updater.checks

    player.run(testbench)


@pytest.mark.parametrize("index", range(3))
def test_nothing_changes_while_someone_tells(index):
    player = Player()
    updater = player.updater
    blocks = [updater.begin(), updater.rows(1, 0, 0, [5, 6], 1), updater.commit(b"2network")]

    async def testbench(ctx):
        unit = player.unit
        for block in blocks[:index]:
            assert await player.answer(ctx, block) is Status.OK
        ctx.set(unit.i_telling, 1)
        before = [ctx.get(value) for value in (unit.o_digest, unit.o_counter, unit.o_updating)]
        loads = player.loads
        await player.send(ctx, blocks[index])
        await ctx.tick().repeat(300)
        assert ctx.get(unit.o_changes)
        assert not ctx.get(unit.o.valid)
        after = [ctx.get(value) for value in (unit.o_digest, unit.o_counter, unit.o_updating)]
        assert (before, loads) == (after, player.loads)
        ctx.set(unit.i_telling, 0)
        assert await player.status(ctx) is Status.OK
        assert not ctx.get(unit.o_changes)
        after = [ctx.get(value) for value in (unit.o_digest, unit.o_counter, unit.o_updating)]
        assert (before, loads) != (after, player.loads)

    player.run(testbench)


@pytest.mark.parametrize(("key", "most"), [(None, 600), (KEY, 1030)])
def test_it_is_small_and_fast_before_placement(key, most, tmp_path):
    rng = random.Random(3)
    info = replace(describe(key), memories=52, classes=1000, structure=rng.randbytes(8))
    config = ContentsConfig([rng.getrandbits(64) for _ in range(52)], key)
    count, timing = synthesise(ContentsUnit(info, config), tmp_path)
    # 125 MHz, a third of which is for what a router makes of it; then some more.
    assert timing.ns < 5.2, timing.slowest
    assert count.lut <= most
    assert (count.bram18, count.bram36, count.dsp) == (0, 0, 0)
