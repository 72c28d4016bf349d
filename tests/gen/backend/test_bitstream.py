import hashlib
import json
import os

import pytest

from boards import BOARDS
from gen.backend.bitstream import build_bitstream, check_met, check_tools, clock_below
from gen.backend.routing import ClockRate, Routing
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from tests.boards.test_boards import Blink
from tests.gen.backend.tools import CLOCK, nextpnr_report, stand_in_nextpnr, stand_in_vivado


@pytest.fixture
def tools(tmp_path, monkeypatch):
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", f"{path}:{os.defpath}")
    return path


def emitted(path, board):
    path.mkdir()
    for name, content in BOARDS[board].platform().prepare(Blink(80_000_000), "top").files.items():
        (path / name).write_text(content)
    (path / "report.txt").write_text("the plan\n")
    return BuildFolder(path)


@pytest.mark.parametrize("board", ["ulx3s_85", "arty_a7"])
def test_what_was_found_is_reported(tmp_path, tools, board):
    folder = emitted(tmp_path / "board", board)
    stand_in_nextpnr(tools, nextpnr_report())
    stand_in_vivado(tools)
    check_tools(BOARDS[board])
    found = build_bitstream(folder, BOARDS[board])
    check_met(found, BOARDS[board])
    entry = json.loads(folder.routing.read_text())
    assert entry["met"] is True
    assert entry["design"] == hashlib.sha256(folder.design.read_bytes()).hexdigest()
    assert entry["clocks"][0]["achieved"] == found.clocks[0].achieved
    report = folder.report.read_text()
    assert report.startswith("the plan\n")
    assert found.clocks[0].name in report
    assert f"{found.clocks[0].achieved:.1f}" in report
    assert "NOT MET" not in report


def test_a_failure_is_reported_too(tmp_path, tools):
    folder = emitted(tmp_path / "board", "ulx3s_85")
    stand_in_nextpnr(tools, nextpnr_report(**{CLOCK: (72.2, 80.0)}))
    found = build_bitstream(folder, BOARDS["ulx3s_85"], seeds=[4])
    assert json.loads(folder.routing.read_text())["met"] is False
    assert "NOT MET" in folder.report.read_text()
    assert not folder.bitstream.exists()
    with pytest.raises(FirebrickError) as error:
        check_met(found, BOARDS["ulx3s_85"])
    for part in ("72.2 MHz of 80 wanted, 9.7% too slow", "--route-seed than 4", "--clock 7"):
        assert part in str(error.value)


def test_all_seeds_that_were_tried_are_told(tmp_path, tools):
    folder = emitted(tmp_path / "board", "ulx3s_85")
    stand_in_nextpnr(tools, nextpnr_report(**{CLOCK: (79.2, 80.0)}))
    found = build_bitstream(folder, BOARDS["ulx3s_85"], seeds=(1, 2, 3))
    with pytest.raises(FirebrickError, match=r"try another --route-seed than 1, 2, 3, or --clock"):
        check_met(found, BOARDS["ulx3s_85"])


def test_of_a_run_that_breaks_off_nothing_is_reported(tmp_path, tools):
    folder = emitted(tmp_path / "board", "ulx3s_85")
    folder.routing.write_text("of before")
    stand_in_nextpnr(tools, "no JSON")
    with pytest.raises(FirebrickError, match="cannot be read"):
        build_bitstream(folder, BOARDS["ulx3s_85"])
    assert not folder.routing.exists()
    assert not folder.bitstream.exists()


def routing(**clocks):
    return Routing("a tool", tuple(ClockRate(n, *mhz) for n, mhz in clocks.items()), {}, seed=1)


def test_a_slow_phy_is_no_matter_of_the_clock():
    found = routing(clk=(110.0, 100.0), eth_rx_clk=(118.0, 125.0))
    with pytest.raises(FirebrickError) as error:
        check_met(found, BOARDS["ecpix5_85"])
    assert "clock Ethernet (eth_rx_clk): 118.0 MHz of 125 wanted, 5.6% too slow" in str(error.value)
    assert "--fps" in str(error.value)
    assert "--clock" not in str(error.value)


def test_hold_times_are_told_where_no_clock_is_slow():
    found = Routing("Vivado", (ClockRate("clk", 90, 80),), {}, setup_slack=0.1, hold_slack=-0.1)
    with pytest.raises(FirebrickError, match=r"hold times; try what timing.rpt says"):
        check_met(found, BOARDS["arty_a7"])


@pytest.mark.parametrize("board", ["ulx3s_85", "arty_a7"])
def test_a_suggested_clock_can_be_made(board):
    found = clock_below(BOARDS[board], 72_700_000)
    assert 72_400_000 <= found <= 72_700_000
    BOARDS[board].platform().check_clock(found)


def test_below_what_the_link_needs_there_is_no_clock():
    assert clock_below(BOARDS["arty_a7"], 5_900_000) is None
