import json
import shutil

import pytest

from gen.frames.images import load_frames
from sim import golden
from sim.cli import app
from tests.generated import photographs, run_command


@pytest.fixture
def images(tmp_path):
    return photographs(tmp_path, 3)


def test_images_equal_golden(tiny_board, images, monkeypatch, capsys):
    assert run_command(monkeypatch, app, "--build", tiny_board.folder, *images) == 0
    text = capsys.readouterr().out
    assert "All class sums of 3 frames equal the golden model's" in text
    assert "arty_a7 at 100 MHz" in text


def test_json(tiny_board, images, monkeypatch, capsys):
    options = ("--build", tiny_board.folder, "--frames", 5, "--json")
    assert run_command(monkeypatch, app, *options, *images) == 0
    entry = json.loads(capsys.readouterr().out)
    frames = load_frames(images, tiny_board.network.preprocessing)
    expected = golden.class_sums(tiny_board.network, frames).tolist()
    assert [frame["sums"] for frame in entry["frames"]] == expected
    assert (entry["simulated_frames"], entry["wrong_frames"]) == (5, [])
    assert entry["predicted_cycles"] == tiny_board.plan.cycles
    assert entry["frames_per_second"] == pytest.approx(1e8 / entry["steady_cycles"])


def test_one_image_shows_the_steady_rate(tiny_board, images, monkeypatch, capsys):
    options = ("--build", tiny_board.folder, "--json")
    assert run_command(monkeypatch, app, *options, images[0]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert (len(entry["frames"]), entry["simulated_frames"]) == (1, 3)
    assert entry["predicted_cycles"] <= entry["steady_cycles"] < entry["latency_cycles"]


def test_mismatch_is_told(tiny_board, images, monkeypatch, capsys):
    def off_by_one(network, frames):
        sums = golden_sums(network, frames)
        sums[1, 2] += 1
        return sums

    golden_sums = golden.class_sums
    monkeypatch.setattr(golden, "class_sums", off_by_one)
    assert run_command(monkeypatch, app, "--build", tiny_board.folder, *images) == 1
    error = capsys.readouterr().err
    assert error.startswith(
        "mismatch: 1 of 3 frames differ from the golden model; first in frame 1"
    )
    assert "1 of 5 class sums, 'class 2' is" in error
    assert len(error.splitlines()) == 1


@pytest.mark.slow
def test_waves(tiny_board, images, tmp_path, monkeypatch):
    path = tmp_path / "waves.fst"
    arguments = ("--build", tiny_board.folder, "--waves", path, *images)
    assert run_command(monkeypatch, app, *arguments) == 0
    assert path.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--build", "{tmp}/build/arty_a7", "{image}"), "--board arty_a7`"),
        (("--build", "{tmp}", "{image}"), "no generated board"),
        (("--build", "{board}", "{tmp}/none.png"), "no such image"),
        (("--build", "{board}", "{board}/plan.json"), "not an image"),
        (
            ("--build", "{board}", "--waves", "{tmp}/none/x.fst", "{image}"),
            "cannot write there, no such folder",
        ),
        (("--build", "{board}", "--waves", "{image}", "{image}"), "is read by the same command"),
        (("--build", "{board}", "--waves", "{board}/plan.json", "{image}"), "is read by the same"),
        (("--build", "{board}", "--waves", "{tmp}", "{image}"), "is a folder"),
        (("--build", "{board}", "--frames", "0", "{image}"), "--frames"),
        (("--build", "{board}", "--frame", "2", "{image}"), "--help"),
        (("--build", "{board}"), "Missing argument"),
    ],
)
def test_bad_input(tiny_board, images, tmp_path, monkeypatch, capsys, arguments, message):
    values = {"tmp": tmp_path, "board": tiny_board.folder, "image": images[0]}
    filled = [argument.format(**values) for argument in arguments]
    assert run_command(monkeypatch, app, *filled) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) == 1


def test_without_a_compiler(tiny_board, images, monkeypatch, capsys):
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "g++" else which(name))
    assert run_command(monkeypatch, app, "--build", tiny_board.folder, *images) == 2
    assert "simulation needs g++" in capsys.readouterr().err
