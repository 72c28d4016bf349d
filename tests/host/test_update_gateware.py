"""Updates of a generated accelerator behind its shell, clock cycle for clock cycle."""

from dataclasses import replace

import numpy as np
import pytest

from boards import BOARDS
from gen.backend.assemble import Accelerator
from gen.backend.emit import SIM_TOP
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.ir.network_file import save_network
from gen.nodes.contents import contents_layout
from gen.plan.link import packet_format
from gen.plan.planner import plan
from host.cli import app
from host.driver import Driver
from host.new_contents import NewContents
from host.sim_transport import SimTransport
from host.update import Updater
from hw.link.contents import ContentsConfig
from hw.link.shell import FrameServer, Shell
from sim import golden
from sim.verilate import build
from tests.generated import run_command
from tests.harness.shared import locked, shared_folder
from tests.harness.verilog import write_verilog
from tests.networks import fire_network, other_contents, random_frames, updatable
from tests.protocol.contents.test_key import KEY, SECRET
from tests.protocol.test_session import Spoiler

BUILD = updatable(fire_network(4), margin=1)
OTHER = other_contents(BUILD, 5)


def write_board(folder: BuildFolder) -> None:
    """What a build folder of an updatable board has that is read here."""
    board = BOARDS["arty_a7"]
    planned = plan(BUILD, board, fps=100_000)
    layout = contents_layout(BUILD, planned.nodes)
    images = layout.images(BUILD.convs)
    info = replace(
        packet_format(BUILD, board),
        clock_hz=planned.clock_hz,
        digest=BUILD.digest,
        structure=layout.digest,
        memories=len(images),
        keyed=True,
        chunk=32,  # so that there are many packets, and some frames of contents
        credits=4,
    )
    config = ContentsConfig([image.check for image in images], KEY)
    shell = Shell(info, Accelerator(BUILD, planned), "lut", contents=config)
    folder.path.mkdir()
    write_verilog(FrameServer(shell), folder.sim_verilog, SIM_TOP)
    save_network(BUILD, folder.network)
    folder.contents.write_text(layout.to_json())
    build(folder.sim_verilog, folder.simulation)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> BuildFolder:
    shared = shared_folder(tmp_path_factory, "boards")
    folder = BuildFolder(shared / "updatable")
    with locked(shared):
        if not folder.path.exists():
            write_board(folder)
    return folder


class Simulated(SimTransport):
    """A board that stays when a host leaves it, on a line that may spoil what is said.

    Attributes
    ----------
    said : callable
        Changes what the host says, or raises.
    """

    def __init__(self, folder: BuildFolder):
        super().__init__(folder)
        self.said = bytes

    def write(self, data: bytes) -> None:
        super().write(self.said(data))

    def close(self) -> None:
        """Leave it."""
        self._pending = b""

    def end(self) -> None:
        super().close()


@pytest.fixture
def board(folder):
    made = Simulated(folder)
    yield made
    made.end()


def update(board, folder, network, key=KEY):
    with Updater(board, NewContents.of(folder, network), key) as updater:
        return updater.run()


def check_sums(board, network, others) -> None:
    """The board computes what the network does."""
    frames = random_frames(network, 3, seed=6)
    expected = golden.class_sums(network, frames)
    with Driver(board, network) as driver:
        found = [result.sums for result in driver.stream(frames)]
    np.testing.assert_array_equal(found, expected)
    assert (expected != golden.class_sums(others, frames)).any()


def test_an_accelerator_computes_with_other_weights_and_its_own_again(board, folder):
    check_sums(board, BUILD, OTHER)
    done = update(board, folder, OTHER)
    assert done.memories == tuple(range(2 * len(BUILD.convs)))
    assert set(done.losses.values()) == {0}
    check_sums(board, OTHER, BUILD)
    with pytest.raises(FirebrickError, match="by --network"):
        Driver(board, BUILD)
    assert update(board, folder, OTHER).sent == 0
    assert update(board, folder, BUILD).after.counter == 2
    check_sums(board, BUILD, OTHER)


class Cut(Exception):
    """As Ctrl-C."""


@pytest.mark.parametrize("button", [False, True])
def test_an_update_that_was_cut_goes_on(board, folder, button):
    left = 24

    def said(data: bytes) -> bytes:
        nonlocal left
        left -= data.count(b"\x7e")
        if left < 0:
            raise Cut
        return data

    board.said = said
    with pytest.raises(Cut):
        update(board, folder, OTHER)
    board.said = bytes
    if button:
        board.reset()
    with pytest.raises(FirebrickError, match="is not complete"):
        Driver(board, BUILD)
    done = update(board, folder, OTHER)
    assert done.before.updating
    assert 0 < len(done.memories) < 2 * len(BUILD.convs)
    check_sums(board, OTHER, BUILD)


def test_over_a_bad_line(board, folder):
    spoiler = Spoiler(3, 0.3)
    board.said = spoiler
    for network, other in ((OTHER, BUILD), (BUILD, OTHER)):
        update(board, folder, network)
        check_sums(board, network, other)
    assert spoiler.faults > 3


def test_a_forged_key_changes_nothing(board, folder):
    with pytest.raises(FirebrickError, match=r"\(TAG\)"):
        update(board, folder, OTHER, bytes(16))
    check_sums(board, BUILD, OTHER)


def test_the_command_updates_a_simulated_board(folder, tmp_path, monkeypatch, capsys):
    save_network(OTHER, tmp_path / "other.npz")
    key = tmp_path / "update.key"
    key.write_bytes(SECRET)
    arguments = ("update", tmp_path / "other.npz", "--sim", folder, "--key", key)
    assert run_command(monkeypatch, app, *arguments) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"it says that it holds network {OTHER.digest.hex()}" in text
