import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from hw.arith.multiply import LATENCY, multiply


@pytest.mark.parametrize("constant", [None, 40000, 8])
def test_products_come_every_cycle(constant):
    m, a, b = Module(), Signal(signed(9)), Signal(16)
    product = multiply(m, a, b if constant is None else constant, "product")
    rng = np.random.default_rng(1)
    pairs = [(-256, 65535), (255, 65535), *rng.integers((-256, 0), (256, 65536), (20, 2))]
    found = []

    async def bench(ctx):
        for x, y in pairs:
            ctx.set(a, int(x))
            ctx.set(b, int(y))
            await ctx.tick()
            found.append(ctx.get(product))

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    expected = [int(x) * int(y if constant is None else constant) for x, y in pairs]
    assert found[LATENCY - 1 :] == expected[: 1 - LATENCY]
