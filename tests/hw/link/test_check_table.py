import random

from amaranth.sim import Simulator
from fastcrc import crc64

from hw.link.check_table import CheckTable

CHECKS = [random.Random(1).getrandbits(64) for _ in range(5)]


def run(testbench) -> None:
    table = CheckTable(CHECKS)

    async def play(ctx):
        await testbench(ctx, table)

    simulator = Simulator(table)
    simulator.add_clock(1e-8)
    simulator.add_testbench(play)
    simulator.run()


async def restart(ctx, table: CheckTable) -> None:
    ctx.set(table.i_restart, 1)
    await ctx.tick()
    ctx.set(table.i_restart, 0)
    await ctx.tick()


async def feed(ctx, table: CheckTable, data: bytes, rng: random.Random) -> None:
    for byte in data:
        while rng.random() < 0.3:
            ctx.set(table.i_byte, rng.randrange(256))
            await ctx.tick()
        ctx.set(table.i_byte, byte)
        ctx.set(table.i_valid, 1)
        await ctx.tick()
        ctx.set(table.i_valid, 0)


async def halves(ctx, table: CheckTable) -> list[int]:
    found = []
    for place in range(2 * len(CHECKS)):
        ctx.set(table.i_place, place)
        await ctx.tick()
        found.append(ctx.get(table.o_half))
    return [low | high << 32 for low, high in zip(found[::2], found[1::2], strict=True)]


def test_checks_are_cleared_and_become_those_of_what_came():
    async def testbench(ctx, table):
        rng, expected = random.Random(2), list(CHECKS)
        assert await halves(ctx, table) == expected
        for number in (3, 0, 4):
            data = rng.randbytes(rng.randint(1, 40))
            for port, value in (("i_clear", 0), ("i_store", crc64.xz(data))):
                if value:
                    await restart(ctx, table)
                    await feed(ctx, table, data, rng)
                for half in range(2):
                    ctx.set(table.i_place, 2 * number + half)
                    ctx.set(getattr(table, port), 1)
                    await ctx.tick()
                ctx.set(getattr(table, port), 0)
                await ctx.tick()
                expected[number] = value
                assert await halves(ctx, table) == expected

    run(testbench)


def test_bytes_that_end_with_their_own_crc_are_known():
    async def testbench(ctx, table):
        rng = random.Random(3)
        for length in range(20):
            data = rng.randbytes(length)
            for spoil in (0, 1 << rng.randrange(64)):
                await restart(ctx, table)
                check = (crc64.xz(data) ^ spoil).to_bytes(8, "little")
                await feed(ctx, table, data + check, rng)
                await ctx.tick()
                assert ctx.get(table.o_matches) == (spoil == 0)

    run(testbench)
