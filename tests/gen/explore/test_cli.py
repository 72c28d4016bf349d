"""``python -m gen explore`` from end to end, on a family small enough."""

import csv
import json
import multiprocessing

import pytest

from gen.cli import app
from tests.generated import run_command

TINY = ("--family", "size=32,classes=10,incr_e=0,sr=0.5", "--bits", "4", "--jobs", "2")


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run the command in an empty folder; gives exit status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        status = run_command(monkeypatch, app, "explore", *arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run


def test_a_sweep_from_end_to_end(call, tmp_path):
    arguments = ("--board", "arty_a7_35", "--sweep", "base_e=8,600,0", *TINY, "--no-plot")
    status, out, err = call(*arguments)
    assert (status, err) == (0, "")
    assert multiprocessing.active_children() == []
    assert "arty_a7_35 (Digilent Arty A7-35T)" in out
    assert "no design for 2 of 3" in out
    folder = tmp_path / "build" / "explore"
    entry = json.loads((folder / "sweep.json").read_text())
    fits, large, none = entry["points"]
    assert fits["frames_per_second"] > 1000
    assert 0 < fits["lut"] < fits["lut_available"]
    assert fits["pareto"]
    assert "does not fit arty_a7_35" in large["why_not"]
    assert none["why_not"].startswith("base_e=0: base_e takes a whole number from 1")
    assert entry["sweeps"] == {"base_e": [8, 600, 0]}
    with (folder / "sweep.csv").open(newline="") as file:
        assert [line["base_e"] for line in csv.DictReader(file)] == ["8", "600", "0"]
    status, again, _ = call(*arguments)
    assert status == 0
    assert "0 points planned, 3 known from before" in again


def test_a_plot_comes_too(call, tmp_path):
    pytest.importorskip("matplotlib", reason="plots need Matplotlib")
    status, out, err = call(
        "--board", "arty_a7", "--sweep", "base_e=0,5000", *TINY[:-1], "1", "--out", "here"
    )
    assert (status, err) == (0, "")
    assert "sweep.svg, sweep.png" in out
    assert (tmp_path / "here" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "here" / "sweep.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '--board'"),
        (["--board", "arty"], "unknown board 'arty'; known are arty_a7"),
        (["--board", "arty_a7", "--sweep", "sr=1:2"], "a range is FIRST:LAST:COUNT"),
        (["--board", "arty_a7", "--sweep", "rs=1"], "no 'rs'; there are base_e"),
        (["--board", "arty_a7", "--family", "sr"], "--family 'sr'"),
        (["--board", "arty_a7", "--bits", "1"], "--bits 1: 1 bits; 2 to 8 are supported"),
        (["--board", "arty_a7", "--jobs", "0"], "--jobs"),
        (["--board", "arty_a7", "--clock", "1"], "MHz"),
        (["--board", "arty_a7", "--no-plot", "--jobs", "2", "--scheduler", "tcp://a:1"],
         "--jobs and --scheduler: leave one out"),
        (["--board", "arty_a7", "--no-plot", "--out", "file/x"], "choose another --out"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_status_2(call, tmp_path, arguments, message):
    (tmp_path / "file").write_text("hello")
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_help_teaches(call):
    status, out, _ = call("--help")
    assert status == 0
    for word in ("--sweep", "sr=0.125:1.0:8", "results.sqlite", "Pareto", "--scheduler"):
        assert word in out
