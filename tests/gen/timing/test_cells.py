"""Cell libraries: every port and bit exists, and delays follow the parameters."""

import json

import pytest

from gen.backend.cells import _CELLS
from gen.backend.rtlil import run_yosys
from gen.timing.cell_timing import CellTiming
from gen.timing.estimate import LIBRARIES

SOURCES = {
    "xc7": "+/xilinx/cells_sim.v +/xilinx/cells_xtra.v",
    "ecp5": "+/ecp5/cells_sim.v +/ecp5/cells_bb.v",
}


def timing(family, kind, **parameters):
    known = LIBRARIES[family][kind]
    return known if isinstance(known, CellTiming) else known(parameters)


def launch(found, port):
    (ns,) = (edge.ns for edge in found.launches if edge.port == port)
    return ns


def setup(found, port):
    (ns,) = (edge.ns for edge in found.captures if edge.port == port)
    return ns


@pytest.fixture(scope="module", params=SOURCES)
def described(request, tmp_path_factory):
    """A family, and Yosys' own description of its cells."""
    path = tmp_path_factory.mktemp("cells") / "cells.json"
    read = f"read_verilog -lib {SOURCES[request.param]}"
    run_yosys(read, "delete =p:*", f'write_json "{path}"')
    return request.param, json.loads(path.read_text())["modules"]


def test_every_pin_is_one_of_the_cells(described):
    family, modules = described
    for kind in LIBRARIES[family]:
        found = timing(family, kind)
        if not (found.arcs or found.captures):
            continue  # a pad or a clock
        ports = modules[kind]["ports"]

        def check(port, direction, bit=None, *, kind=kind, ports=ports):
            assert ports[port]["direction"] == direction, f"{kind}.{port}"
            assert bit is None or bit < len(ports[port]["bits"]), f"{kind}.{port}[{bit}]"

        for arc in found.arcs:
            check(arc.source, "input", arc.source_bit)
            check(arc.target, "output", arc.target_bit)
        for edge in (*found.launches, *found.captures):
            check(edge.port, "output" if edge in found.launches else "input")
            check(edge.clock, "input")
        for port in found.pins:
            check(port, "input")
        assert all(item.ns >= 0 for item in (*found.arcs, *found.launches, *found.captures))


def test_every_cell_that_is_counted_has_delays(described):
    family, _ = described
    latches = {"LDCE", "LDPE"}
    assert set(_CELLS[family]) - set(LIBRARIES[family]) <= latches


def test_a_carry_chain_is_fast_along_and_slow_across():
    arcs = {
        (a.source, a.source_bit, a.target, a.target_bit): a.ns for a in timing("xc7", "CARRY4").arcs
    }
    assert len(arcs) == 2 * (4 + 4 + 10) + 6 + 10
    assert arcs["CI", 0, "CO", 3] == 0.114
    assert arcs["S", 0, "O", 3] == 0.582
    assert arcs["DI", 3, "CO", 3] == 0.385


@pytest.mark.parametrize("kind", ["RAMB18E1", "RAMB36E1"])
def test_a_block_rams_output_registers_count_by_port(kind):
    plain = timing("xc7", kind)
    one = timing("xc7", kind, DOA_REG="0" * 31 + "1")
    assert launch(plain, "DOADO") == launch(plain, "DOBDO") == launch(one, "DOBDO") == 2.454
    assert launch(one, "DOADO") == launch(one, "DOPADOP") == 0.882
    assert setup(plain, "ADDRARDADDR") == 0.566


def test_a_simple_dual_port_ram_is_read_by_port_a_and_written_by_port_b():
    found = timing("xc7", "RAMB18E1", RAM_MODE="SDP", DOA_REG="1", WRITE_MODE_B="READ_FIRST")
    assert {edge.clock for edge in found.launches} == {"CLKARDCLK"}
    assert {edge.ns for edge in found.launches} == {0.882}
    written = {edge for edge in found.captures if edge.port.startswith("DI")}
    assert {edge.clock for edge in written} == {"CLKBWRCLK"}
    assert {edge.ns for edge in written} == {0.241}


def test_a_dsp_block_follows_its_registers():
    full = timing("xc7", "DSP48E1", USE_DPORT="TRUE")
    assert not full.arcs
    assert launch(full, "P") == 0.434
    assert setup(full, "A") == 0.362
    no_p = timing("xc7", "DSP48E1", PREG="0")
    assert launch(no_p, "P") == 2.305  # from M
    no_inputs = timing("xc7", "DSP48E1", USE_DPORT="TRUE", AREG="0", DREG="0", ADREG="0")
    assert setup(no_inputs, "A") == 3.288  # to M, through the pre-adder
    assert setup(timing("xc7", "DSP48E1", AREG="0"), "A") == 1.928
    assert setup(timing("xc7", "DSP48E1", USE_MULT="NONE", AREG="0"), "A") == 1.958
    none = dict.fromkeys(("AREG", "BREG", "CREG", "MREG", "PREG", "OPMODEREG"), "0")
    through = {
        arc.source: arc.ns for arc in timing("xc7", "DSP48E1", **none).arcs if arc.target == "P"
    }
    assert through["A"] == 3.841
    assert through["C"] == 1.820


def test_an_ecp5_block_ram_follows_its_registers():
    found = timing("ecp5", "DP16KD", REGMODE_A="OUTREG")
    assert launch(found, "DOA17") == 0.973
    assert launch(found, "DOB0") == 5.830
    assert setup(found, "ADA13") == 0.251
    assert launch(timing("ecp5", "PDPW16KD", REGMODE="OUTREG"), "DO35") == 0.956


def test_an_ecp5_multiplier_follows_its_registers():
    plain = timing("ecp5", "MULT18X18D")
    assert not plain.captures
    assert {arc.ns for arc in plain.arcs} == {3.927}
    clocked = {"REG_INPUTA_CLK": "CLK0", "REG_INPUTB_CLK": "CLK0"}
    inputs = timing("ecp5", "MULT18X18D", **clocked)
    assert (setup(inputs, "A0"), launch(inputs, "P35")) == (0.084, 3.864)
    output = timing("ecp5", "MULT18X18D", REG_OUTPUT_CLK="CLK0")
    assert (setup(output, "B17"), launch(output, "P0")) == (3.486, 0.735)
    pipeline = timing("ecp5", "MULT18X18D", REG_PIPELINE_CLK="CLK0")
    assert (setup(pipeline, "B17"), launch(pipeline, "P0")) == (2.625, 1.334)


def test_an_asynchronous_reset_is_no_end_of_a_path():
    kept = {edge.port for edge in timing("ecp5", "TRELLIS_FF").captures}
    left = {edge.port for edge in timing("ecp5", "TRELLIS_FF", SRMODE="ASYNC").captures}
    assert kept - left == {"LSR"}
    assert "PRE" not in {edge.port for edge in timing("xc7", "FDPE").captures}
