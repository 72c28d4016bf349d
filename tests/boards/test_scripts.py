"""The build scripts, run with stand-ins for the tools."""

import os
import subprocess

import pytest

from boards import BOARDS
from tests.boards.test_boards import Blink

CLOCK = "$glbnet$board.transmitter.clk"


def line(verdict, reached, kind="Info"):
    return f"{kind}: Max frequency for clock '{CLOCK}': {reached} MHz ({verdict} at 80.00 MHz)"


@pytest.fixture
def run(tmp_path):
    """Runs a board's script beside stand-ins; nextpnr's prints what is given for each seed."""

    def scripted(board, *arguments, logs=None, missing=()):
        for name, content in (
            BOARDS[board].platform().prepare(Blink(80_000_000), "top").files.items()
        ):
            (tmp_path / name).write_text(content)
        (tmp_path / "top.bit").write_text("of before")
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir()
        for seed, text in (logs or {}).items():
            (tmp_path / f"log{seed}").write_text(text)
        tools = {
            "yosys": "",
            "nextpnr": """
                while [ "$1" != --seed ]; do shift; done
                cat "log$2" > nextpnr.log; touch top.config top.fasm
            """,
            "pack": 'for last; do :; done; echo made > "$last"',
            "frames": "echo frames",
        }
        names = {
            "yosys": "yosys",
            "nextpnr-ecp5": "nextpnr",
            "nextpnr-xilinx": "nextpnr",
            "ecppack": "pack",
            "xc7frames2bit": "pack",
            "fasm2frames": "frames",
        }
        for name, tool in names.items():
            if name not in missing:
                (bin_folder / name).write_text(f"#!/bin/sh\n{tools[tool]}\n")
                (bin_folder / name).chmod(0o755)
        return subprocess.run(
            ["sh", "build_open.sh", *arguments],
            cwd=tmp_path,
            env={"PATH": f"{bin_folder}:{os.defpath}"},
            capture_output=True,
            text=True,
            check=False,
        )

    return scripted


BOTH = pytest.mark.parametrize(
    ("board", "given"), [("ulx3s_85", ()), ("arty_a7", ("chip.bin", "database"))]
)


@BOTH
def test_a_design_that_is_fast_enough_becomes_a_bitstream(run, tmp_path, board, given):
    # After placement it was an estimate.
    done = run(board, *given, logs={1: "\n".join([line("FAIL", 70.0), line("PASS", 81.25)])})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "top.bit").read_text() == "made\n"
    assert f"clock {CLOCK}: 81.25 MHz of 80.00 wanted\n" in done.stderr


@BOTH
def test_a_clock_that_is_too_slow_is_told_and_leaves_no_bitstream(run, tmp_path, board, given):
    log = "\n".join([line("PASS", 81.25), line("FAIL", 72.00, "Warning")])
    done = run(board, *given, "1", logs={1: log})
    assert done.returncode == 3
    assert not (tmp_path / "top.bit").exists()
    assert f"clock {CLOCK}: 72.0 MHz of 80.00 wanted, 10.0 % too slow\n" in done.stderr
    assert "--clock" in done.stderr


@BOTH
def test_seeds_are_tried_until_one_is_fast_enough(run, tmp_path, board, given):
    logs = {4: line("FAIL", 79.0), 9: line("PASS", 80.5), 2: line("PASS", 99.0)}
    done = run(board, *given, "4", "9", "2", logs=logs)
    assert done.returncode == 0, done.stderr
    assert "80.5 MHz" in done.stderr
    assert "99.0 MHz" not in done.stderr
    assert (tmp_path / "top.bit").read_text() == "made\n"


@BOTH
def test_a_log_without_clocks_is_no_success(run, tmp_path, board, given):
    assert run(board, *given, logs={1: "Info: nothing\n"}).returncode == 3
    assert not (tmp_path / "top.bit").exists()


def test_without_databases_the_script_says_what_it_wants(run):
    done = run("arty_a7")
    assert done.returncode == 2
    assert "build_open.sh CHIPDB PRJXRAY_DB [SEED...]" in done.stderr
    assert "too slow; which, and by how much, is shown." in done.stderr


def test_a_missing_tool_is_named(run):
    done = run("ulx3s_85", missing=("nextpnr-ecp5",))
    assert done.returncode != 0
    assert "nextpnr-ecp5 is missing" in done.stderr


@pytest.mark.parametrize("name", [name for name in BOARDS if BOARDS[name].family == "xc7"])
def test_the_open_flow_of_7_series_is_called_what_it_is(name):
    script = BOARDS[name].platform().prepare(Blink(100_000_000), "top").files["build_open.sh"]
    header = script.partition("set -eu")[0]
    for word in ("EXPERIMENTAL", "159:", "90:", "156:", "120 DSP48E1"):
        assert word in header
    assert script.count(" -nosrl ") == 2
    assert "xilinx_srl" not in script
