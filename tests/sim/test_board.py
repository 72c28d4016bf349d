import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.serial_transport import SerialTransport
from sim import golden
from sim.board import build_board, load_link
from sim.serve import Terminal
from sim.simulator import Simulator
from tests.damage import changed
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
        finally:
            done.set()
            thread.join(timeout=60)
        cycles = simulator.cycles
    expected = golden.class_sums(network, frames)
    np.testing.assert_array_equal([result.sums for result in results], expected)
    assert (statistics.answered, statistics.bad, statistics.lost) == (3, 0, 0)
    if bits:
        assert cycles > frames.size * line.cycles_per_byte


def test_an_idle_board_stands_still(tiny_board):
    rounds = iter(range(1, 100_000))
    with (
        Simulator(build_board(tiny_board, link=None)) as simulator,
        Terminal(simulator) as terminal,
    ):
        terminal.serve(lambda: next(rounds) > 1010)
        assert simulator.cycles == 2_000_000


MANIFEST = {
    "clock_hz": 100_000_000,
    "link": "ethernet",
    "ip": "10.0.0.1",
    "mac": 2,
    "udp_port": 3,
    "board": "genesys2",
}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([MANIFEST, {"clock_hz": 9, "link": "uart", "baud": 5}]).flatmap(changed))
def test_forged_manifests_are_refused_or_a_link(tmp_path_factory, manifest):
    folder = tmp_path_factory.mktemp("forged")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    message = "none"
    try:
        assert load_link(folder).clock_hz > 0
    except FirebrickError as error:
        message = str(error)
    assert message == "none" or "does not tell clock and link" in message


@pytest.mark.parametrize("text", ["{}", "no json", json.dumps({"clock_hz": 1, "baud": None})])
def test_a_folder_that_does_not_tell_its_line(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(FirebrickError, match="does not tell clock and link"):
        load_link(tmp_path)
