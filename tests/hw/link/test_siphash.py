import random

import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from siphash24 import siphash24

from hw.link.siphash import HASHED_BYTE, SipHash
from tests.harness import bench_group
from tests.harness.synthesised import synthesise

KEYS = (bytes(range(16)), random.Random(1).randbytes(16))


class Whole(wiring.Component):
    """The unit for messages that are all there: its streams alone."""

    i: In(stream.Signature(HASHED_BYTE))
    o: Out(stream.Signature(64))

    def __init__(self, key: bytes):
        super().__init__()
        self.unit = SipHash(key)

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = self.unit
        wiring.connect(m, wiring.flipped(self.i), self.unit.i)
        wiring.connect(m, self.unit.o, wiring.flipped(self.o))
        return m


hashes = bench_group(Whole, KEYS)


def transfers(message: bytes) -> list[int]:
    return [byte | (at == len(message) - 1) << 8 for at, byte in enumerate(message)]


def tags(messages: list[bytes], key: bytes) -> list[list[int]]:
    found = (siphash24(message, key=key).digest() for message in messages)
    return [[int.from_bytes(digest, "little")] for digest in found]


def test_the_vector_of_the_paper(hashes):
    message = [transfers(bytes(range(15)))]
    hashes[KEYS[0]].run({"i": message}, {"o": [[0xA129CA6149BE45E5]]})


@pytest.mark.parametrize("stalls", [0.0, 0.3, {"i": 0.9}, {"o": 0.9}])
@pytest.mark.parametrize("key", KEYS)
def test_messages_of_any_length(key, stalls, hashes):
    rng = random.Random(2)
    messages = [rng.randbytes(length) for length in [*range(1, 71), 255, 256, 280]]
    rng.shuffle(messages)
    outputs = {"o": tags(messages, key)}
    hashes[key].run({"i": list(map(transfers, messages))}, outputs, stalls=stalls, seed=3)


def test_a_byte_a_cycle(hashes):
    message = random.Random(4).randbytes(272)
    key = KEYS[1]
    result = hashes[key].run({"i": [transfers(message)]}, {"o": tags([message], key)})
    assert result.bubbles("i") == 0
    assert result.first("o") - result.last("i") <= 34


@pytest.mark.parametrize("delay", [1, 3, 8, 20])
@pytest.mark.parametrize("length", [1, 7, 8, 9, 16, 30])
def test_what_was_before_is_forgotten_when_it_is_cleared(length, delay):
    unit = SipHash(KEYS[0])
    message = random.Random(length).randbytes(20)

    async def send(ctx, data: bytes, *, ends: bool) -> None:
        ctx.set(unit.i.valid, 1)
        for at, byte in enumerate(data):
            ctx.set(unit.i.payload, {"byte": byte, "last": ends and at == len(data) - 1})
            await ctx.tick().until(unit.i.ready)
        ctx.set(unit.i.valid, 0)

    async def testbench(ctx):
        await send(ctx, bytes(length), ends=length % 2 == 0)
        await ctx.tick().repeat(delay)
        ctx.set(unit.i_clear, 1)
        await ctx.tick()
        ctx.set(unit.i_clear, 0)
        await send(ctx, message, ends=True)
        (tag,) = await ctx.tick().sample(unit.o.payload).until(unit.o.valid)
        assert [[tag]] == tags([message], KEYS[0])

    simulator = Simulator(unit)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_a_key_has_sixteen_bytes():
    with pytest.raises(ValueError, match="16 bytes, not 15"):
        SipHash(bytes(15))


def test_it_is_small_and_fast_before_placement(tmp_path):
    count, timing = synthesise(SipHash(KEYS[1]), tmp_path)
    # 125 MHz, a third of which is for what a router makes of it; then some more.
    assert timing.ns < 5, timing.slowest
    assert count.lut < 430
    assert count.ff < 480
