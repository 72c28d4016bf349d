import numpy as np
import pytest
from amaranth.sim import Simulator

from hw.arith.codebook import Decoder


@pytest.mark.parametrize(("code_bits", "level_bits"), [(2, 4), (3, 4), (3, 5), (6, 8)])
def test_every_code_in_every_place(code_bits, level_bits):
    rng = np.random.default_rng(code_bits)
    limit = 1 << (level_bits - 1)
    levels = np.sort(rng.choice(np.arange(-limit, limit), 1 << code_bits, replace=False))
    levels[[0, -1]] = -limit, limit - 1
    count = 3
    unit = Decoder(levels, level_bits, count)
    codes = (np.arange(1 << code_bits)[:, None] + np.arange(count)) % (1 << code_bits)
    got = []

    async def run(ctx):
        for row in codes:
            ctx.set(unit.i, sum(int(code) << k * code_bits for k, code in enumerate(row)))
            await ctx.tick()
            word = ctx.get(unit.o)
            got.append([word >> k * level_bits & (1 << level_bits) - 1 for k in range(count)])

    simulator = Simulator(unit)
    simulator.add_clock(1e-8)
    simulator.add_testbench(run)
    simulator.run()
    np.testing.assert_array_equal(got, unit.model(codes) & ((1 << level_bits) - 1))
    np.testing.assert_array_equal(unit.model(codes), levels[codes])


def test_refuses_what_cannot_work():
    with pytest.raises(ValueError, match="not one for each code"):
        Decoder(np.arange(6), 4, 1)
    with pytest.raises(ValueError, match="-9 to 3 exceed 4 bits"):
        Decoder(np.array([-9, 0, 1, 3]), 4, 1)
