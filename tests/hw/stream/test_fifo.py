import random
from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.stream.fifo import CreditFifo, StreamFifo
from tests.harness import bench_group

DEPTHS, KINDS = (2, 3, 16), (("lut", False), ("block", False), ("lut", True))


def make(depth, kind):
    memory, late = kind
    return StreamFifo(unsigned(12), depth, memory, late=late)


fifos = bench_group(make, product(DEPTHS, KINDS))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("kind", "late"), KINDS)
def test_order_and_throughput(depth, kind, late, fifos):
    bench = fifos[depth, (kind, late)]
    words = np.random.default_rng(depth).integers(0, 4096, (3, 40, 1))
    for seed, stalls in enumerate((0.5, {"o": 0.8}, {"i": 0.8})):
        bench.run({"i": words}, {"o": words}, stalls=stalls, seed=seed)
    result = bench.run({"i": words}, {"o": words})
    assert result.first("o") - result.first("i") == 2 + late
    if not late or depth > 2:
        assert result.bubbles("o") == result.bubbles("i") == 0


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("depth", [2, 3, 5])
def test_all_places_can_be_taken_at_any_pace(depth, late):
    fifo, rng = StreamFifo(unsigned(12), depth, late=late), random.Random(depth)
    most: list[int] = []

    async def testbench(ctx):
        for _ in range(60):
            inside, chance = 0, rng.choice((0.3, 0.6, 1))
            while inside <= depth:
                ctx.set(fifo.i.valid, offers := rng.random() < chance)
                inside += offers and ctx.get(fifo.i.ready)
                await ctx.tick()
            ctx.set(fifo.i.valid, 1)
            await ctx.tick().repeat(3)
            most.append(inside)
            assert not ctx.get(fifo.i.ready)
            ctx.set(fifo.i.valid, 0)
            ctx.set(fifo.o.ready, 1)
            await ctx.tick().repeat(depth + 1)
            assert not ctx.get(fifo.o.valid)
            ctx.set(fifo.o.ready, 0)

    simulator = Simulator(fifo)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert set(most) == {depth + 1}


class DelayLine(wiring.Component):
    """A pipeline that cannot stall, ended by a CreditFifo."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, latency, depth):
        self._latency, self._depth = latency, depth
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.results = results = CreditFifo(unsigned(8), self._depth)
        accept = self.i.valid & results.o_credit
        m.d.comb += [self.i.ready.eq(results.o_credit), results.i_take.eq(accept)]
        valid, value = accept, self.i.payload
        for _ in range(self._latency):
            next_valid, next_value = Signal(), Signal(8)
            m.d.sync += [next_valid.eq(valid), next_value.eq(value)]
            valid, value = next_valid, next_value
        m.d.comb += [results.i_push.eq(valid), results.i_payload.eq(value)]
        wiring.connect(m, results.o, wiring.flipped(self.o))
        return m


LINES = [(1, 5), (5, 9), (5, 2)]  # latency, depth
lines = bench_group(DelayLine, LINES)


@pytest.mark.parametrize(("latency", "depth"), LINES)
def test_credits_lose_nothing(latency, depth, lines):
    bench = lines[latency, depth]
    words = np.random.default_rng(latency).integers(0, 256, (3, 40, 1))
    for seed, stalls in enumerate((0.5, {"o": 0.9}, {"i": 0.8})):
        bench.run({"i": words}, {"o": words}, stalls=stalls, seed=seed)
    result = bench.run({"i": words}, {"o": words})
    if depth >= latency + 4:
        assert result.bubbles("o") == 0


def test_refuses_what_cannot_work():
    with pytest.raises(ValueError, match="at least 2, not 1"):
        StreamFifo(unsigned(8), 1)
    with pytest.raises(ValueError, match="'block' or 'lut', not 'ram'"):
        StreamFifo(unsigned(8), 4, "ram").elaborate(None)  # type: ignore[arg-type]
