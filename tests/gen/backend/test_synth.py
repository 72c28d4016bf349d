"""Synthesis layer by layer: nothing is lost, nothing counted twice, and the counts are true."""

import json
import os
import re

import pytest

import gen.backend.synth
from boards import BOARDS
from boards.board import TOP
from gen.backend.cells import CellCount, count_cells
from gen.backend.emit import emit
from gen.backend.names import module_names
from gen.backend.rtlil import run_yosys
from gen.backend.synth import ACCELERATOR, SYNTHESIS, _modules, _Owners, synthesise
from gen.backend.synth_report import save
from gen.common.build_folder import BuildFolder
from gen.nodes.graph import Graph
from gen.plan.planner import plan
from gen.timing.estimate import estimate
from gen.timing.netlist import read_netlist
from tests.networks import fire_network, tiny_network
from tests.recorder import Recorder


@pytest.fixture(scope="module", params=["arty_a7_35", "ulx3s_85"])
def made(request, tmp_path_factory):
    """A small network emitted for a board of each family: board, network, plan, folder."""
    board, network = BOARDS[request.param], fire_network(3)
    layout = plan(network, board, fps=50_000)  # the fastest is much larger
    folder = BuildFolder(tmp_path_factory.mktemp("synth") / board.name)
    emit(network, layout, board, folder)
    return board, network, layout, folder


def layer_sizes(network, folder):
    """Characters of RTLIL that the layers take, in ascending order."""
    modules = _modules(folder.design.read_text())
    heads = _Owners(network, modules).heads
    return sorted(
        sum(size for name, size in modules.items() if f"{name}.".startswith(f"{head}."))
        for head in heads
    )


@pytest.fixture(scope="module")
def counted(made):
    """What synthesis found, and what was told of the progress."""
    board, network, _, folder = made
    told = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        if board.family == "xc7":
            # A process for each of the two largest convolutions.
            patch.setattr(gen.backend.synth, "SMALL", layer_sizes(network, folder)[-2])
        found = synthesise(folder, board.family, network, progress=told)
    return found, told.steps


def test_every_layer_is_counted(made, counted):
    board, network, layout, _ = made
    found, told = counted
    counts = found.counts
    assert set(counts) == set(layout.costs) == {"board", *(op.name for op in network.ops)}
    assert all(count.lut and count.ff for count in counts.values())
    for name, count in counts.items():
        planned, made = layout.costs[name].resources, count.resources
        assert (made.bram36, made.dsp) == (planned.bram36, planned.dsp), name
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
    assert len(told) == 3 if board.family == "xc7" else len(told) >= 1


@pytest.mark.parametrize(
    "made",
    ["arty_a7_35", pytest.param("ulx3s_85", marks=pytest.mark.slow)],
    indirect=True,
    scope="module",
)
def test_the_layers_add_up_to_the_whole(made, counted):
    board, _, _, folder = made
    found, _ = counted
    statistics, flat_netlist = folder.path / "stat.json", folder.path / "flat.json"
    run_yosys(
        f"read_rtlil {folder.design}",
        *SYNTHESIS[board.family](TOP),
        f"tee -q -o {statistics} stat -json",
        f"write_json {flat_netlist}",
    )
    flat = count_cells(
        board.family, json.loads(statistics.read_text())["design"]["num_cells_by_type"]
    )
    parts = sum(found.counts.values(), start=CellCount())
    assert (parts.dsp, parts.bram36, parts.bram18) == (flat.dsp, flat.bram36, flat.bram18)
    assert parts.lut == pytest.approx(flat.lut, rel=0.06)
    assert parts.ff == pytest.approx(flat.ff, rel=0.03)
    assert parts.lutram == pytest.approx(flat.lutram, rel=0.06)
    whole = estimate(read_netlist([flat_netlist], TOP), board.family)
    assert found.timing.flip_flops == parts.ff
    assert whole.flip_flops == flat.ff
    assert found.timing.ns == pytest.approx(whole.ns, rel=0.15)


def test_the_clock_is_estimated_by_layer(made, counted):
    _, network, layout, _ = made
    found, _ = counted
    timing = found.timing
    assert set(timing.layers) <= set(layout.costs)
    assert {op.name for op in network.convs} <= set(timing.layers)
    assert timing.ns == max(path.ns for path in timing.clocks.values())


def test_tables_and_files_hold_both_sides(made, counted, tmp_path):
    board, _, layout, _ = made
    found, _ = counted
    counts = found.counts
    (tmp_path / "synth.json").write_text("old")
    os.link(tmp_path / "synth.json", tmp_path / "as it was")
    (tmp_path / "report.txt").write_text("the plan\n")
    save(BuildFolder(tmp_path), board.family, layout, found)
    assert (tmp_path / "as it was").read_text() == "old"  # replaced, not written over
    stored = json.loads((tmp_path / "synth.json").read_text())
    assert stored["total"]["planned"]["lut"] == layout.resources.lut
    assert stored["total"]["synthesised"]["lut"] == sum(c.lut for c in counts.values())
    for name, count in counts.items():
        assert stored["layers"][name]["synthesised"]["ff"] == count.ff
    assert stored["timing"]["ns"] == found.timing.ns
    text = (tmp_path / "report.txt").read_text()
    assert text.startswith("the plan\n")
    for name in counts:
        row = next(line for line in text.splitlines() if re.match(rf" *{re.escape(name)} ", line))
        assert str(counts[name].ff) in row.split()
    assert f"{layout.resources.ff} " in next(line for line in text.splitlines() if "total" in line)
    assert f"{found.timing.ns:.2f} ns" in text


def test_owners_of_modules():
    network = tiny_network(3)
    owners = _Owners(network, [f"top.board.server{ACCELERATOR}"])
    inside = f"top.board.server{ACCELERATOR}"
    expected = {
        "fire2_squeeze.matvec": "fire2/squeeze",
        "fire2_concat_fork": "fire2/concat",
        "fire2_expand3x3_tap_fork": "fire2/expand3x3",
        "fire2_expand3x3.window": "fire2/expand3x3",
        "fire2_expand1x1": "fire2/expand1x1",
        "fire2_concat_queue1.memory": "fire2/concat",
        "fire3_add_queue1": "fire3/add",
        "fire3_add_lanes0": "fire3/add",
        "pool1_lanes0": "pool1",
        "class_sums": "sums",
    }
    assert {name: owners.owner(f"{inside}.{name}") for name in expected} == expected
    assert owners.owner(f"{TOP}.receiver") == owners.owner(inside) == "board"
    assert owners.heads == [f"{inside}.{name}" for name in module_names(Graph.of(network)).values()]
    squeeze = f"{inside}.fire2_squeeze"
    assert owners.kept(squeeze)
    assert owners.kept(f"{inside}.pool1_lanes0")
    assert not owners.kept(f"{squeeze}.matvec.weights")
