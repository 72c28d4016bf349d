from amaranth.hdl import Module, ResetSignal, Signal
from amaranth.sim import Simulator

from hw.stream.reset_domain import add_domain


def test_a_reset_comes_late_and_passes_on():
    m, asked = Module(), Signal()
    add_domain(m, "first", asked)
    add_domain(m, "second", ResetSignal("first"))
    counts = {"first": Signal(8), "second": Signal(8)}
    for name, count in counts.items():
        m.d[name] += count.eq(count + 1)
    found = []

    async def testbench(ctx):
        for cycle in range(12):
            ctx.set(asked, 4 <= cycle < 7)
            found.append(tuple(ctx.get(count) for count in counts.values()))
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-8)
    simulator.add_testbench(testbench)
    simulator.run()
    first, second = zip(*found, strict=True)
    # After configuration each domain waits for the one before it; then a reset of three cycles.
    assert first == (0, 0, 1, 2, 3, 4, 0, 0, 0, 1, 2, 3)
    assert second == (0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1, 2)
