import json
from dataclasses import replace
from ipaddress import IPv4Address

import numpy as np
import pytest

from gen.common.manifest import EthernetLink, Manifest, UartLink
from gen.frames.images import load_frames
from gen.ir.network_file import save_network
from host.cli import app
from sim import golden
from tests.generated import photographs, run_command
from tests.host.fake_board import FakeBoard, SerialBoard, device_info
from tests.networks import tiny_network


def classify(frame: np.ndarray) -> np.ndarray:
    return np.arange(5) * 40 - 100 + frame[0, 0].astype(np.int64).sum()


def manifest(link: UartLink | EthernetLink, **rates) -> str:
    about = ("1", "tiny", b"", "arty_a7", "part", "arty_a7_100t", 1, 100_000_000)
    return Manifest(*about, link, (), **rates).to_json()


@pytest.fixture
def build(tmp_path):
    save_network(tiny_network(1), tmp_path / "network.npz")
    (tmp_path / "manifest.json").write_text(manifest(UartLink(1_000_000)))
    return tmp_path


@pytest.fixture
def images(tmp_path):
    return photographs(tmp_path, 3)


def test_the_least_steps_are_taken_with_which_the_link_keeps_up(build, images, monkeypatch, capsys):
    carries = {"raw": 10.0, "lossless": 20.0, "1,2": 30.0}
    told = manifest(UartLink(1_000_000), frames_per_second=25.0, carries=carries)
    (build / "manifest.json").write_text(told)
    info = replace(device_info(tiny_network(1)), coded=True)
    with SerialBoard(FakeBoard(info, classify)) as board:
        options = ("--port", board.port, "--build", build)
        assert run_command(monkeypatch, app, *options, images[0]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "sent coded with steps of 1 (luma) and 2 (chroma), since without loss" in text
        assert run_command(monkeypatch, app, *options, "--coding", "lossless", images[0]) == 0
        assert "sent coded without loss; at" in " ".join(capsys.readouterr().out.split())


def test_images_on_a_serial_port(build, images, monkeypatch, capsys):
    network = tiny_network(1)
    with SerialBoard(FakeBoard(device_info(network), classify)) as board:
        options = ("--port", board.port, "--build", build)
        assert run_command(monkeypatch, app, *options, *images) == 0
        text = capsys.readouterr().out
        assert run_command(monkeypatch, app, *options, "--json", *images) == 0
        *entries, summary = read_lines(capsys)
        assert run_command(monkeypatch, app, "stream", *options, "--json", images[0].parent) == 0
        assert read_lines(capsys) == entries
        assert run_command(monkeypatch, app, "stream", *options, images[0].parent) == 0
        assert "photo1.png: class 4 " in capsys.readouterr().out
        limited = ("stream", *options, "--json", "--limit", 2, images[0].parent)
        assert run_command(monkeypatch, app, *limited) == 0
        assert read_lines(capsys) == entries[:2]
    assert "class 4" in text
    assert "3 frames in" in text
    frames = load_frames(images, network.preprocessing)
    assert [entry["image"] for entry in entries] == [str(path) for path in images]
    assert [entry["sums"] for entry in entries] == [classify(f).tolist() for f in frames]
    assert entries[0]["top"][0]["label"] == "class 4"
    assert (summary["clock_hz"], summary["damaged_packets"]) == (100_000_000, 0)
    assert "not clean" not in text


class NoisyBoard(FakeBoard):
    """One whose first long answer comes with a wrong bit."""

    damaged = False

    def feed(self, data: bytes) -> None:
        super().feed(data)
        if len(self.replies) > 60 and not self.damaged:
            self.replies[10] ^= 1
            self.damaged = True


def test_losses_are_told(build, images, monkeypatch, capsys):
    with SerialBoard(NoisyBoard(device_info(tiny_network(1)), classify)) as board:
        options = ("--port", board.port, "--build", build, *images)
        assert run_command(monkeypatch, app, *options) == 0
    text = capsys.readouterr().out
    assert "3 frames in" in text
    assert "The link is not clean: damaged packets 1" in text


def test_info_and_bench(build, monkeypatch, capsys):
    network = tiny_network(1)
    told = manifest(UartLink(1_000_000), answer={"line back": 0.002})
    (build / "manifest.json").write_text(told)
    with SerialBoard(FakeBoard(device_info(network), classify)) as board:
        options = ("--port", board.port, "--build", build, "--json")
        assert run_command(monkeypatch, app, "bench", *options, "--frames", 5) == 0
        (figures,) = read_lines(capsys)
        assert run_command(monkeypatch, app, "info", *options) == 0
        (info,) = read_lines(capsys)
        assert run_command(monkeypatch, app, "info", *options[:-1]) == 0
        assert network.digest.hex() in capsys.readouterr().out
    assert (figures["frames"], figures["bad_packets"], figures["dropped_packets"]) == (5, 0, 0)
    assert figures["frames_per_second"] > 0
    assert 0 < figures["answer_ms"] <= figures["single_frame_ms"]
    assert figures["planned_line_back_ms"] == 2
    assert (info["digest"], info["answered"]) == (network.digest.hex(), 6)
    assert info["stalls"] == {op.name: 0 for op in network.ops}


def test_a_recorded_session_is_played_again(build, images, monkeypatch, capsys, tmp_path):
    record = tmp_path / "session.jsonl"
    arguments = ("--build", build, "--json", *images)
    with SerialBoard(FakeBoard(device_info(tiny_network(1)), classify)) as board:
        options = ("--port", board.port, "--record", record)
        assert run_command(monkeypatch, app, "classify", *options, *arguments) == 0
        *entries, _ = read_lines(capsys)
    assert run_command(monkeypatch, app, "classify", "--replay", record, *arguments) == 0
    *again, _ = read_lines(capsys)
    assert again == entries
    other = ("--build", build, "--json", *reversed(images))
    assert run_command(monkeypatch, app, "classify", "--replay", record, *other) == 2
    assert "says something else than was recorded" in capsys.readouterr().err


def read_lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_baud_rate_unknown(build, images, monkeypatch, capsys):
    ethernet = EthernetLink(IPv4Address("10.0.0.1"), 2, 3)
    arguments = ("--port", "/dev/no-such-port", "--build", build, images[0])
    for text, told in (
        ("{}", "manifest.json: damaged"),
        (manifest(UartLink(0)), "baud is 0"),
        (manifest(ethernet), "reach it with --udp 10.0.0.1"),
    ):
        (build / "manifest.json").write_text(text)
        assert run_command(monkeypatch, app, *arguments) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.endswith("or give --baud\n")
    assert run_command(monkeypatch, app, *arguments, "--baud", 9600) == 2
    assert "cannot open" in capsys.readouterr().err


def test_images_on_a_simulated_board(tiny_board, images, monkeypatch, capsys):
    assert run_command(monkeypatch, app, "--sim", tiny_board.folder, "--json", *images) == 0
    *entries, _ = read_lines(capsys)
    frames = load_frames(images, tiny_board.network.preprocessing)
    expected = golden.class_sums(tiny_board.network, frames)
    assert [entry["sums"] for entry in entries] == expected.tolist()


def test_board_with_another_network(build, images, monkeypatch, capsys):
    with SerialBoard(FakeBoard(device_info(tiny_network(2)), classify)) as board:
        status = run_command(monkeypatch, app, "--port", board.port, "--build", build, images[0])
    assert status == 2
    assert "it holds network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "/dev/no-such-port", "--build", "{build}", "{image}"), "cannot open"),
        (("--port", "/dev/no-such-port", "--build", "{build}/x", "{image}"), "no such folder"),
        (("--sim", "{build}", "{image}"), "no generated board"),
        (("--sim", "{build}/x", "{image}"), "no such folder"),
        (("--sim", "{build}", "{build}/x.png"), "no such image"),
        (("--sim", "{build}", "{build}/network.npz"), "not an image"),
        (("--sim", "{build}", "--bord", "x", "{image}"), "--help"),
        (("--port", "/dev/null", "--build", "{build}", "{image}"), "cannot open"),
        (("--udp", "10.0.0.1:x", "--build", "{build}", "{image}"), "--udp takes an address like"),
        (("--udp", ":0", "--build", "{build}", "{image}"), "--udp takes an address like"),
        (("{image}",), "either --sim BUILD_DIR or --port PORT"),
        (("--sim", "{build}", "--port", "x", "{image}"), "either --sim BUILD_DIR or --port PORT"),
        (("--replay", "{build}/manifest.json", "--build", "{build}", "{image}"), "no recorded"),
        (("--replay", "{image}", "--build", "{build}", "{image}"), "no recorded session"),
        (("--sim", "{build}", "--record", "{build}/x/y", "{image}"), "cannot write there"),
    ],
)
def test_bad_input(build, images, monkeypatch, capsys, arguments, message):
    filled = [argument.format(build=build, image=images[0]) for argument in arguments]
    assert run_command(monkeypatch, app, *filled) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) == 1
