"""The receiver of packets by itself; with all around it in ``test_shell``."""

import random

import pytest
from amaranth.sim import Simulator

from hw.link.receiver import PacketReceiver
from protocol.packets import Kind, Packet
from tests.hw.link.test_shell import INFO


def played(data: bytes, pauses: float) -> tuple[list[tuple[int, int]], int]:
    """Commands, kind and sequence number, and damaged packets, where a packet is sent twice.

    While the stream pauses, its payload is anything, and ``first`` is high.
    """
    receiver = PacketReceiver(INFO)
    commands, bad = [], 0
    rng = random.Random(1)

    async def send(ctx):
        for index, byte in enumerate(2 * data):
            while rng.random() < pauses:
                ctx.set(receiver.i.valid, 0)
                ctx.set(receiver.i.payload, {"byte": rng.randrange(256), "first": 1, "last": 0})
                await ctx.tick()
            ctx.set(receiver.i.valid, 1)
            ctx.set(receiver.i.payload, {"byte": byte, "first": not index % len(data), "last": 0})
            await ctx.tick().until(receiver.i.ready)
        ctx.set(receiver.i.valid, 0)
        await ctx.tick().repeat(8)

    async def watch(ctx):
        nonlocal bad
        async for _, _, commanded, damaged, command in ctx.tick().sample(
            receiver.o_commanded, receiver.o_bad, receiver.o_command
        ):
            bad += damaged
            if commanded:
                commands.append((command.kind, command.sequence))

    simulator = Simulator(receiver)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(watch, background=True)
    simulator.run()
    return commands, bad


@pytest.mark.parametrize("pauses", [0.0, 0.5])
def test_packets_are_taken_whatever_stands_on_an_idle_stream(pauses: float):
    assert played(Packet(Kind.INFO, 7).encode(), pauses) == ([(Kind.INFO, 7)] * 2, 0)


@pytest.mark.parametrize("at", [0, 5, -1])
def test_a_damaged_packet_is_counted(at: int):
    data = bytearray(Packet(Kind.INFO, 7).encode())
    data[at] ^= 1
    assert played(bytes(data), 0.2) == ([], 2)
