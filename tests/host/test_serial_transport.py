import errno
import grp
import os
from types import SimpleNamespace

import numpy as np
import pytest
import serial

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.serial_transport import SerialTransport, no_permission
from tests.host.fake_board import FakeBoard, SerialBoard, device_info
from tests.networks import random_frames, tiny_network


def classify(frame: np.ndarray) -> np.ndarray:
    return np.arange(5) + frame.sum(dtype=np.int64)


@pytest.fixture(scope="module")
def network():
    return tiny_network(1)


def test_frames_over_a_serial_port(network):
    frames = random_frames(network, 40)
    with (
        SerialBoard(FakeBoard(device_info(network), classify)) as board,
        Driver(SerialTransport(board.port, 115_200), network) as accelerator,
    ):
        results = list(accelerator.stream(frames))
    np.testing.assert_array_equal([r.sums for r in results], [classify(f) for f in frames])


def test_silent_port_times_out(network):
    ours, theirs = os.openpty()
    try:
        with pytest.raises(FirebrickError, match="at 9600 baud: the board has said nothing"):
            Driver(SerialTransport(os.ttyname(theirs), 9600), network, timeout=0.2)
    finally:
        os.close(theirs)
        os.close(ours)


def test_port_that_vanishes(network):
    ours, theirs = os.openpty()
    transport = SerialTransport(os.ttyname(theirs), 115_200)
    os.close(theirs)
    os.close(ours)
    with pytest.raises(FirebrickError, match="unplugged"):
        Driver(transport, network)


def test_a_port_belongs_to_one_program():
    ours, theirs = os.openpty()
    try:
        with (
            SerialTransport(os.ttyname(theirs), 9600),
            pytest.raises(FirebrickError, match="cannot open"),
        ):
            SerialTransport(os.ttyname(theirs), 9600)
    finally:
        os.close(theirs)
        os.close(ours)


def test_missing_port():
    with pytest.raises(FirebrickError, match=r"/dev/no-such-port: cannot open .* port"):
        SerialTransport("/dev/no-such-port", 115_200)


def test_a_port_without_permission_names_the_group(monkeypatch):
    def refused(*arguments, **options):
        raise serial.SerialException(errno.EACCES, "could not open port: Permission denied")

    monkeypatch.setattr(serial, "Serial", refused)
    with pytest.raises(FirebrickError, match=r"usermod -aG dialout \$USER`, and log in again"):
        SerialTransport("/dev/null", 1_000_000)


def test_the_group_is_the_ports_own(tmp_path, monkeypatch):
    port = tmp_path / "ttyUSB0"
    port.touch()
    group = SimpleNamespace(gr_name="uucp")
    monkeypatch.setattr(grp, "getgrgid", lambda number: group)
    assert "usermod -aG uucp $USER" in no_permission(str(port))


def test_seconds_per_byte():
    ours, theirs = os.openpty()
    with SerialTransport(os.ttyname(theirs), 1_000_000) as transport:
        assert transport.seconds_per_byte == pytest.approx(10e-6)
    os.close(theirs)
    os.close(ours)
