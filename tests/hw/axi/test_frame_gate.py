"""The gate in front of an accelerator whose contents change: what passes, and what it says."""

import random

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

from hw.axi.updates import FrameGate
from tests.harness.cycles import PERIOD

CYCLES, SIZE = 1500, 3
"""Of a run; bytes of a frame."""


def simulate(bench) -> None:
    """Run ``bench(ctx, gate, reset)``."""
    m, reset = Module(), Signal()
    m.submodules.gate = gate = FrameGate()
    simulator = Simulator(ResetInserter(reset)(m))
    simulator.add_clock(PERIOD)

    async def testbench(ctx):
        await bench(ctx, gate, reset)

    simulator.add_testbench(testbench)
    simulator.run()


class Play:
    """Frames and answers to them, a cycle at a time; holds the gate to what it says of itself.

    Attributes
    ----------
    passed : int
        Bytes.
    late : int
        Frames that began in a cycle behind one in which the gate was told to hold them.
    empty : int
        Cycles in which it was empty.
    """

    def __init__(self, seed: int):
        self._rng = random.Random(seed)
        self.passed = self.late = self.empty = 0
        self._answers: list[int] = []
        self._hold = self._offers = self._stays = False

    def cycle(self, ctx, gate: FrameGate, number: int) -> None:
        rng, held = self._rng, self._hold
        self._hold ^= rng.random() < 0.02
        self._offers |= rng.random() < 0.6
        last, first = self.passed % SIZE == SIZE - 1, self.passed % SIZE == 0
        answered, ready = bool(self._answers) and self._answers[0] <= number, rng.random() < 0.5
        for signal, value in (
            (gate.i.valid, self._offers),
            (gate.i.payload[0], self.passed % 256),
            (gate.i_last, last),
            (gate.i_hold, self._hold),
            (gate.i_answered, answered),
            (gate.o.ready, ready),
        ):
            ctx.set(signal, value)
        valid = ctx.get(gate.o.valid)
        assert ctx.get(gate.i.ready) == ready or not valid
        if valid:
            assert self._offers
            assert ctx.get(gate.o.payload[0]) == self.passed % 256
        elif self._offers:
            assert not ctx.get(gate.i.ready)
            assert first  # what has begun is not stopped
            assert not self._stays  # nor what was on offer
        if ctx.get(gate.o_empty):
            assert not self._answers
            assert not valid
            assert first
            self.empty += 1
        self._answers = self._answers[answered:]
        moves = valid and ready
        self.late += moves and first and held and not self._stays
        if moves:
            self.passed, self._offers = self.passed + 1, False
            self._answers += [number + rng.randrange(2, 30)] if last else []
        self._stays = valid and not ready


@pytest.mark.parametrize("seed", range(3))
def test_frames_pass_whole_and_none_while_it_is_empty(seed):
    play = Play(seed)

    async def bench(ctx, gate, reset):
        for number in range(CYCLES):
            play.cycle(ctx, gate, number)
            await ctx.tick()

    simulate(bench)
    assert play.empty > CYCLES // 10
    assert play.passed > CYCLES // 10
    assert play.late == 0


def test_nothing_passes_in_or_behind_a_reset_while_it_is_held():
    async def bench(ctx, gate, reset):
        for signal in (gate.i.valid, gate.o.ready, gate.i_hold):
            ctx.set(signal, 1)
        for cycle in range(40):
            ctx.set(reset, cycle % 10 < 2)
            assert not ctx.get(gate.o.valid)
            assert ctx.get(gate.o_empty)
            await ctx.tick()
        ctx.set(gate.i_hold, 0)
        await ctx.tick()
        assert ctx.get(gate.o.valid)

    simulate(bench)
