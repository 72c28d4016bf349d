import json

from amaranth.hdl import DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.sim import Simulator

from boards.seven_series import synthesis
from gen.backend.rtlil import run_yosys, write_rtlil
from hw.stream.reset_domain import add_domain
from hw.stream.skid_buffer import SkidBuffer


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


class Pair(wiring.Component):
    """Two buffers in a row, each in a domain of its own, both with the same reset."""

    i: In(stream.Signature(20))
    o: Out(stream.Signature(20))

    def elaborate(self, platform):
        m = Module()
        source = flipped(self.i)
        for name in ("first", "second"):
            add_domain(m, name, ResetSignal())
            m.submodules[name] = buffer = DomainRenamer(name)(SkidBuffer(20))
            connect(m, source, buffer.i)
            source = buffer.o
        connect(m, source, flipped(self.o))
        return m


def test_each_domain_keeps_its_register_and_only_state_is_reset(tmp_path):
    design, netlist = tmp_path / "pair.il", tmp_path / "pair.json"
    write_rtlil(Pair(), design, "pair")
    run_yosys(f'read_rtlil "{design}"', *synthesis("pair", pads=False), f'write_json "{netlist}"')
    cells = json.loads(netlist.read_text())["modules"]["pair"]["cells"].values()
    registers = [cell for cell in cells if cell["type"] in ("FDRE", "FDSE")]
    resets = {cell["connections"]["S" if cell["type"] == "FDSE" else "R"][0] for cell in registers}
    outputs = {cell["connections"]["Q"][0] for cell in registers}
    # Each buffer has two payloads, ``valid`` and ``ready``.
    assert len(registers) == 2 + 2 * (2 * 20 + 2)
    assert len(resets & outputs) == 2
    reset = [
        cell
        for cell in registers
        if isinstance(cell["connections"]["S" if cell["type"] == "FDSE" else "R"][0], int)
    ]
    assert len(reset) == 2 * 2
