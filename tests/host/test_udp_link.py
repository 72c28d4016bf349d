import socket

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.replay import RecordingTransport, ReplayTransport
from host.transport import FramedLink
from host.udp_link import UdpLink
from protocol.device import Device
from sim import golden
from tests.host.fake_board import UdpBoard, device_info
from tests.networks import random_frames, tiny_network


@pytest.fixture(scope="module")
def network():
    return tiny_network(1)


@pytest.fixture
def board(network):
    def classify(frame):
        return golden.class_sums(network, frame[None])[0]

    with UdpBoard(Device(device_info(network), classify)) as served:
        yield served


def test_frames_over_udp(network, board):
    frames = random_frames(network, 20)
    with Driver(UdpLink("127.0.0.1", board.port), network, timeout=60) as accelerator:
        sums = [result.sums for result in accelerator.stream(frames)]
    np.testing.assert_array_equal(sums, golden.class_sums(network, frames))


def test_a_session_over_udp_is_recorded_and_replayed(network, board, tmp_path):
    frames, path = random_frames(network, 3), tmp_path / "session.jsonl"
    link = FramedLink(UdpLink("127.0.0.1", board.port))
    with Driver(RecordingTransport(link, path), network, timeout=60) as accelerator:
        sums = [accelerator.infer(frame).sums for frame in frames]
    with Driver(ReplayTransport(path), network) as accelerator:
        np.testing.assert_array_equal([accelerator.infer(f).sums for f in frames], sums)


PRIVILEGED = 9
"""A port (RFC 863, discard) that no test's socket gets by chance."""


def test_nobody_is_there(network):
    link = UdpLink("127.0.0.1", PRIVILEGED)
    with pytest.raises(FirebrickError, match=r"said nothing .* is its address right\?"):
        Driver(link, network, timeout=0.5)


def test_nothing_comes_from_a_silent_board():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        with UdpLink("127.0.0.1", silent.getsockname()[1]) as link:
            link.send([b"abc", b"defg"])
            assert link.receive(0.0) == []
            assert [silent.recv(10) for _ in range(2)] == [b"abc", b"defg"]


def test_an_address_that_cannot_be():
    with pytest.raises(FirebrickError, match=r"no such\.invalid:5: cannot send there"):
        UdpLink("no such.invalid", 5)
