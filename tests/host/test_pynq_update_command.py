"""``python -m host update --pynq``, and what other commands make of a core that was updated."""

import json
from pathlib import Path

import pytest

from gen.common.build_folder import BuildFolder
from gen.common.console import INTERRUPTED
from gen.formats.fbz import save_fbz
from gen.ir.network_file import save_network
from host.cli import app
from protocol.contents.key import read_key
from tests.generated import photographs, run_command
from tests.host.updatable_board import BUILD, OTHERS, layout_of, write_folder
from tests.host.updatable_overlay import UpdatableStandIn
from tests.networks import fire_network, updatable

FIRST = OTHERS[0]
SECRET = bytes(range(60, 92))


@pytest.fixture
def key(tmp_path) -> Path:
    (tmp_path / "core.key").write_bytes(SECRET)
    return tmp_path / "core.key"


@pytest.fixture
def tuned(tmp_path) -> Path:
    save_fbz(FIRST, tmp_path / "tuned.fbz")
    return tmp_path / "tuned.fbz"


@pytest.fixture
def bitfile(tmp_path) -> Path:
    """An overlay, and the files of its core's folder beside it."""
    path = tmp_path / "overlay" / "firebrick.bit"
    write_folder(path.parent).manifest_path.unlink()
    for file in (path, path.with_suffix(".hwh")):
        file.touch()
    return path


@pytest.fixture
def core(tmp_path) -> BuildFolder:
    """The folder of a core, as far as it says what it is."""
    folder = write_folder(tmp_path / "core")
    folder.manifest_path.write_text(json.dumps({"core": "firebrick_core", "part": "xc7z020"}))
    return folder


@pytest.fixture
def board(tmp_path, monkeypatch, key):
    monkeypatch.setattr("host.core_update.TRANSFER_BYTES", 400)
    made = UpdatableStandIn(tmp_path, read_key(key))
    made.install(monkeypatch)
    yield made
    assert made.gave_all_back


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command, and give what it printed, in one line, of which much is an error."""
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: object, status: int = 0) -> str:
        assert run_command(monkeypatch, app, *arguments) == status
        said = capsys.readouterr()
        text = said.err if status else said.out
        assert "Traceback" not in text
        return " ".join(text.split())

    return run


def test_a_core_is_updated_used_and_restored(call, board, bitfile, tuned, key, tmp_path):
    way, images = ("--pynq", bitfile), photographs(tmp_path, 2)
    text = call("update", tuned, *way, "--key", key)
    assert "Written: 16 of 16 memories (" in text
    assert f"Before, the core held network {BUILD.digest.hex()} (the build's, tiny)." in text
    assert f"holds network {FIRST.digest.hex()} (other2), and no update is under way." in text
    assert f"host verify --pynq {bitfile} --network {tuned}" in text
    text = call("update", tuned, *way, "--key", key)
    assert f"holds network {FIRST.digest.hex()} (other2) already; nothing was sent." in text
    network = ("--network", tuned)
    assert "computes what it should" in call("verify", *way, *network, "--frames", 4, *images)
    assert "2 frames in" in call("classify", *way, *network, *images)
    assert "class" in call("stream", *way, *network, images[0].parent, "--limit", 1)
    assert "frames per second" in call("bench", *way, *network, "--frames", 2)
    for name, arguments in (("verify", ()), ("classify", images), ("bench", ())):
        text = call(name, *way, *arguments, status=2)
        assert f"the core holds network {FIRST.digest.hex()}, and tiny is" in text
        assert "give the network that it was updated with by --network" in text
    text = call("update", bitfile.parent / "network.npz", *way, "--key", key)
    assert f"holds network {BUILD.digest.hex()} (the build's, tiny), and" in text
    assert "--network" not in text
    call("classify", *way, *images)
    assert board.core.holds(BUILD)
    assert len(board.loaded) == 1
    call("update", tuned, *way, "--key", key)
    call("classify", *way, "--reload", *images)
    assert board.core.holds(BUILD)


def test_what_was_done_for_programs(call, board, bitfile, tuned, key):
    entry = json.loads(call("update", tuned, "--pynq", bitfile, "--key", key, "--json"))
    assert entry["memories"][1] == {"memory": 1, "layer": BUILD.convs[0].name, "part": "scales"}
    assert (entry["digest_before"], entry["digest"]) == (BUILD.digest.hex(), FIRST.digest.hex())
    assert (entry["network"], entry["counter"], entry["was_updating"]) == ("other2", 1, False)
    assert entry["bytes"] == sum(board.core.updates.lengths)
    assert set(entry) == {
        *("network", "digest", "digest_before", "was_updating", "counter", "memories", "bytes"),
        "seconds",
    }


def test_info_tells_how_updates_stand(call, board, bitfile, tuned, key):
    def told():
        return call("info", "--pynq", bitfile), json.loads(call("info", "--json", *way))

    way = ("--pynq", bitfile)
    text, entry = told()
    assert f"{BUILD.digest.hex()} (the build's, tiny)" in text
    assert layout_of(BUILD).digest.hex() in text
    assert "can be updated with its key (16 memories); not updated yet" in text
    assert (entry["holds_build"], entry["keyed"], entry["counter"]) == (True, True, 0)
    call("update", tuned, *way, "--key", key)
    text, entry = told()
    assert f"{FIRST.digest.hex()} (not the build's: it was updated)" in text
    assert "update 1 is the last one" in text
    assert (entry["holds_build"], entry["updating"], entry["counter"]) == (False, False, 1)
    assert entry["structure"] == layout_of(BUILD).digest.hex()
    assert list(entry["stalls"]) == [op.name for op in BUILD.ops]
    assert f"{FIRST.digest.hex()} (other2)" in call("info", *way, "--network", tuned)
    board.core.updates.contents.updating = True
    text, entry = told()
    assert "update 1 is not complete" in text
    assert "run `python -m host update` with the network that it is to hold" in text
    assert entry["updating"] is True
    assert "packet" not in text


def test_the_wrong_key_and_none(call, board, bitfile, tuned, tmp_path):
    assert "give the file of the key by --key" in call("update", tuned, "--pynq", bitfile, status=2)
    wrong = tmp_path / "wrong.key"
    wrong.write_bytes(bytes(32))
    text = call("update", tuned, "--pynq", bitfile, "--key", wrong, status=2)
    assert text.startswith(f"error: {bitfile}: the core refuses the update (TAG)")
    assert board.core.holds(BUILD)


def test_an_update_that_is_interrupted_says_how_to_go_on(call, board, bitfile, tuned, key):
    call("info", "--pynq", bitfile)  # it is loaded
    arguments = ("update", tuned, "--pynq", bitfile, "--key", key)

    def said(data):
        if board.core.updates.contents.index > 4:
            raise KeyboardInterrupt
        return data

    board.core.updates.said = said
    text = call(*arguments, status=INTERRUPTED)
    assert "The update is not complete." in text
    assert f"or update it with {bitfile.parent / 'network.npz'}, which restores" in text
    assert "is not complete, and until it is no frame" in call("bench", *arguments[2:4], status=2)
    board.core.updates.said = bytes
    text = call(*arguments)
    assert "of 16 memories" in text
    assert "16 of 16" not in text
    assert ", and an update was not complete." in text
    assert board.core.holds(FIRST)


@pytest.mark.parametrize(
    ("missing", "command"),
    [("network.npz", "python -m gen core"), ("contents.json", "python -m gen core --updatable")],
)
def test_files_that_are_missing_are_named(call, bitfile, core, tuned, missing, command):
    (bitfile.parent / missing).unlink()
    text = call("update", tuned, "--pynq", bitfile, status=2)
    assert text.startswith(f"error: {bitfile.parent / missing}: no such file; copy it from")
    assert f"`{command}` wrote" in text
    (core.path / missing).unlink()
    text = call("update", tuned, "--pynq", bitfile, "--build", core, status=2)
    assert f"{core}: no generated core ({missing} is missing" in text
    assert "`python -m gen core --part xc7z020 --out " in text


def test_files_are_taken_from_the_core_s_folder(call, board, bitfile, core, tuned, key):
    (bitfile.parent / "network.npz").unlink()
    text = call("update", tuned, "--pynq", bitfile, "--build", core, "--key", key)
    assert f"verify --pynq {bitfile} --build {core} --network {tuned}" in text
    assert board.core.holds(FIRST)


def test_folders_of_the_other_kind_are_told_of(call, board, bitfile, core, tuned, tmp_path):
    for way in (("--port", "x"), ("--udp", "127.0.0.1"), ("--port", "x", "--baud", 9600)):
        for name in (("update", tuned), ("info",), ("verify",)):
            text = call(*name, *way, "--build", core, status=2)
            assert text.startswith(f"error: {core}: is of an IP core, and a board's is wanted")
    assert "is of an IP core" in call("update", tuned, "--sim", core, status=2)
    other = write_folder(tmp_path / "board")
    text = call("update", tuned, "--pynq", bitfile, "--build", other, status=2)
    assert text.startswith(f"error: {other}: is of a board, and a core's is wanted")
    assert not board.loaded


def test_bad_options(call, bitfile, tuned):
    text = call("update", tuned, status=2)
    assert "or --replay FILE or --pynq BIT, to say which board" in text
    text = call("update", tuned, "--pynq", bitfile, "--record", "x.fbr", status=2)
    assert "leave out --record" in text
    assert "name it by --pynq" in call("update", tuned, "--port", "x", "--reload", status=2)
    assert "or --pynq BIT" in call("info", "--port", "x", "--pynq", bitfile, status=2)


def test_what_does_not_fit_is_refused_before_anything_is_loaded(call, board, bitfile, tmp_path):
    save_network(updatable(fire_network(1)), tmp_path / "stranger.npz")
    text = call("update", tmp_path / "stranger.npz", "--pynq", bitfile, status=2)
    assert "does not fit a board" in text
    assert not board.loaded
