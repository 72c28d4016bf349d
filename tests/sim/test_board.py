import threading
from ipaddress import IPv4Address

import numpy as np
import pytest

from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, Manifest
from host.driver import Driver
from host.serial_transport import SerialTransport
from sim import golden
from sim.board import build_board, load_link
from sim.serve import Terminal
from sim.simulator import Simulator
from tests.networks import random_frames


@pytest.mark.parametrize("bits", [False, True])
def test_the_host_takes_it_for_a_board(tiny_board, bits):
    network = tiny_board.network
    line = load_link(tiny_board.folder)
    frames = random_frames(network, 3)
    done = threading.Event()
    with (
        Simulator(build_board(tiny_board, link=line if bits else None)) as simulator,
        Terminal(simulator) as terminal,
    ):
        thread = threading.Thread(target=terminal.serve, args=(done.is_set,))
        thread.start()
        try:
            transport = SerialTransport(terminal.port, line.baud)
            with Driver(transport, network, timeout=60) as board:
                results = list(board.stream(frames))
                statistics = board.stats()
                sent = sum(len(board.coding.encoded(frame).data) for frame in frames)
        finally:
            done.set()
            thread.join(timeout=60)
        cycles = simulator.cycles
    expected = golden.class_sums(network, frames)
    np.testing.assert_array_equal([result.sums for result in results], expected)
    assert (statistics.answered, statistics.bad, statistics.lost) == (3, 0, 0)
    if bits:
        assert cycles > sent * line.cycles_per_byte


def test_an_idle_board_stands_still(tiny_board):
    rounds = iter(range(1, 100_000))
    with (
        Simulator(build_board(tiny_board, link=None)) as simulator,
        Terminal(simulator) as terminal,
    ):
        terminal.serve(lambda: next(rounds) > 1010)
        assert simulator.cycles == 2_000_000


@pytest.mark.parametrize("board", ["ecpix5", "ulx3s_85"])
def test_no_such_board_with_ethernet(tmp_path, board):
    link = EthernetLink(IPv4Address("10.0.0.1"), 2, 3)
    manifest = Manifest("1", "tiny", b"", board, "part", "loader", 1, 100_000_000, link, ())
    (tmp_path / "manifest.json").write_text(manifest.to_json())
    with pytest.raises(FirebrickError, match=f"manifest.json: there is no board '{board}' with"):
        load_link(BuildFolder(tmp_path))
