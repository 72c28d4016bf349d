from types import SimpleNamespace

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from hw.arith import mult18
from hw.arith.mult18 import Mult18x18d
from hw.arith.multiply import LATENCY, SMALL_OPERAND, Multiplier, multiply, multiply_enabled
from tests.harness.cycles import BehaviouralInstance, run

OPERANDS = [(signed(9), unsigned(16)), (signed(18), signed(18)), (unsigned(17), unsigned(16))]


class OnEcp5(Multiplier):
    """As a board makes it."""

    def elaborate(self, platform):
        return super().elaborate(SimpleNamespace(multiplier=Mult18x18d))


def ends_and_some(shape, count=20):
    """The least, the largest, zero, and random values."""
    least = -(1 << (shape.width - 1)) if shape.signed else 0
    most = least + (1 << shape.width) - 1
    return [least, most, 0, least, *np.random.default_rng(1).integers(least, most, count).tolist()]


@pytest.mark.parametrize("constant", [None, 40000, 8])
def test_products_come_every_cycle(constant):
    m, a, b = Module(), Signal(signed(9)), Signal(16)
    if constant is None:
        product = multiply(m, a, b, "product")
    else:
        product = multiply_enabled(m, a, constant, "product")
    pairs = list(zip(ends_and_some(signed(9)), ends_and_some(unsigned(16)), strict=True))
    found = []

    async def bench(ctx):
        for x, y in pairs:
            ctx.set(a, x)
            ctx.set(b, y)
            await ctx.tick()
            found.append(ctx.get(product))

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    expected = [x * (y if constant is None else constant) for x, y in pairs]
    assert found[LATENCY - 1 :] == expected[: 1 - LATENCY]


@pytest.mark.parametrize(("a", "b"), OPERANDS)
def test_the_primitive_multiplies_as_what_a_tool_finds(a, b, monkeypatch):
    monkeypatch.setattr(mult18, "Instance", BehaviouralInstance)
    pairs = list(zip(ends_and_some(a), reversed(ends_and_some(b)), strict=True))
    for kind in (Multiplier, OnEcp5):
        unit = kind(a, b)
        inputs = [[(unit.i_a, x), (unit.i_b, y)] for x, y in pairs]
        found = [row[0] for row in run(unit, inputs, [unit.o])]
        assert found[mult18.LATENCY :] == [x * y for x, y in pairs][: -mult18.LATENCY]


def test_operands_fit_the_primitive():
    assert SMALL_OPERAND == mult18.OPERAND_BITS
