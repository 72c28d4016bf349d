"""``python -m host update``, and what other commands make of a board that was updated."""

import json
import signal
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from gen.common.build_folder import BuildFolder
from gen.formats.fbz import save_fbz
from gen.ir.network_file import save_network
from host.cli import app
from host.commands.found import show_found
from host.discovery import Found
from protocol.contents.key import read_key
from protocol.contents.model import Write
from tests.generated import photographs, run_command
from tests.host.fake_board import SerialBoard, UdpBoard
from tests.host.updatable_board import BUILD, OTHERS, STRANGER, UpdatableBoard, write_folder
from tests.host.updates import cut_at_begin
from tests.networks import fire_network, updatable
from tests.paths import ROOT

FIRST = OTHERS[0]
SECRET = bytes(range(60, 92))


@pytest.fixture
def folder(tmp_path) -> BuildFolder:
    return write_folder(tmp_path / "build")


@pytest.fixture
def tuned(tmp_path) -> Path:
    save_fbz(FIRST, tmp_path / "tuned.fbz")
    return tmp_path / "tuned.fbz"


@pytest.fixture
def key(tmp_path) -> Path:
    (tmp_path / "flowers.key").write_text(SECRET.hex() + "\n")
    return tmp_path / "flowers.key"


class Host:
    """Runs commands on a board; what they print, in one line."""

    def __init__(self, monkeypatch, capsys, folder):
        self._monkeypatch, self._capsys, self._folder = monkeypatch, capsys, folder

    def __call__(self, board: SerialBoard, name: str, *arguments: object, status: int = 0) -> str:
        options = ("--port", board.port, "--build", self._folder)
        assert run_command(self._monkeypatch, app, name, *options, *arguments) == status
        said = self._capsys.readouterr()
        text = said.err if status else said.out
        assert SECRET.hex()[:8] not in text
        return " ".join(text.split())


@pytest.fixture
def host(monkeypatch, capsys, folder) -> Host:
    monkeypatch.setenv("COLUMNS", "300")
    return Host(monkeypatch, capsys, folder)


def test_a_board_is_updated_used_and_restored(host, folder, tuned, tmp_path):
    images = photographs(tmp_path, 2)
    with SerialBoard(UpdatableBoard()) as board:
        text = host(board, "update", tuned)
        assert "Written: 16 of 16 memories (" in text
        assert f"Before, the board held network {BUILD.digest.hex()} (the build's, tiny)." in text
        assert f"holds network {FIRST.digest.hex()} (other2), and no update is under way." in text
        assert f"verify --port {board.port} --build {folder.path} --network {tuned}" in text
        text = host(board, "update", tuned)
        assert f"holds network {FIRST.digest.hex()} (other2) already; nothing was sent." in text
        network = ("--network", tuned)
        assert "computes what it should" in host(board, "verify", *network, *images)
        assert "2 frames in" in host(board, "classify", *network, *images)
        assert "class" in host(board, "stream", *network, images[0].parent, "--limit", 1)
        assert "frames per second" in host(board, "bench", *network, "--frames", 2)
        for name, arguments in (("verify", ()), ("classify", images), ("bench", ())):
            text = host(board, name, *arguments, status=2)
            assert "it holds network" in text
            assert "give the network that it was updated with by --network" in text
        text = host(board, "update", folder.network)
        assert f"holds network {BUILD.digest.hex()} (the build's, tiny), and" in text
        assert "--network" not in text
        text = host(board, "classify", *network, *images, status=2)
        assert "it holds network" in text
        host(board, "classify", *images)


def test_what_was_done_for_programs(host, tuned):
    with SerialBoard(UpdatableBoard()) as board:
        entry = json.loads(host(board, "update", tuned, "--json"))
        again = json.loads(host(board, "update", tuned, "--json"))
    assert entry["memories"][1] == {"memory": 1, "layer": BUILD.convs[0].name, "part": "scales"}
    assert len(entry["memories"]) == 16
    assert (entry["digest_before"], entry["digest"]) == (BUILD.digest.hex(), FIRST.digest.hex())
    assert (entry["network"], entry["counter"], entry["was_updating"]) == ("other2", 1, False)
    assert entry["bytes"] > 1000
    assert entry["damaged_packets"] == 0
    assert (again["memories"], again["bytes"], again["counter"]) == ([], 0, 1)


def test_a_keyed_board(host, tuned, key, tmp_path):
    with SerialBoard(UpdatableBoard(key=read_key(key))) as board:
        assert "give the file of the key by --key" in host(board, "update", tuned, status=2)
        wrong = tmp_path / "wrong.key"
        wrong.write_bytes(bytes(32))
        assert "(TAG)" in host(board, "update", tuned, "--key", wrong, status=2)
        assert "can be updated with its key (16 memories); not updated yet" in host(board, "info")
        assert "no update is under way" in host(board, "update", tuned, "--key", key)


def test_a_key_that_is_not_needed(host, tuned, key, monkeypatch, capsys, folder):
    with SerialBoard(UpdatableBoard()) as board:
        text = host(board, "update", tuned, "--key", key)
        assert "takes contents from anyone: --key was not needed" in text
        arguments = ("update", tuned, "--port", board.port, "--build", folder, "--key", key)
        assert run_command(monkeypatch, app, *arguments, "--json") == 0
        said = capsys.readouterr()
    assert json.loads(said.out)["bytes"] == 0
    assert "not needed" in said.err


def test_info_tells_how_updates_stand(host, folder, tuned):
    board = UpdatableBoard()
    with SerialBoard(board) as line:
        text = host(line, "info")
        assert f"{BUILD.digest.hex()} (the build's, tiny)" in text
        assert "can be updated by anyone (16 memories); not updated yet" in text
        assert json.loads(host(line, "info", "--json"))["holds_build"] is True
        host(line, "update", tuned)
        text = host(line, "info")
        assert f"{FIRST.digest.hex()} (not the build's: it was updated)" in text
        assert "update 1 is the last one" in text
        entry = json.loads(host(line, "info", "--json"))
        assert (entry["holds_build"], entry["updating"]) == (False, False)
        assert list(entry["stalls"]) == [op.name for op in BUILD.ops]
        assert f"{FIRST.digest.hex()} (other2)" in host(line, "info", "--network", tuned)
        cut_at_begin(board, folder)
        text = host(line, "info")
        assert "update 2 is not complete" in text
        assert "run `python -m host update` with the network that it is to hold" in text
        assert json.loads(host(line, "info", "--json"))["updating"] is True


def test_info_says_what_is_damaged(host, folder):
    folder.contents.write_text("{}")
    with SerialBoard(UpdatableBoard()) as line:
        assert "contents.json: damaged" in host(line, "info", status=2)


def test_info_of_other_boards_says_nothing_of_this_build(host):
    with SerialBoard(UpdatableBoard(STRANGER)) as board:
        assert "the build's" not in host(board, "info")
        assert "holds_build" not in json.loads(host(board, "info", "--json"))


def test_commands_refuse_a_board_amid_an_update(host, folder, tuned, tmp_path):
    images = photographs(tmp_path, 1)
    board = UpdatableBoard()
    cut_at_begin(board, folder)
    with SerialBoard(board) as line:
        for name, arguments in (("verify", ()), ("classify", images), ("bench", ())):
            text = host(line, name, *arguments, status=2)
            assert "has begun and is not complete" in text
            assert "python -m host update" in text
        text = host(line, "update", tuned)
        assert (
            f"network {BUILD.digest.hex()} (the build's, tiny), and an update was not complete."
            in text
        )
        assert "no update is under way" in text


class SlowBoard(UpdatableBoard):
    """Takes its time to write, so that there is time to interrupt it."""

    def load(self, write: Write) -> None:
        super().load(write)
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_update_that_is_interrupted_says_how_to_go_on(folder, tuned, number):
    board = SlowBoard()
    with SerialBoard(board) as line:
        arguments = ("update", tuned, "--port", line.port, "--build", folder)
        # Ignored in processes that a shell starts in the background, and in what they start.
        heeds = "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        runs = "runpy.run_module('host', run_name='__main__', alter_sys=True)"
        command = [sys.executable, "-c", heeds + runs, *map(str, arguments)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
            while not board.written and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(number)
            _, said = process.communicate(timeout=60)
        assert process.returncode == (130 if number == signal.SIGINT else 128 + number)
        text = " ".join(said.split())
        assert "The update is not complete." in text
        assert f"or update it with {folder.network}, which restores" in text
        assert "Traceback" not in text
    assert board.device.info.updating


def test_over_udp(monkeypatch, capsys, folder, tuned):
    board = UpdatableBoard()
    with UdpBoard(board.device) as line:
        way = f"127.0.0.1:{line.port}"
        arguments = ("update", tuned, "--udp", way, "--build", folder)
        assert run_command(monkeypatch, app, *arguments) == 0
    assert f"verify --udp {way} --build" in capsys.readouterr().out
    assert board.holds(FIRST)


def test_boards_amid_an_update_are_found_as_such(capsys, folder):
    board = UpdatableBoard()
    cut_at_begin(board, folder)
    here = IPv4Address("127.0.0.1")
    show_found([Found(here, 18002, here, board.device.info)], None, json=False)
    text = " ".join(capsys.readouterr().out.split())
    assert "127.0.0.1:18002: an update of its contents has begun" in text


def test_a_recorded_update_is_played_again(monkeypatch, capsys, folder, tuned, key, tmp_path):
    record = tmp_path / "session.jsonl"
    arguments = ("update", tuned, "--build", folder, "--key", key, "--json")
    with SerialBoard(UpdatableBoard(key=read_key(key))) as board:
        recorded = ("--port", board.port, "--record", record)
        assert run_command(monkeypatch, app, *arguments, *recorded) == 0
    assert run_command(monkeypatch, app, *arguments, "--replay", record) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    held = record.read_bytes()
    assert SECRET.hex().encode() not in held
    assert read_key(key).hex().encode() not in held


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("{tuned}", "--build", "{folder}", "--port", "/dev/no-such-port"), "cannot open"),
        (("{tuned}", "--build", "{folder}/x", "--port", "x"), "no such folder"),
        (("{folder}/x.npz", "--build", "{folder}", "--port", "x"), "no such network file"),
        (("{folder}/x.fbz", "--build", "{folder}", "--port", "x"), "no such network file"),
        (("{folder}/m.onnx", "--build", "{folder}", "--port", "x"), "is no .npz or .fbz; make one"),
        (("{stranger}", "--build", "{folder}", "--port", "x"), "does not fit a board"),
        (("{tuned}", "--build", "{folder}"), "either --sim BUILD_DIR or --port PORT"),
        (
            ("{tuned}", "--build", "{folder}", "--port", "x", "--key", "{folder}/x"),
            "x: cannot be read (No such file or directory); give the file of the board's key",
        ),
        (
            ("{tuned}", "--build", "{folder}", "--port", "x", "--key", "{tuned}"),
            "has exactly 32 bytes, or 64 hexadecimal digits",
        ),
        (
            ("{tuned}", "--build", "{folder}", "--port", "x", "--record", "{tuned}"),
            "is read by the same command",
        ),
    ],
)
def test_bad_input(folder, tuned, monkeypatch, capsys, tmp_path, arguments, message):
    stranger = tmp_path / "stranger.npz"
    save_network(updatable(fire_network(1)), stranger)
    filled = [one.format(folder=folder, tuned=tuned, stranger=stranger) for one in arguments]
    assert run_command(monkeypatch, app, "update", *filled) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert len(error.splitlines()) == 1


def test_a_simulated_board_holds_its_build(folder, tuned, monkeypatch, capsys):
    arguments = ("classify", "--sim", folder, "--network", tuned, "x.png")
    assert run_command(monkeypatch, app, *arguments) == 2
    assert "a simulated board holds what it was generated with" in capsys.readouterr().err


def test_a_network_must_fit_the_build(host, folder, tmp_path):
    save_network(updatable(fire_network(1)), tmp_path / "stranger.npz")
    with SerialBoard(UpdatableBoard()) as board:
        text = host(board, "bench", "--network", tmp_path / "stranger.npz", status=2)
    assert "does not fit a board" in text
