import json
import os
import re
import stat

import pytest

import gen.backend.emit
from boards import BOARDS
from gen.backend.emit import MANIFEST, VERSION, emit, foreign_files
from gen.backend.rtlil import run_yosys
from gen.common.errors import FirebrickError
from gen.ir.network_file import load_network
from gen.plan.plan import Plan
from gen.plan.planner import plan
from tests.networks import tiny_network
from tests.paths import ROOT

BOARD = BOARDS["arty_a7_35"]
FILES = {
    "top.il",
    "top.v",
    "top.xdc",
    "build_vivado.tcl",
    "build_open.sh",
    "sim_top.il",
    "sim_top.v",
    "network.npz",
    "plan.json",
    "report.txt",
    MANIFEST,
}


@pytest.fixture(scope="module")
def network():
    return tiny_network(3)


@pytest.fixture(scope="module")
def made(network):
    return plan(network, BOARD)


@pytest.fixture(scope="module")
def folder(network, made, tmp_path_factory):
    path = tmp_path_factory.mktemp("emitted") / "deep" / "board"
    emit(network, made, BOARD, path)
    return path


def test_the_folder_is_complete(folder):
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_network_plan_and_manifest_read_back(folder, network, made):
    assert load_network(folder / "network.npz").digest == network.digest
    assert Plan.from_json((folder / "plan.json").read_text()) == made
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["version"] == VERSION
    assert manifest["digest"] == network.digest.hex()
    assert (manifest["board"], manifest["baud"]) == (BOARD.name, BOARD.baud)
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()


def test_constraints_place_clock_and_uart(folder):
    text = (folder / "top.xdc").read_text()
    for pin, port in (("E3", "clk100"), ("A9", "uart_0__rx"), ("D10", "uart_0__tx")):
        assert re.search(rf"LOC {pin} \[get_ports \{{{port}", text)
    assert "create_clock" in text


def test_yosys_accepts_the_top(folder):
    run_yosys(
        "read_verilog -lib -specify +/xilinx/cells_sim.v",
        "read_verilog -lib +/xilinx/cells_xtra.v",
        f"read_rtlil {folder / 'top.il'}",
        "hierarchy -check -top top",
        "proc",
        "check -assert",
    )


def test_the_simulated_top_has_the_streams_of_the_server(folder):
    text = (folder / "sim_top.v").read_text()
    ports = re.search(r"^module simtop\((.*)\);", text, re.MULTILINE)[1].split(", ")
    streams = {f"{port}__{wire}" for port in "io" for wire in ("payload", "valid", "ready")}
    assert set(ports) == {"clk", "rst", "i_lost", "o_busy", "o_wrong", "o_adopt", *streams}
    assert "module \\top " not in text


def test_equal_input_gives_equal_files(folder, network, made, tmp_path):
    emit(network, made, BOARD, tmp_path / "again")
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_our_folder_is_replaced_and_others_are_kept(network, made, tmp_path, monkeypatch):
    monkeypatch.setattr(gen.backend.emit, "split_top", lambda *arguments: None)
    ours, other = tmp_path / "ours", tmp_path / "other"
    ours.mkdir()
    emit(network, made, BOARD, ours)
    written = sorted(path.name for path in ours.iterdir())
    (ours / "top.bit").write_bytes(b"bitstream")
    (ours / "sim").mkdir()
    (ours / "sim" / "simulation.so").touch()
    (ours / "plan.json").write_text("old")
    emit(network, made, BOARD, ours)
    assert foreign_files(ours) == ["top.bit"]
    assert (ours / "top.bit").read_bytes() == b"bitstream"
    assert (ours / "sim" / "simulation.so").exists()
    assert (ours / "plan.json").read_text() == made.to_json()
    assert sorted(path.name for path in ours.iterdir()) == sorted([*written, "sim", "top.bit"])
    other.mkdir()
    (other / "thesis.tex").touch()
    with pytest.raises(FirebrickError, match="not empty"):
        emit(network, made, BOARD, other)
    assert [path.name for path in other.iterdir()] == ["thesis.tex"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "ours"]


def test_a_failure_leaves_what_was_there(network, made, tmp_path, monkeypatch):
    def fail(*arguments):
        raise FirebrickError("Yosys failed")

    target = tmp_path / "board"
    monkeypatch.setattr(gen.backend.emit, "split_top", lambda *arguments: None)
    emit(network, made, BOARD, target)
    before = (target / MANIFEST).read_bytes()
    monkeypatch.setattr(gen.backend.emit, "split_top", fail)
    with pytest.raises(FirebrickError, match="Yosys failed"):
        emit(network, made, BOARD, target)
    assert (target / MANIFEST).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_an_interruption_amid_the_renames_loses_nothing(network, made, tmp_path, monkeypatch):
    monkeypatch.setattr(gen.backend.emit, "split_top", lambda *arguments: None)
    target, rename, renames = tmp_path / "board", os.rename, []
    emit(network, made, BOARD, target)
    (target / "top.bit").write_bytes(b"bitstream")
    (target / "plan.json").write_text("old")

    def interrupted(source, destination):
        renames.append(source)
        if len(renames) == 3:
            raise KeyboardInterrupt
        rename(source, destination)

    monkeypatch.setattr("os.rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        emit(network, made, BOARD, target)
    assert (target / "top.bit").read_bytes() == b"bitstream"
    assert (target / "plan.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_phases_are_told(network, made, tmp_path, monkeypatch):
    monkeypatch.setattr(gen.backend.emit, "split_top", lambda *arguments: None)
    told: list[str] = []
    emit(network, made, BOARD, tmp_path / "board", told.append)
    assert told[0] == "elaborate"
    assert len(told) == 3
