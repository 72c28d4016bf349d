"""``python -m sim --update``: a generated board gets other weights between its frames."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from boards import BOARDS
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.keys import load_key
from gen.ir.network_file import save_network
from gen.plan.planner import Goal
from protocol.contents.key import SECRET_BYTES
from sim.cli import app
from sim.frames import GeneratedBoard
from sim.simulator import Simulator
from sim.update import Update, run_update
from sim.verilate import build
from tests.generated import photographs, run_command
from tests.harness.shared import locked, shared_folder
from tests.networks import other_contents, tiny_network, updatable


@pytest.fixture(scope="session")
def secret(tmp_path_factory):
    path = shared_folder(tmp_path_factory, "boards") / "key"
    path.write_bytes(bytes(range(SECRET_BYTES)))
    return path


@pytest.fixture(scope="session")
def keyed_board(tmp_path_factory, secret) -> GeneratedBoard:
    """The tiny network for an Arty A7 that takes updates from who has its key."""
    shared = shared_folder(tmp_path_factory, "boards")
    folder = BuildFolder(shared / "keyed")
    network, board = updatable(tiny_network(1), 1), replace(BOARDS["arty_a7"], keyed=True)
    with locked(shared):
        if not folder.path.exists():
            key = load_key(secret)
            emit(network, Goal(board).plan(network), board, folder, key=key)
    made = GeneratedBoard.load(folder)
    library(made)
    return made


def library(board: GeneratedBoard) -> Path:
    """Its compiled simulation."""
    return build(board.folder.sim_verilog, board.folder.simulation)


def frames(board: GeneratedBoard, count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, *board.network.input.shape), dtype=np.uint8)


def test_frames_before_and_after_are_right_and_those_amid_it_refused(keyed_board, secret):
    network = other_contents(keyed_board.network, 2)
    update = Update.of(keyed_board, network, load_key(secret))
    with Simulator(library(keyed_board)) as simulator:
        result = run_update(simulator, update, frames(keyed_board, 3))
    assert result.right
    assert [phase.refused for phase in result.phases] == [0, 3, 0]
    before, _, after = (phase.sums for phase in result.phases)
    assert (before != after).any()
    assert update.memories == 2 * len(network.convs)
    assert result.cycles > update.sent_bytes


def test_a_wrong_answer_is_seen(keyed_board, secret):
    network = other_contents(keyed_board.network, 2)
    update = Update.of(keyed_board, network, load_key(secret))
    wrong = replace(update, network=other_contents(keyed_board.network, 4))
    with Simulator(library(keyed_board)) as simulator:
        result = run_update(simulator, wrong, frames(keyed_board, 2))
    assert not result.right
    assert [phase.wrong for phase in result.phases] == [0, 0, 2]


def test_without_the_key_the_update_is_refused(keyed_board):
    update = Update.of(keyed_board, other_contents(keyed_board.network, 2), bytes(16))
    with (
        Simulator(library(keyed_board)) as simulator,
        pytest.raises(FirebrickError, match="TAG"),
    ):
        run_update(simulator, update, frames(keyed_board, 1))


def test_only_memories_that_differ_are_sent(keyed_board):
    first, *rest = keyed_board.network.ops
    changed = replace(first, bias=first.bias[::-1].copy())
    network = replace(keyed_board.network, ops=(changed, *rest))
    assert Update.of(keyed_board, network, None).memories == 1


def test_the_command_shows_it(keyed_board, secret, tmp_path, monkeypatch, capsys):
    path = tmp_path / "other.npz"
    save_network(other_contents(keyed_board.network, 3), path)
    options = ["--build", keyed_board.folder.path, "--update", path, "--key", secret, "--frames", 2]
    images = photographs(tmp_path, 2)
    assert run_command(monkeypatch, app, *options, "--json", *images) == 0
    told = json.loads(capsys.readouterr().out)
    assert [phase["refused"] for phase in told["phases"]] == [0, 2, 0]
    assert told["right"]
    assert run_command(monkeypatch, app, *options, *images) == 0
    assert "equal the golden model's" in capsys.readouterr().out


def test_what_does_not_go_together_is_refused(tiny_board, tmp_path, monkeypatch, capsys):
    build_of = ["--build", tiny_board.folder.path]
    path = tmp_path / "other.npz"
    save_network(tiny_network(2), path)
    images = photographs(tmp_path, 1)
    for options, message in (
        (["--key", path], "--key is for --update"),
        (["--update", path, "--trace", tmp_path / "t.json"], "--update does not go with"),
        (["--update", path], "is built for"),
    ):
        assert run_command(monkeypatch, app, *build_of, *options, *images) == 2
        assert message in " ".join(capsys.readouterr().err.split())
