from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator

from hw.link.uart import UartReceiver, UartTransmitter
from tests.harness import bench_group

CLOCK = 100_000_000


class Loop(wiring.Component):
    """A transmitter and a receiver whose rates may differ."""

    i: In(stream.Signature(unsigned(8)))
    o: Out(stream.Signature(unsigned(8)))

    def __init__(self, sent_baud, received_baud):
        super().__init__()
        self.transmitter = UartTransmitter(CLOCK, sent_baud)
        self.receiver = UartReceiver(CLOCK, received_baud)

    def elaborate(self, platform):
        m = Module()
        m.submodules.transmitter = self.transmitter
        m.submodules.receiver = self.receiver
        m.d.comb += self.receiver.i_rx.eq(self.transmitter.o_tx)
        connect(m, flipped(self.i), self.transmitter.i)
        connect(m, self.receiver.o, flipped(self.o))
        return m


BAUDS, SENT_PERCENT = (12_000_000, 3_000_000), (97, 100, 103)
loops = bench_group(
    lambda baud, percent: Loop(baud * percent // 100, baud), product(BAUDS, SENT_PERCENT)
)


@pytest.mark.parametrize("sent_percent", SENT_PERCENT)
@pytest.mark.parametrize("baud", BAUDS)
def test_bytes_survive_the_line(baud, sent_percent, loops):
    frames = [np.arange(64) * 37 % 256, np.random.default_rng(7).integers(0, 256, 64)]
    bench = loops[baud, sent_percent]
    bench.run({"i": frames}, {"o": frames}, stalls={"i": 0.98}, seed=1)
    result = bench.run({"i": frames}, {"o": frames})
    cycles = 10 * CLOCK / (baud * sent_percent / 100)
    assert abs(result.last("o") - result.first("o") - 127 * cycles) <= 2 + 127 * cycles * 2e-4


def simulate(component, testbench):
    simulator = Simulator(component)
    simulator.add_clock(1 / CLOCK)
    simulator.add_testbench(testbench)
    simulator.run()


async def send(ctx, line, bits, cycles=10):
    for bit in bits:
        ctx.set(line, bit)
        await ctx.tick().repeat(cycles)


async def flags_until_idle(ctx, receiver, cycles):
    seen = {"overrun": 0, "frame_error": 0}
    for _ in range(cycles):
        seen["overrun"] += ctx.get(receiver.o_overrun)
        seen["frame_error"] += ctx.get(receiver.o_frame_error)
        await ctx.tick()
    return seen


def frame_bits(byte, stop=1):
    return [0, *(byte >> k & 1 for k in range(8)), stop]


def test_receiver_reports_overrun_and_keeps_the_older_byte():
    receiver = UartReceiver(CLOCK, 10_000_000)

    async def testbench(ctx):
        await send(ctx, receiver.i_rx, [1, *frame_bits(0xA5), *frame_bits(0x3C)[:-1]])
        ctx.set(receiver.i_rx, 1)
        seen = await flags_until_idle(ctx, receiver, 30)
        assert seen == {"overrun": 1, "frame_error": 0}
        assert ctx.get(receiver.o.valid) == 1
        assert ctx.get(receiver.o.payload) == 0xA5

    simulate(receiver, testbench)


def test_receiver_drops_a_byte_without_stop_bit_and_recovers():
    receiver = UartReceiver(CLOCK, 10_000_000)

    async def testbench(ctx):
        await send(ctx, receiver.i_rx, [1, *frame_bits(0xA5)[:-1]])
        ctx.set(receiver.i_rx, 0)
        assert await flags_until_idle(ctx, receiver, 60) == {"overrun": 0, "frame_error": 1}
        assert ctx.get(receiver.o.valid) == 0
        await send(ctx, receiver.i_rx, [1, *frame_bits(0x3C)])
        assert ctx.get(receiver.o.valid) == 1
        assert ctx.get(receiver.o.payload) == 0x3C

    simulate(receiver, testbench)


def test_receiver_ignores_a_glitch():
    receiver = UartReceiver(CLOCK, 10_000_000)

    async def testbench(ctx):
        await send(ctx, receiver.i_rx, [1, 0], cycles=3)
        ctx.set(receiver.i_rx, 1)
        assert await flags_until_idle(ctx, receiver, 150) == {"overrun": 0, "frame_error": 0}
        assert ctx.get(receiver.o.valid) == 0

    simulate(receiver, testbench)


@pytest.mark.parametrize("kind", [UartReceiver, UartTransmitter])
def test_too_fast_a_line_is_refused(kind):
    with pytest.raises(ValueError, match="20000000 baud needs a clock of at least 120000000 Hz"):
        kind(CLOCK, 20_000_000)
