"""What synthesis makes of engines, simulated with the vendor's models of its cells."""

from types import SimpleNamespace

import pytest
from amaranth.back import rtlil

from gen.backend.netlist import simulated_netlist
from hw.layers.conv import ConvEngine
from hw.layers.folding import EnginePlan
from hw.stream.ramb import Ramb
from tests.harness import StreamBench
from tests.hw.layers.convolutions import frames_for, random_conv

PLANS = {
    "block RAM, two rows a DSP48E1": EnginePlan(
        4, 2, 2, "dsp48e1", "block", "block", 30, "dsp48e1", "lut"
    ),
    "LUTs": EnginePlan(2, 2, 1, "lut", "lut", "lut", 30, "inferred", "block"),
}


def write_netlist(component, verilog, name):
    """A component's netlist for a 7-series chip, as Verilog."""
    chip = SimpleNamespace(block_ram=Ramb)
    design = verilog.with_suffix(".il")
    design.write_text(rtlil.convert(component, name=name, platform=chip, emit_src=False))
    simulated_netlist([f'read_rtlil "{design}"'], name, verilog)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_an_engines_netlist_equals_its_model(plan, tmp_path):
    conv = random_conv((5, 6), (6, 3, 3, 4), weight_bits=4)
    engine = ConvEngine(conv, plan, i_lanes=4)
    bench = StreamBench(engine, "netlist", tmp_path, write=write_netlist)
    frames = frames_for(conv, 4)
    expected = [conv.model(frame) for frame in frames]
    bench.run({"i": frames}, {"o": expected}, stalls=0.3, seed=1)
    result = bench.run({"i": frames}, {"o": expected})
    windows = expected[0].shape[0] * expected[0].shape[1]
    assert result.period("o") == windows * 9 * -(-6 // plan.pe) * (4 // plan.simd)
    design = (tmp_path / "netlist" / "top.il").read_text()
    for cell, used in (("RAMB18E1", True), ("DSP48E1", plan.multiplier == "dsp48e1")):
        assert (f"cell \\{cell} " in design) == used
