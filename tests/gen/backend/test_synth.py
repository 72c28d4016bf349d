"""Synthesis layer by layer: nothing is lost, nothing counted twice, and the counts are true."""

import io
import json
import os
import re

import pytest
from rich.console import Console

import gen.backend.synth
from boards import BOARDS
from boards.board import TOP
from gen.backend.cells import CellCount, count_cells
from gen.backend.emit import emit
from gen.backend.rtlil import run_yosys
from gen.backend.synth import ACCELERATOR, SYNTHESIS, _Owners, comparison, save, synthesise
from gen.common.build_folder import BuildFolder
from gen.plan.planner import plan
from tests.networks import fire_network, tiny_network
from tests.recorder import Recorder


@pytest.fixture(scope="module", params=["arty_a7_35", "ulx3s_85"])
def made(request, tmp_path_factory):
    """A small network emitted for a board of each family: board, network, plan, folder."""
    board, network = BOARDS[request.param], fire_network(3)
    layout = plan(network, board)
    folder = BuildFolder(tmp_path_factory.mktemp("synth") / board.name)
    emit(network, layout, board, folder)
    return board, network, layout, folder


@pytest.fixture(scope="module")
def counted(made):
    """Cells by layer, and what was told of the progress."""
    board, network, _, folder = made
    told = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        if board.family == "xc7":
            # A process for each of conv1, fire2 and conv10.
            patch.setattr(gen.backend.synth, "SMALL", 0)
        counts = synthesise(folder, board.family, network, progress=told)
    return counts, told.steps


def test_every_layer_is_counted(made, counted):
    board, network, layout, _ = made
    counts, told = counted
    assert set(counts) == set(layout.costs) == {"board", *(op.name for op in network.ops)}
    assert all(count.lut and count.ff for count in counts.values())
    assert told == [(done, len(told)) for done in range(1, len(told) + 1)]
    assert len(told) == 4 if board.family == "xc7" else len(told) >= 1


def test_the_layers_add_up_to_the_whole(made, counted):
    board, _, _, folder = made
    counts, _ = counted
    statistics = folder.path / "stat.json"
    run_yosys(
        f"read_rtlil {folder.design}",
        *SYNTHESIS[board.family](TOP),
        f"tee -q -o {statistics} stat -json",
    )
    flat = count_cells(
        board.family, json.loads(statistics.read_text())["design"]["num_cells_by_type"]
    )
    parts = sum(counts.values(), start=CellCount())
    assert (parts.dsp, parts.bram36, parts.bram18) == (flat.dsp, flat.bram36, flat.bram18)
    assert parts.lut == pytest.approx(flat.lut, rel=0.06)
    assert parts.ff == pytest.approx(flat.ff, rel=0.03)
    assert parts.lutram == pytest.approx(flat.lutram, rel=0.06)


def test_tables_and_files_hold_both_sides(made, counted, tmp_path):
    board, _, layout, _ = made
    counts, _ = counted
    (tmp_path / "synth.json").write_text("old")
    os.link(tmp_path / "synth.json", tmp_path / "as it was")
    save(BuildFolder(tmp_path), board.family, layout, counts)
    assert (tmp_path / "as it was").read_text() == "old"  # replaced, not written over
    stored = json.loads((tmp_path / "synth.json").read_text())
    assert stored["total"]["planned"]["lut"] == layout.resources.lut
    assert stored["total"]["synthesised"]["lut"] == sum(c.lut for c in counts.values())
    for name, count in counts.items():
        assert stored["layers"][name]["synthesised"]["ff"] == count.ff
    page = io.StringIO()
    Console(file=page, width=140).print(comparison(layout, counts))
    text = page.getvalue()
    for name in counts:
        row = next(line for line in text.splitlines() if re.match(rf" *{re.escape(name)} ", line))
        assert str(counts[name].ff) in row.split()
    assert f"{layout.resources.ff} " in next(line for line in text.splitlines() if "total" in line)


def test_owners_of_modules():
    network = tiny_network(3)
    owners = _Owners(network, [f"top.board.server{ACCELERATOR}"])
    fire = next(head for head in owners.heads if head.endswith("fire2"))
    assert owners.owner(f"{fire}.squeeze.matvec") == "fire2/squeeze"
    assert owners.owner(f"{fire}.expand.engine1.window") == "fire2/expand1x1"
    assert owners.owner(f"{fire}.expand.window") == "fire2/expand3x3"
    assert owners.owner(f"{fire}.expand.queue1") == owners.owner(f"{fire}.expand.concat")
    assert owners.owner(f"top.board.server{ACCELERATOR}.class_sums") == network.ops[-1].name
    assert owners.owner(f"{TOP}.receiver") == "board"
    assert owners.kept(fire)
    assert not owners.kept(f"{fire}.squeeze.matvec.weights")
