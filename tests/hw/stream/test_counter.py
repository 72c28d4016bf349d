from itertools import product

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from hw.stream.counter import Counter, plus_one


@pytest.mark.parametrize("size", [2, 3, 7, 8])
def test_counts_and_flags_agree(size):
    spans = [(start, stop) for start in range(size) for stop in range(start + 1, size + 1)]
    counter = Counter(size, spans)

    async def testbench(ctx):
        count = 0
        for cycle in range(5 * size):
            step = cycle % 3 != 1
            ctx.set(counter.i_step, step)
            assert ctx.get(counter.o_last) == (count == size - 1)
            assert ctx.get(counter.o_count) == count
            flags = ctx.get(counter.o_inside)
            assert [flags >> k & 1 for k in range(len(spans))] == [a <= count < b for a, b in spans]
            await ctx.tick()
            count = (count + step) % size

    simulator = Simulator(counter)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()


def test_a_count_of_one_is_constant_and_has_ports_of_a_bit():
    counter = Counter(1, [(0, 1)])

    async def testbench(ctx):
        for step in (0, 1):
            ctx.set(counter.i_step, step)
            flags = [counter.o_count, counter.o_last, counter.o_inside]
            assert [ctx.get(flag) for flag in flags] == [0, 1, 1]
            await ctx.delay(1e-6)

    simulator = Simulator(counter)
    simulator.add_testbench(testbench)
    simulator.run()
    for bare in (Counter(1), Counter(2)):
        assert [len(bare.o_count), len(bare.o_inside)] == [1, 1]


def test_bad_parameters_are_refused():
    with pytest.raises(ValueError, match="not 0"):
        Counter(0)
    with pytest.raises(ValueError, match=r"span 2\.\.5 is not inside a count of 4"):
        Counter(4, [(2, 5)])


@pytest.mark.parametrize("is_signed", [False, True])
def test_plus_one_adds_three_terms(is_signed):
    count, change = Signal(signed(5) if is_signed else 5), Signal(signed(4))
    one, total = Signal(), Signal.like(count)
    m = Module()
    m.d.comb += total.eq(plus_one(count, change, one))

    async def testbench(ctx):
        for a, b, c in product((-7, 0, 3, 7) if is_signed else (8, 9, 20), (-8, -1, 0, 7), (0, 1)):
            for signal, value in ((count, a), (change, b), (one, c)):
                ctx.set(signal, value)
            await ctx.delay(1e-6)
            assert ctx.get(total) == a + b + c

    simulator = Simulator(m)
    simulator.add_testbench(testbench)
    simulator.run()
