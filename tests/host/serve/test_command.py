import threading

import httpx
import pytest

from gen.common.build_folder import DEFAULT, BuildFolder
from host.cli import app
from host.options import ServedOptions
from host.serve import default
from host.serve import run as running
from host.serve.server import Server
from tests.generated import run_command
from tests.networks import tiny_network


@pytest.fixture
def asked(monkeypatch):
    """What a server answered that was asked once and then stopped."""
    answers: list[httpx.Response] = []

    class Once(Server):
        def run(self, listening):
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"

            def ask():
                answers.extend(httpx.get(f"{url}/{path}", timeout=60) for path in ("info", "stats"))
                self.stop()

            thread = threading.Thread(target=ask)
            thread.start()
            super().run(listening)
            thread.join()

    monkeypatch.setattr(running, "Server", Once)
    return answers


def test_a_simulated_board_is_served(asked, tiny_board, monkeypatch, capsys):
    options = ("--sim", tiny_board.folder, "--listen", "127.0.0.1:0", "--rate", 7, "--upload", 1.5)
    assert run_command(monkeypatch, app, "serve", *options) == 0
    about, stats = (answer.json() for answer in asked)
    assert about["digest"] == tiny_board.network.digest.hex()
    assert (about["link"], about["simulated"]) == ("simulated", True)
    assert about["planned_frames_per_second"] > 0
    assert (about["rate"], about["upload_bytes"]) == (7.0, 3 << 19)
    assert stats["ready"]
    said = capsys.readouterr().out
    assert "tiny on Digilent Arty A7-100T, simulated" in said
    assert "http://127.0.0.1:" in said


def test_the_token_is_in_the_link_that_is_shown(asked, tiny_board, monkeypatch, capsys):
    token = "the-token-of-this-test"
    options = ("--sim", tiny_board.folder, "--listen", "0.0.0.0:0", "--token", token)
    assert run_command(monkeypatch, app, "serve", *options) == 0
    assert [answer.status_code for answer in asked] == [401, 401]
    assert f"/#token={token}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--listen", "0.0.0.0"), "other machines reach this address"),
        (("--listen", "nowhere:x"), "--listen takes an address"),
        (("--record", "session"), "neither recorded nor replayed"),
        (("--build", "folder"), "say how to reach the board of --build folder"),
        (("--sim", "nowhere", "--listen", "127.0.0.1:0"), "nowhere: no such folder"),
    ],
)
def test_what_cannot_be_served_is_refused_at_once(monkeypatch, capsys, options, told):
    assert run_command(monkeypatch, app, "serve", *options) == 2
    assert told in capsys.readouterr().err


def test_without_options_the_default_is_built_and_simulated(monkeypatch, tmp_path):
    assert ServedOptions().default
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(default, "compile_network", lambda request, progress: tiny_network(1))
    default.build_default()
    folder = BuildFolder(DEFAULT)
    folder.require(folder.network, folder.plan, folder.sim_verilog, folder.page)
    built = folder.network.stat().st_mtime_ns
    default.build_default()
    assert folder.network.stat().st_mtime_ns == built
