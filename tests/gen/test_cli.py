import importlib.util
import json
import os
import re
import sys

import numpy as np
import onnx
import pytest
from PIL import Image

from gen.cli import app
from gen.common.build_folder import BuildFolder
from gen.common.console import run_app
from gen.compile import MEASURED_IMAGES
from gen.formats.family import Family
from gen.ir.network_file import load_network, save_network
from gen.ir.ops import INPUT
from gen.plan.plan import Plan
from tests.gen.backend.tools import CLOCK, nextpnr_report, stand_in_nextpnr
from tests.gen.onnx_models import squeezenet
from tests.networks import NetworkBuilder, tiny_network


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder; gives exit status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        monkeypatch.setattr(sys, "argv", ["gen", *arguments])
        with pytest.raises(SystemExit) as end:
            run_app(app)
        out, err = capsys.readouterr()
        return end.value.code, out, err

    return run


def test_figures_for_programs(call, tmp_path):
    save_network(tiny_network(1), tmp_path / "tiny.npz")
    options = ["--model", "tiny.npz", "--fps", "1000", "--out", "here", "--json"]
    status, out, _ = call("--board", "arty_a7_35", *options)
    assert status == 0
    [build] = json.loads(out)["builds"]
    plan = Plan.from_json((tmp_path / "here" / "plan.json").read_text())
    assert build["board"] == "arty_a7_35"
    assert build["cycles"] == plan.cycles


def large_network():
    """Too many weights for the smallest board: 2.9 Mbit."""
    net = NetworkBuilder((2, 2, 3), seed=1)
    x = net.conv("conv1", INPUT, 600, 1)
    x = net.conv("conv2", x, 600, 1)
    return net.finish("large", net.conv("conv3", x, 5, 1))


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("networks") / "tiny.npz"
    save_network(tiny_network(1), path)
    return str(path)


def test_a_network_file_becomes_a_board_folder(call, tiny_file, tmp_path):
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", MEASURED_IMAGES + 1)
    options = ["--clock", "80", "--frames", "coded", "--calibrate", "photos"]
    status, out, err = call("--board", "arty_a7_35", "--model", tiny_file, *options)
    assert (status, err) == (0, "")
    assert "frames/s of photographs, without loss" in out
    folder = tmp_path / "build" / "arty_a7_35"
    assert json.loads((folder / "manifest.json").read_text())["clock_hz"] == 80_000_000
    assert "at 80 MHz" in (folder / "report.html").read_text()
    network = load_network(folder / "network.npz")
    assert network.digest == load_network(tiny_file).digest
    assert (network.activations.frames, network.activations.decibels) == (MEASURED_IMAGES, {})
    assert "fire2/squeeze" in out
    assert f"{sys.executable} -m sim --build build/arty_a7_35" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which board with --board; known are arty_a7"),
        (["--board", "arty"], "unknown board 'arty'; known are arty_a7"),
        (["--board", "arty_a7", "--model", "none.onnx"], "none.onnx"),
        (["--board", "arty_a7", "--model", "none.npz"], "none.npz: no such network file"),
        (["--board", "arty_a7", "--model", "text.onnx"], "text.onnx"),
        (["--board", "arty_a7", "--model", "text.npz"], "not a firebrick network file"),
        (["--board", "arty_a7", "--clock", "1"], "out of range"),
        (
            ["--board", "arty_a7", "--clock", "5", "--baud", "1000000"],
            "needs a clock of at least 6 MHz",
        ),
        (["--board", "arty_a7", "--clock", "nan"], "number of MHz"),
        (["--board", "arty_a7", "--clock", "fast"], "number of MHz, or auto, not fast"),
        (["--board", "arty_a7", "--bitstream", "--route-seed", "2"], "Vivado, which has none"),
        (["--board", "ulx3s_85", "--route-seed", "2"], "--route-seed is for --bitstream"),
        (["--board", "genesys2", "--bitstream"], "vivado is missing; genesys2 wants Vivado ML Ent"),
        (["--board", "genesys2", "--baud", "4000000"], "bridge does at most 3000000 baud"),
        (
            ["--board", "arty_a7", "--frames", "short"],
            "unknown --frames 'short'; there are raw and",
        ),
        (["--board", "arty_a7", "--model", "."], "error: "),
        (["--board", "arty_a7", "--weight-bits", "4"], "leave out --weight-bits"),
        (["--board", "arty_a7", "--calibrate", "."], "holds no image"),
        (["--board", "arty_a7", "--memory-budget", "9"], "leave out --memory-budget"),
        (["--board", "arty_a7", "--out", "text.npz"], "exists and is no folder"),
        (["--board", "arty_a7", "--out", "."], "is not empty"),
        (["--board", "arty_a7", "--weight-bits", "9"], "--weight-bits"),
        (["--board", "arty_a7", "--out", "text.npz/x"], "is no folder"),
        (["--board", "arty_a7", "--out", ".."], "choose another folder"),
        (["--fps", "1e-310"], "1e-310 frames a second; --fps takes a number from 0.001 up"),
        (["--fps", "nan"], "--fps takes a number from 0.001 up"),
        (["--utilisation", "2"], "takes more than 0, at most 1"),
        (["--board", "arty_a7", "--seed", "-1"], "Invalid value for '--seed'"),
        (["--bord", "arty_a7"], "No such option: --bord"),
        (["--board"], "requires an argument"),
        (["arty_a7"], "unexpected extra argument"),
        (["--board", "arty_a7", "--labels", "text.npz"], "text.npz: 1 class names for a network"),
    ],
)
def test_bad_input_is_one_line_and_status_2(call, tmp_path, arguments, message):
    for name in ("text.onnx", "text.npz"):
        (tmp_path / name).write_text("hello")
    status, out, err = call(*arguments)
    assert status == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text.npz", "text.onnx"]


def test_a_network_that_does_not_fit_says_what_would(call, tmp_path):
    save_network(large_network(), tmp_path / "large.npz")
    status, _, err = call("--board", "arty_a7_35", "--model", "large.npz")
    assert status == 2
    assert err.startswith("error: large does not fit arty_a7_35")
    assert "genesys2" in err
    assert err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["large.npz"]


@pytest.fixture(scope="module")
def float_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "float.onnx"
    onnx.save(squeezenet(), path)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "is a float model, and quantising it needs photographs"),
        (["--calibrate", "nowhere"], "nowhere: no such folder"),
        (["--calibrate", "empty"], "holds no image"),
        (["--calibrate", "damaged"], "damaged"),
        (["--calibrate", "photos", "--preprocess", "x"], "unknown input normalisation 'x'"),
        (["--calibrate", "photos", "--labels", "none.txt"], "cannot read class names"),
        (["--calibrate", "photos", "--weight-bits", "4,conv9=8"], "no layer 'conv9'; there are"),
        (["--calibrate", "photos", "--memory-budget", "99"], "the narrowest weights need"),
        (
            ["--calibrate", "photos", "--memory-budget", "4000", "--weight-bits", "4"],
            "leave one out",
        ),
    ],
)
def test_float_models_that_cannot_be_quantised(call, float_file, tmp_path, arguments, message):
    for name in ("empty", "damaged", "photos"):
        (tmp_path / name).mkdir()
    (tmp_path / "damaged" / "a.png").write_text("no image")
    write_photos(tmp_path / "photos", 2)
    status, _, err = call("--board", "arty_a7", "--model", float_file, *arguments)
    assert status == 2
    assert message in err
    assert not (tmp_path / "build").exists()


def test_a_float_model_is_quantised_with_the_folder_of_photographs(call, float_file, tmp_path):
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", 5)
    options = ["--calibrate", "photos", "--weight-bits", "4", "--preprocess", "raw"]
    status, _, err = call("--board", "genesys2", "--model", float_file, "--out", "here", *options)
    assert (status, err) == (0, "")
    network = load_network(tmp_path / "here" / "network.npz")
    assert [op.weight_bits for op in network.convs] == [8] + [4] * 7
    assert network.source["widths"] == "4 bits, conv1 8"
    assert network.activations.frames == 5
    assert network.activations.decibels.keys() == {op.name for op in network.ops}
    assert network.name == "float"
    assert network.source["pixels"] == "RGB, mean 0, deviation 1; given"


def test_a_memory_budget_is_shared_out(call, float_file, tmp_path):
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", 5)
    options = ["--calibrate", "photos", "--memory-budget", "4000", "--weight-bits", "conv10=2"]
    status, _, err = call("--board", "genesys2", "--model", float_file, "--out", "here", *options)
    assert (status, err) == (0, "")
    network = load_network(tmp_path / "here" / "network.npz")
    assert 3800 < network.weight_bit_count <= 4000
    assert network.convs[-1].weight_bits == 2


TINY_FAMILY = "size=64,classes=10,base_e=16,incr_e=8,bypass=simple"


def test_a_member_of_the_family_is_planned_for_a_board(call, tmp_path):
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", 2)
    options = ["--calibrate", "photos", "--seed", "3", "--fps", "2000", "--out", "here"]
    status, out, err = call("--board", "arty_a7", "--family", TINY_FAMILY, *options)
    assert (status, err) == (0, "")
    network = load_network(tmp_path / "here" / "network.npz")
    assert network.weight_count + sum(op.channels for op in network.convs) == (
        Family.parse(TINY_FAMILY).parameters
    )
    assert network.labels == tuple(f"class {i}" for i in range(10))
    assert "imagenet, assumed" in network.source["pixels"]
    assert network.source["weights"] == "drawn at random, seed 3; --weights to give some"
    assert "fire9_add" in (tmp_path / "here" / "plan.json").read_text()
    assert "drawn at random" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--family", "sr=2"], "--family sr=2.0: sr takes a number above 0, at most 1"),
        (["--family", "sr=1", "--model", "a.onnx"], "takes the place of --model a.onnx"),
        (["--weights", "a.npz"], "--weights a.npz is for a network of --family"),
        (["--family", "sr=1"], "squeezenet(sr=1.0): is a float model, and quantising it needs"),
        (["--family", "sr=1", "--weights", "a.npz"], "a.npz: cannot read weights"),
        (["--family", "bypass=complex"], "squeezenet(bypass=complex): is a float model, and"),
    ],
)
def test_what_the_family_cannot_be(call, tmp_path, arguments, message):
    status, out, err = call("--board", "arty_a7", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not list(tmp_path.iterdir())


def test_an_assumed_normalisation_is_told(call, float_file, tmp_path):
    (tmp_path / "photos").mkdir()
    write_photos(tmp_path / "photos", 2)
    options = ("--model", float_file, "--calibrate", "photos", "--out", "here")
    status, out, _ = call("--board", "genesys2", *options)
    assert status == 0
    told = "imagenet, assumed; --preprocess, --mean to change"
    assert told in " ".join(out.split())
    assert told in " ".join((tmp_path / "here" / "report.txt").read_text().split())
    source = load_network(tmp_path / "here" / "network.npz").source
    assert source["pixels"].endswith(told)
    assert source["frames"] == "shorter side to 21, middle 25x21"


def test_without_yosys(call, monkeypatch, tmp_path):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyosys" else find_spec(name)
    )
    status, _, err = call("--board", "arty_a7")
    assert status == 2
    assert "install it" in err
    assert not list(tmp_path.iterdir())


def write_photos(folder, count):
    rng = np.random.default_rng(1)
    for index in range(count):
        pixels = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")


def test_help_teaches(call):
    status, out, _ = call("--help")
    assert status == 0
    for word in ("arty_a7_35", "genesys2", "RAMB36", "--calibrate", "python -m gen --board"):
        assert word in out


@pytest.fixture
def routed(monkeypatch, tmp_path):
    """Stand-ins for Yosys and nextpnr-ecp5, which reaches what it is told to, in MHz."""

    def reaching(mhz):
        tools = tmp_path / "tools"
        stand_in_nextpnr(tools, nextpnr_report(**{CLOCK: (mhz, 80.0)}))
        monkeypatch.setenv("PATH", f"{tools}:{os.defpath}")
        monkeypatch.setattr("gen.backend.place_and_route.yosys_command", lambda *_: ["/bin/true"])

    return reaching


def test_a_bitstream_in_one_command(call, tiny_file, tmp_path, routed):
    routed(84.125)
    status, out, err = call("--board", "ulx3s_85", "--model", tiny_file, "--bitstream")
    assert (status, err) == (0, "")
    folder = BuildFolder(tmp_path / "build" / "ulx3s_85")
    assert folder.bitstream.read_text() == "made\n"
    for text in (out, folder.report.read_text()):
        assert re.search(r"accelerator \(board.receiver.clk\) +80 +84\.1 +met", text)
    assert "met" in folder.page.read_text().partition('id="routing"')[2]
    assert "-m host program build/ulx3s_85" in out
    assert "build_open.sh" not in out
    assert "Kept in" not in out
    _, out, _ = call("--board", "ulx3s_85", "--model", tiny_file)
    assert "of an earlier build perhaps: nextpnr.arguments" in out.replace("ecppack.log, ", "")


def test_a_bitstream_that_is_too_slow_is_none(call, tiny_file, tmp_path, routed):
    routed(77.25)
    arguments = ("--board", "ulx3s_85", "--model", tiny_file, "--bitstream", "--route-seed", "7")
    status, out, err = call(*arguments)
    assert status == 2
    assert "NOT MET" in out
    assert "77.2 MHz of 80 wanted, 3.4% too slow; try another --route-seed than 7" in err
    assert "Next:" not in out
    assert not (tmp_path / "build" / "ulx3s_85" / "top.bit").exists()


def test_behind_a_near_miss_two_more_seeds_are_tried(call, tiny_file, routed):
    routed(79.5)
    status, _, err = call("--board", "ulx3s_85", "--model", tiny_file, "--bitstream")
    assert status == 2
    assert "79.5 MHz of 80 wanted, 0.6% too slow; try another --route-seed than 1, 2, 3" in err
    arguments = ("--board", "ulx3s_85", "--model", tiny_file, "--bitstream", "--route-seed", "7")
    assert "than 7," in call(*arguments)[2]


def test_a_clock_that_is_looked_for(call, tiny_file, monkeypatch):
    asked = []

    def fastest(builder, folder, start_hz):
        asked.append(start_hz)
        return builder.build(90_000_000, folder)

    monkeypatch.setattr("gen.generate.build_fastest", fastest)
    status, out, _ = call("--board", "arty_a7_35", "--model", tiny_file, "--clock", "auto")
    assert (status, asked) == (0, [100_000_000])
    assert "at 90 MHz" in out


def test_gigabit_is_told_where_a_link_is_chosen(call, tiny_file):
    _, out, _ = call("--help")
    assert "ecpix5_85, ecpix5_45 answer on links of 1 Gb/s only" in " ".join(
        out.replace("│", " ").split()
    )
    _, out, _ = call("--board", "genesys2", "--link", "ethernet", "--model", tiny_file)
    assert "1000 Mb/s only, no slower link" in out
