import numpy as np
import pytest
from amaranth.hdl import unsigned
from amaranth.sim import Simulator

from hw.stream.fork import Fork
from tests.harness import bench_group

BRANCHES = (1, 3, 6)
forks = bench_group(lambda branches: Fork(unsigned(8), branches), BRANCHES)


@pytest.mark.parametrize("branches", BRANCHES)
def test_every_branch_gets_every_transfer(branches, forks):
    bench = forks[branches]
    frames = list(np.random.default_rng(1).integers(0, 256, (3, 40)))
    outputs = {f"o{k}": frames for k in range(branches)}
    last = f"o{branches - 1}"
    for seed, stalls in enumerate([0.3, 0.7, {"o0": 0.8}, {"i": 0.6, last: 0.5}]):
        bench.run({"i": frames}, outputs, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, outputs)
    assert result.bubbles("i") == 0
    assert result.last(last) == result.last("i")


def test_a_branch_takes_its_copy_whatever_the_others_do():
    fork = Fork(unsigned(8), 3)

    async def testbench(ctx):
        ctx.set(fork.i.payload, 7)
        ctx.set(fork.i.valid, 1)
        for taken, o in enumerate((fork.o1, fork.o0, fork.o2)):
            ctx.set(o.ready, 1)
            # Who has its copy is offered none until the others have theirs.
            offered = [ctx.get(branch.valid) for branch in (fork.o1, fork.o0, fork.o2)]
            assert offered == [0] * taken + [1] * (3 - taken)
            assert ctx.get(fork.i.ready) == (taken == 2)
            await ctx.tick()
        assert ctx.get(fork.o0.valid & fork.o1.valid & fork.o2.valid)

    simulator = Simulator(fork)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()


def test_no_branch_is_refused():
    with pytest.raises(ValueError, match="not 0"):
        Fork(unsigned(8), 0)
