import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.stream.stalls import StallSampler
from protocol.packets import stall_turn


def counted(streams, waves):
    """Counts after the waves, arrays (cycles, streams) of bits; read through the port."""
    sampler = StallSampler(streams)
    found = []

    async def testbench(ctx):
        for row in waves:
            ctx.set(sampler.i, int("".join(str(bit) for bit in row[::-1]), 2))
            await ctx.tick()
        ctx.set(sampler.i, 0)
        await ctx.tick()
        for index in range(streams):
            ctx.set(sampler.i_index, index)
            await ctx.delay(1e-9)
            found.append(ctx.get(sampler.o))

    simulator = Simulator(sampler)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    return np.array(found)


@pytest.mark.parametrize("streams", [1, 2, 5, 26])
def test_counts_are_stalled_cycles(streams):
    cycles, share = 4000, np.linspace(0, 1, streams)
    waves = (np.random.default_rng(streams).random((cycles, streams)) < share).astype(int)
    turn = stall_turn(streams)
    estimate = counted(streams, waves) * turn
    # Three standard deviations of a count of samples, and a turn at each end.
    bound = 3 * np.sqrt(cycles / turn * share * (1 - share)) * turn + 2 * turn
    assert (np.abs(estimate - waves.sum(axis=0)) <= bound).all()


@pytest.mark.parametrize("period", [2, 3, 4, 7, 8, 16])
def test_regular_stalls_are_not_overlooked(period):
    streams, cycles = 4, 5600
    waves = np.zeros((cycles, streams), dtype=int)
    waves[::period] = 1
    estimate = counted(streams, waves) * stall_turn(streams)
    assert np.abs(estimate - cycles / period).max() <= 0.05 * cycles / period + 10


def test_turns_are_primes_that_reach_all_streams():
    assert [stall_turn(streams) for streams in (1, 2, 3, 4, 8, 26, 30)] == [2, 2, 3, 5, 11, 29, 31]


def test_no_stream_is_refused():
    with pytest.raises(ValueError, match="a stream to look at, not 0"):
        StallSampler(0)
