"""The estimate of a netlist: layers, clocks, resets, fan-outs, and what its report says."""

import io
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from gen.common.errors import FirebrickError
from gen.timing.estimate import estimate, estimated_clock, family_of
from gen.timing.report import path_table, timing_report, warning
from gen.timing.wires import WireModel
from tests.gen.timing.netlists import OTHER_CLOCK, cell, ff, module, netlist, write
from tests.paths import ROOT

INSIDE = "server.accelerator"
NAMES = {
    f"{INSIDE}.conv1.last": 2,
    f"{INSIDE}.conv1.total": [10, 11],
    f"{INSIDE}.pool1.valid": 12,
    "server.ready": 13,
    "clk": 1000,
}


def cells():
    """A slow path into conv1, a faster one into pool1, the fastest into the shell."""
    return [
        ff("0", 2, R=2),
        cell("LUT2", I0=2, I1="0", O=20),
        cell("LUT2", I0=20, I1="0", O=21),
        ff(21, 10),
        ff(21, 11),
        ff(20, 12, R=2),
        ff(2, 13, CE=2),
        ff(31, 30, clock=OTHER_CLOCK),
        ff(30, 31, clock=OTHER_CLOCK),
    ]


@pytest.fixture(scope="module")
def found():
    return estimate(netlist(*cells(), **NAMES), "xc7")


def text_of(renderable, width=120):
    page = io.StringIO()
    Console(file=page, width=width).print(renderable)
    return page.getvalue()


def test_layers_are_told_by_names_the_slowest_first(found):
    assert list(found.layers) == ["conv1", "pool1", "board"]
    times = [path.ns for path in found.layers.values()]
    assert times == sorted(times, reverse=True)
    assert found.layers["conv1"].levels == 2


def test_layers_can_be_told_by_modules():
    layers = estimate(netlist(*cells(), **NAMES), "xc7", lambda module, net: module).layers
    assert list(layers) == ["top"]


def test_bits_of_one_register_are_one_path(found):
    ends = [(path.start, path.end, path.port) for path in found.paths]
    assert len(ends) == len(set(ends))
    assert sum("total" in end for _, end, _ in ends) == 1


def test_the_clock_of_most_registers_is_the_accelerators(found):
    first, second = found.clocks.items()
    assert first == ("clk", found.slowest)
    assert second[0].startswith("clock ")
    assert found.ns == found.slowest.ns == found.layers["conv1"].ns
    assert found.mhz == pytest.approx(1e3 / found.ns / WireModel.load("xc7").routed)
    assert estimated_clock(netlist(*cells(), **NAMES), "xc7") == found.mhz


def test_resets_are_counted(found):
    assert (found.flip_flops, found.reset, found.cleared) == (7, 0, 2)


def test_a_reset_is_one_behind_logic_too():
    cells = [
        *(ff("0", 2), ff("0", 3)),
        *(cell("LUT2", I0=2, I1=3, O=20), cell("LUT2", I0=20, I1="0", O=21)),
        *(ff("0", 4, R=2), ff("0", 5, R=21), ff("0", 6, R=3), ff("0", 7)),
    ]
    for name, reset, cleared in (("at_conv1_reset", 2, 1), ("conv1.presets", 0, 3)):
        found = estimate(netlist(*cells, **{f"{INSIDE}.{name}": 2}), "xc7")
        assert (found.flip_flops, found.reset, found.cleared) == (6, reset, cleared)


def test_fan_outs_say_what_they_lead_to_and_leave_clocks_out(found):
    largest = found.fan_outs[0]
    assert largest.net == f"{INSIDE}.conv1.last"
    assert largest.loads == 5
    assert largest.pins == {"FDRE.R": 2, "LUT2.I0": 1, "FDRE.D": 1, "FDRE.CE": 1}
    assert all(net.net != "clk" for net in found.fan_outs)


def test_a_net_without_a_name_is_told_by_a_register_behind_it():
    cells = [ff("0", 2), ff("0", 3, CE=2), ff(3, 4, CE=2)]
    first, *_ = estimate(netlist(*cells, enabled=3), "xc7").fan_outs
    assert (first.net, first.pins) == ("what leads to enabled", {"FDRE.CE": 2})


def test_the_report_has_every_layer_and_warns(found):
    text = text_of(timing_report(found, 1e6))
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    path = found.layers["conv1"]
    assert rows["conv1"][1:4] == [f"{path.ns:.2f}", f"{path.wire_ns:.2f}", "2"]
    assert "conv1.total" in " ".join(rows["conv1"])
    assert "7, 0.0% of them with a reset; logic clears 28.6%" in text
    assert "5: conv1.last (2 FDRE.R" in text
    assert "Warning" not in text
    assert warning(found, found.mhz * 1e6) is None
    fast = " ".join(text_of(timing_report(found, 500e6)).split())
    assert f"Warning: 500 MHz are more than the {found.mhz:.1f} MHz" in fast
    assert "from conv1.last to conv1.total" in fast


@pytest.mark.parametrize(("error", "told"), [(0.017, "within 1.7%"), (None, "a guess until")])
def test_the_report_says_how_sure_it_is(found, error, told):
    assert told in " ".join(text_of(timing_report(replace(found, error=error), 1e6)).split())


def test_a_path_is_shown_cell_by_cell(found):
    lines = [line.split() for line in text_of(path_table(found.slowest)).splitlines()]
    kinds = [line[0] for line in lines if line and line[0] in ("FDRE", "LUT2", "FDRE.D")]
    assert kinds == ["FDRE", "LUT2", "LUT2", "FDRE.D"]
    assert ["together", f"{found.ns:.2f}", f"{found.slowest.wire_ns:.2f}"] in lines


def test_an_entry_holds_plain_numbers(found):
    entry = found.to_entry()
    assert entry["ns"] == found.ns
    assert entry["layers"]["pool1"]["hops"][0]["net"] == f"{INSIDE}.conv1.last"


def test_a_netlist_without_paths_is_refused():
    with pytest.raises(FirebrickError, match="no path from one register to another"):
        estimate(netlist(ff("0", 2)), "xc7")


def test_the_family_is_told_by_the_cells():
    assert family_of(netlist(ff(2, 3))) == "xc7"
    assert family_of(netlist(cell("TRELLIS_FF", CLK=1, DI=2, Q=3))) == "ecp5"
    with pytest.raises(FirebrickError, match="cells SB_DFF belong to no family"):
        family_of(netlist(ff(2, 3), cell("SB_DFF", C=1, D=2, Q=3)))


def test_the_command_shows_layers_and_paths(tmp_path):
    path = write(tmp_path / "netlist.json", {"top": module(cells(), NAMES)})
    done = subprocess.run(
        [sys.executable, "-m", "gen.timing", path, "--paths", "1", "--clock", "900"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "conv1" in done.stdout
    assert "together" in done.stdout
    assert "Warning: 900 MHz" in done.stdout
