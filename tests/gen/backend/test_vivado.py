import os

import pytest

from boards import BOARDS
from gen.backend.vivado import build_vivado, read_reports
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from tests.gen.backend.tools import TIMING, UTILISATION, stand_in, stand_in_vivado
from tests.recorder import Recorder

BOARD = BOARDS["arty_a7"]


@pytest.fixture
def folder(tmp_path):
    """A folder with a bitstream and reports of before."""
    path = tmp_path / "board"
    path.mkdir()
    for name in ("top.bit", "top.bin", "timing.rpt", "utilization.rpt"):
        (path / name).write_text("of before")
    return BuildFolder(path)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", f"{path}:{os.defpath}")
    return path


def test_reports_are_read():
    found = read_reports(TIMING.format(setup="2.500", hold="0.043"), UTILISATION)
    assert [(c.name, c.achieved, c.wanted) for c in found.clocks] == [
        ("clk", 100.0, 80.0),
        ("eth_mii_0__rx_clk__io", 100.0, 25.0),
    ]
    assert (found.setup_slack, found.hold_slack) == (2.5, 0.043)
    assert found.met
    assert found.accelerator.name == "clk"
    assert found.used == {
        "lut": (39924, 63400),
        "ff": (71883, 126800),
        "dsp": (197, 240),
        "bram36": (113.5, 135),
    }


@pytest.mark.parametrize(
    ("setup", "hold", "slow"), [("-0.089", "0.045", ["clk"]), ("0.100", "-0.010", [])]
)
def test_slack_below_none_is_not_met(setup, hold, slow):
    found = read_reports(TIMING.format(setup=setup, hold=hold), UTILISATION)
    assert not found.met
    assert [clock.name for clock in found.failed] == slow


@pytest.mark.parametrize("cut", ["Design Timing Summary", "Clock Summary", "Intra Clock", "DSPs"])
def test_reports_that_lack_something_are_refused(cut):
    timing = TIMING.format(setup="2.500", hold="0.043").replace(cut, "?")
    with pytest.raises(FirebrickError, match="cannot be read"):
        read_reports(timing, UTILISATION.replace(cut, "?"))


def test_vivado_makes_the_bitstream(folder, tools):
    stand_in_vivado(tools, setup=1.5)
    recorder = Recorder()
    found = build_vivado(folder, BOARD, progress=recorder)
    assert found.met
    assert folder.bitstream.read_text() == "made\n"
    assert recorder.phases == ["synthesise", "place", "route"]
    arguments = (folder.path / "vivado.arguments").read_text()
    assert "-mode batch" in arguments
    assert arguments.endswith("-source build_vivado.tcl\n")


def test_a_design_that_is_too_slow_gets_no_bitstream(folder, tools):
    stand_in_vivado(tools, setup=-0.5)
    found = build_vivado(folder, BOARD)
    assert [clock.name for clock in found.failed] == ["clk"]
    assert not folder.bitstream.exists()
    assert not folder.path.joinpath("top.bin").exists()


@pytest.mark.parametrize("status", [1, 3])
def test_a_failure_leaves_no_bitstream(folder, tools, status):
    stand_in(tools, "vivado", "echo half > top.bit", "echo 'ERROR: no licence'", f"exit {status}")
    with pytest.raises(FirebrickError, match=f"vivado failed with status {status}: ERROR: no lic"):
        build_vivado(folder, BOARD)
    assert not folder.bitstream.exists()


def test_a_run_without_reports_is_no_success(folder, tools):
    stand_in(tools, "vivado", "echo made > top.bit")
    with pytest.raises(FirebrickError, match="left no such report"):
        build_vivado(folder, BOARD)
    assert not folder.bitstream.exists()


@pytest.mark.parametrize(("name", "edition"), [("arty_a7", "free"), ("genesys2", "Enterprise")])
def test_without_vivado_there_is_a_way(folder, tools, name, edition):
    with pytest.raises(FirebrickError, match=f"vivado is missing; .*{edition}.*build_vivado.tcl"):
        build_vivado(folder, BOARDS[name])
