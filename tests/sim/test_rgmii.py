"""The emitted board behind an RGMII PHY, nibble by nibble at 1 Gb/s."""

import random
import threading

import numpy as np
import pytest

from boards import BOARDS
from gen.backend.ethernet_core import PING
from gen.link_options import Address, on_lan
from host.driver import Driver
from host.udp_link import UdpLink
from sim import golden
from sim.board import Ethernet, build_board, load_link
from sim.lan import EVERYBODY, Machine
from sim.rgmii import TICK_HZ
from sim.serve import Bridge
from sim.simulator import Simulator
from tests.generated import generated
from tests.networks import conv_network, random_frames
from tests.sim.talk import Talk, ask, check, look_for, suffer_wrong_check_sequences


@pytest.fixture(
    scope="module", params=["genesys2", pytest.param("ecpix5_85", marks=pytest.mark.slow)]
)
def board(request, tmp_path_factory):
    """One convolution: what lies behind the shell is tested with links that are slower."""
    target = on_lan(BOARDS[request.param], Address())
    return generated(tmp_path_factory, f"conv_{request.param}", conv_network(), target)


@pytest.fixture(scope="module")
def library(board):
    link = load_link(board.folder)
    assert isinstance(link, Ethernet)
    assert (link.phy.kind, link.tick_hz) == ("rgmii", TICK_HZ)
    return build_board(board, link=link)


@pytest.fixture
def machine(library, board):
    with Simulator(library) as simulator:
        yield Machine(simulator, load_link(board.folder).station)


def test_frames_at_the_rate_of_the_line(machine, board):
    """The line is faster than the shell: what comes together has to wait somewhere."""
    frames = random_frames(board.network, 50, seed=3)
    talk = Talk(machine, board.network)
    talk.run(frames)
    check(talk, board.network, frames)
    assert (talk.session.returned, talk.session.damaged, machine.frames.damaged) == (0, 0, 0)
    statistics = ask(machine)
    assert (statistics.bad, statistics.dropped, statistics.lost) == (0, 0, 0)


def test_arp_and_ping_are_answered(machine, board):
    for size in (*range(8), 128, 131, 1001, PING):
        payload = random.Random(size).randbytes(size)
        machine.ping(payload)
        assert machine.wait(lambda: bool(machine.echoes)), size
        assert machine.echoes.pop() == payload
    assert int.from_bytes(machine.mac, "big") == machine.station.mac


def test_whoever_looks_for_boards_is_told(machine, board):
    assert look_for(machine, 5, EVERYBODY) == board.network.digest


def test_damaged_frames_cost_a_repetition_only(machine, board):
    suffer_wrong_check_sequences(machine, board.network, 4)


def test_a_host_on_loopback_takes_it_for_a_board(machine, board):
    frames = random_frames(board.network, 5, seed=8)
    done = threading.Event()
    with Bridge(machine) as bridge:
        thread = threading.Thread(target=bridge.serve, args=(done.is_set,))
        thread.start()
        try:
            host, port = bridge.options.split()[1].split(":")
            with Driver(UdpLink(host, int(port)), board.network, timeout=60) as accelerator:
                results = list(accelerator.stream(frames))
        finally:
            done.set()
            thread.join(timeout=60)
    expected = golden.class_sums(board.network, frames)
    np.testing.assert_array_equal([result.sums for result in results], expected)
