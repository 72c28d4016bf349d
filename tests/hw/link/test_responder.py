from dataclasses import replace

import pytest
from amaranth.sim import Simulator

from hw.link.responder import HEADER_WORDS, Responder
from protocol.messages import DeviceInfo
from protocol.packets import Kind

INFO = DeviceInfo(4, 4, 3, 5, 100_000_000, b"12345678", chunk=128, streams=0)


def kinds(packets: int, *, refused: bool, freed: bool, complete: bool) -> list[Kind]:
    """What an responder sends first, when all of this is so all the time."""
    responder = Responder(INFO)
    found: list[Kind] = []

    async def testbench(ctx):
        ctx.set(responder.i_refused, refused)
        ctx.set(responder.i_freed, freed)
        ctx.set(responder.i_complete, complete)
        ctx.set(responder.i_sums.valid, complete)
        ctx.set(responder.o.ready, 1)
        position = 0
        while len(found) < packets:
            if ctx.get(responder.o.valid):
                word = ctx.get(responder.o.payload)
                position = 0 if word.first else position + 1
                if position == HEADER_WORDS - 1:
                    found.append(Kind(word.word & 0xFF))
            await ctx.tick()

    simulator = Simulator(responder)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run_until(1e-4)
    return found


def test_results_take_turns_with_refusals():
    assert kinds(6, refused=True, freed=False, complete=True) == [Kind.RESULT, Kind.NACK] * 3


def test_without_results_all_is_acknowledged():
    assert kinds(3, refused=False, freed=True, complete=False) == [Kind.ACK] * 3


def test_without_packets_only_results_are_sent():
    assert kinds(3, refused=False, freed=False, complete=True) == [Kind.RESULT] * 3


@pytest.mark.parametrize("kind", [Kind.INFO, Kind.CONTENTS])
def test_what_the_board_holds_is_not_told_while_it_changes(kind):
    responder = Responder(replace(INFO, memories=3))
    told: list[int] = []
    found: list[Kind] = []

    async def testbench(ctx):
        ctx.set(responder.i_changes, 1)
        ctx.set(responder.i_command, {"kind": kind, "sequence": 5})
        ctx.set(responder.i_commanded, 1)
        await ctx.tick()
        ctx.set(responder.i_commanded, 0)
        ctx.set(responder.i_freed, 1)
        ctx.set(responder.o.ready, 1)
        for cycle in range(400):
            # Others are answered meanwhile.
            ctx.set(responder.i_changes, cycle < 100)
            ctx.set(responder.i_freed, cycle < 100)
            if ctx.get(responder.o_telling):
                told.append(cycle)
            if ctx.get(responder.o.valid) and not ctx.get(responder.o.payload.first):
                word = ctx.get(responder.o.payload.word)
                found.append(word & 0xFF)
            await ctx.tick()

    simulator = Simulator(responder)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    assert found[0] == Kind.ACK
    assert kind in found
    assert told
    assert min(told) > 100
