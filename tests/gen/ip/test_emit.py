"""The folder of a core, and that the Verilog in it does what the golden model does."""

import json

import pytest

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.ip.emit import SIMULATION, VERILOG, core_texts, emit_core
from gen.ip.report import CoreCost
from gen.ir.network_file import load_network
from gen.plan.plan import Plan
from tests.gen.ip.conftest import BEAT_BITS, planned
from tests.harness.shared import shared_folder
from tests.hw.axi.cores import CoreBench, beats
from tests.networks import random_frames


def test_files(made):
    assert set(made.folder.names()) == {
        "component.xml",
        "firebrick_core.h",
        "firebrick_core.rdl",
        "firebrick_core.v",
        "firebrick_core_ooc.xdc",
        "firebrick_core_sim.v",
        "firebrick_litex.py",
        "manifest.json",
        "network.npz",
        "plan.json",
        "registers.md",
        "report.txt",
        "vivado_zynq.tcl",
    }
    assert load_network(made.folder.network).digest == made.core.network.digest
    assert Plan.from_json(made.folder.plan.read_text()) == made.core.plan
    entry = json.loads(made.folder.manifest_path.read_text())
    assert entry["part"] == "xc7z020clg400-1"
    assert {*entry["files"], "manifest.json"} == set(made.folder.names())
    assert "create_clock -name aclk -period 10.000 " in made.text("firebrick_core_ooc.xdc")


def test_one_file_for_synthesis_has_the_primitives_of_the_part(made):
    synthesis, simulation = made.text(VERILOG), made.text(SIMULATION)
    assert " DSP48E1 #(" in synthesis
    assert "RAMB18E1 #(" in synthesis
    assert "INIT_00" in synthesis
    assert "RAMB18E1 #(" not in simulation
    assert "$readmem" not in synthesis + simulation


def test_the_report_tells_what_axi_costs(made):
    text = made.folder.report.read_text()
    cost = CoreCost.planned(made.core.plan)
    assert cost.whole == made.core.plan.resources
    section = text[text.index("With and without AXI") :]
    for name, resources in (("core", cost.whole), ("without AXI", cost.accelerator)):
        line = next(line for line in section.splitlines() if line.startswith(f" {name} "))
        numbers = [resources.lut, resources.ff, resources.dsp, resources.bram36]
        assert line.split()[-4:] == [f"{number:g}" for number in numbers]
    assert "a frame is 90 beats of 32 bits: 360 bytes" in text


def test_an_ecp5_has_no_files_of_vivado():
    texts = core_texts(planned("LFE5U-45F"))
    assert not {"component.xml", "vivado_zynq.tcl", "firebrick_core_ooc.xdc"} & texts.keys()
    assert texts["firebrick_core.lpf"] == 'FREQUENCY PORT "aclk" 100 MHZ;\n'


def test_only_boards_that_are_known_get_a_block_design(made):
    texts = core_texts(planned("xc7a35t"))
    assert "vivado_zynq.tcl" not in texts
    script = made.text("vivado_zynq.tcl")
    assert script.count("{") == script.count("}")
    assert script.count("[") == script.count("]")
    assert "a frame is 360 bytes (90 beats)" in script


def test_another_folder_is_left_alone(made, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FirebrickError, match="was not written by"):
        emit_core(made.core, BuildFolder(tmp_path))


@pytest.fixture(scope="module")
def bench(made, tmp_path_factory):
    """The Verilog as it was written, in a module with the names of the benches' ports."""
    built = shared_folder(tmp_path_factory, "emitted_core")
    verilog, folder = made.text(SIMULATION), tmp_path_factory.mktemp("emitted")
    return CoreBench.of_verilog(made.core.network, BEAT_BITS, verilog, built, folder)


def test_frames_through_the_emitted_verilog(bench, made):
    frames = random_frames(bench.network, 5)
    sums, best = bench.answers(frames)
    sent = [beat for frame in frames for beat in beats(frame.tobytes(), BEAT_BITS)]
    outcome = bench.run(BEAT_BITS, [["send", sent], ["receive", "m_axis", len(sums)]])
    assert (outcome.sums, outcome.best) == (sums, best)
    assert outcome.ends[-1] - outcome.ends[-2] == made.core.plan.cycles
    stalled = bench.run(BEAT_BITS, [["send", sent], ["receive", "m_axis", len(sums)]], stall=0.3)
    assert (stalled.sums, stalled.best) == (sums, best)


def test_a_tcl_interpreter_runs_the_block_design(made):
    """With Vivado's commands as procedures that do nothing but tell that they were called."""
    tkinter = pytest.importorskip("tkinter")
    for arguments, board in (("", "pynq-z2"), ("zybo-z7-20", "zybo-z7-20")):
        called: list[tuple[str, ...]] = []
        tcl = tkinter.Tcl()

        def tell(*words, called=called):
            called.append(words)
            return f"cell{len(called)}"

        tcl.createcommand("unknown", tell)
        tcl.eval(f"set argv {{{arguments}}}; set argc [llength $argv]")
        tcl.eval(made.text("vivado_zynq.tcl"))
        names = [words[0] for words in called]
        assert names.count("create_bd_cell") == 4
        assert names.count("connect_bd_net") == 4
        assert {"create_project", "validate_bd_design", "launch_runs"} <= set(names)
        project = next(words for words in called if words[0] == "create_project")
        assert project[-1] == "xc7z020clg400-1"
        assert any(board in str(word) for words in called for word in words)
    tcl.eval("set argv nope; set argc 1")
    with pytest.raises(tkinter.TclError, match="unknown board nope; known are pynq-z2 zybo-z7-20"):
        tcl.eval(made.text("vivado_zynq.tcl"))
