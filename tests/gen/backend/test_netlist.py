"""What synthesis makes of engines, simulated with the vendor's models of its cells."""

import random
from types import SimpleNamespace

import pytest
from amaranth.back import rtlil

from gen.backend.netlist import CELL_MODELS, lut_models, simulated_netlist
from gen.backend.rtlil import run_yosys
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


def write_netlist(component, verilog, name, shown=()):
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


@pytest.mark.parametrize("inputs", range(1, 7))
def test_a_lut_is_what_the_vendors_model_says(inputs, tmp_path):
    luts, design = tmp_path / "luts.v", tmp_path / "design.v"
    luts.write_text(lut_models())
    size, names = 1 << inputs, ", ".join(f"i[{index}]" for index in range(inputs))
    table = random.Random(inputs).getrandbits(size)
    body = f"LUT{inputs} #(.INIT({size}'h{table:x})) lut(o, {names});"
    design.write_text(f"module top(input [{inputs - 1}:0] i, output o); {body} endmodule")
    run_yosys(
        f"read_verilog -lib {CELL_MODELS}",
        f'read_verilog "{design}"',
        "copy top vendors",
        f'techmap -map "{luts}" top',
        f"techmap -autoproc -map {CELL_MODELS} vendors",
        "select -assert-none top/t:LUT* vendors/t:LUT*",
        "miter -equiv -flatten top vendors both",
        "sat -verify -prove trigger 0 both",
    )
