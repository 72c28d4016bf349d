import re
import stat

import pytest

import gen.backend.emit
from boards import BOARDS
from gen.backend.emit import VERSION, emit
from gen.backend.rtlil import run_yosys
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import UartLink
from gen.ir.network_file import load_network
from gen.plan.plan import Plan
from gen.plan.planner import plan
from tests.networks import conv_network, tiny_network
from tests.paths import ROOT
from tests.recorder import Recorder

BOARD = BOARDS["arty_a7_35"]
FILES = {
    "top.il",
    "top.v",
    "top.xdc",
    "nextpnr.xdc",
    "build_vivado.tcl",
    "build_open.sh",
    "sim_top.il",
    "sim_top.v",
    "network.npz",
    "plan.json",
    "report.txt",
    "manifest.json",
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
    emit(network, made, BOARD, BuildFolder(path))
    return path


def test_the_folder_is_complete(folder):
    assert {path.name for path in folder.iterdir()} == FILES
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_network_plan_and_manifest_read_back(folder, network, made):
    assert load_network(folder / "network.npz").digest == network.digest
    assert Plan.from_json((folder / "plan.json").read_text()) == made
    manifest = BuildFolder(folder).manifest()
    assert manifest.version == VERSION
    assert (manifest.network, manifest.digest) == (network.name, network.digest)
    assert (manifest.board, manifest.link) == (BOARD.name, UartLink(BOARD.baud))
    assert set(manifest.files) == FILES - {"manifest.json"}
    assert f'version = "{VERSION}"' in (ROOT / "pyproject.toml").read_text()


def test_files_are_called_as_the_board_calls_them(folder):
    named = BuildFolder(folder)
    for path in (named.design, named.sim_verilog, named.script, named.report):
        assert path.is_file()


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
    emit(network, made, BOARD, BuildFolder(tmp_path / "again"))
    for name in FILES:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


@pytest.fixture
def without_yosys(monkeypatch):
    monkeypatch.setattr(gen.backend.emit, "split_top", lambda *arguments: None)


@pytest.fixture(scope="module")
def small():
    """One convolution, where only the folder matters."""
    return conv_network()


@pytest.fixture(scope="module")
def small_plan(small):
    return plan(small, BOARD, fps=1000)


def test_our_folder_is_replaced(small, small_plan, tmp_path, without_yosys):
    ours, other = BuildFolder(tmp_path / "ours"), BuildFolder(tmp_path / "other")
    emit(small, small_plan, BOARD, ours)
    written = ours.names()
    (ours.path / "top.bit").write_bytes(b"bitstream")
    ours.plan.write_text("old")
    emit(small, small_plan, BOARD, ours)
    assert ours.foreign_files() == ["top.bit"]
    assert ours.plan.read_text() == small_plan.to_json()
    assert ours.names() == tuple(sorted([*written, "top.bit"]))
    other.path.mkdir()
    (other.path / "thesis.tex").touch()
    with pytest.raises(FirebrickError, match="not empty"):
        emit(small, small_plan, BOARD, other)
    assert other.names() == ("thesis.tex",)


def test_a_failure_leaves_what_was_there(small, small_plan, tmp_path, monkeypatch, without_yosys):
    def fail(*arguments):
        raise FirebrickError("Yosys failed")

    target = BuildFolder(tmp_path / "board")
    emit(small, small_plan, BOARD, target)
    before = target.manifest_path.read_bytes()
    monkeypatch.setattr(gen.backend.emit, "split_top", fail)
    with pytest.raises(FirebrickError, match="Yosys failed"):
        emit(small, small_plan, BOARD, target)
    assert target.manifest_path.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["board"]


def test_phases_are_told(small, small_plan, tmp_path, without_yosys):
    told = Recorder()
    emit(small, small_plan, BOARD, BuildFolder(tmp_path / "board"), progress=told)
    assert told.phases[0] == "elaborate"
    assert len(told.phases) == 3
