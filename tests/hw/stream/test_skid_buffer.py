import numpy as np
from amaranth.hdl import unsigned
from amaranth.sim import Simulator

from hw.stream.skid_buffer import SkidBuffer
from tests.harness import StreamBench


def test_passes_everything_on(tmp_path):
    frames = list(np.random.default_rng(8).integers(0, 256, (3, 60)))
    bench = StreamBench(SkidBuffer(unsigned(8)), "skid", tmp_path)
    for seed, stalls in enumerate([0.5, {"i": 0.5}, {"o": 0.8}]):
        bench.run({"i": frames}, {"o": frames}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": frames})
    assert result.bubbles("i") == result.bubbles("o") == 0
    assert result.first("o") == 1


def test_a_pipeline_moves_when_the_buffer_is_ready():
    skid = SkidBuffer(unsigned(8), pipeline=True)
    rng = np.random.default_rng(9)
    stalled = []

    async def testbench(ctx):
        for valid, ready in rng.integers(0, 2, (50, 2)).tolist():
            ctx.set(skid.i.valid, valid)
            ctx.set(skid.o.ready, ready)
            await ctx.tick()
            assert ctx.get(skid.o_advance) == ctx.get(skid.i.ready)
            stalled.append(not ctx.get(skid.i.ready))

    simulator = Simulator(skid)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert set(stalled) == {False, True}
