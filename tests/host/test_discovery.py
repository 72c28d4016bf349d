import json
import socket
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, Manifest
from gen.ir.network_file import save_network
from host import discovery
from host.cli import app
from host.commands.found import show_found
from host.discovery import Found, discover, the_only
from host.neighbours import EVERYBODY, Subnet, silence, subnets
from protocol.device import Device
from protocol.packets import HEADER, MAGIC, VERSION, Kind, Packet
from tests.generated import photographs, run_command
from tests.host.fake_board import LOOPBACK, UdpBoard, classify, device_info


@pytest.fixture
def info(network):
    return device_info(network)


@pytest.fixture
def board(info):
    with UdpBoard(Device(info, classify)) as served:
        yield served


@pytest.fixture
def neighbour(info, board):
    other = replace(info, digest=b"another!")
    with UdpBoard(Device(other, classify), "127.0.0.3", board.port) as served:
        yield served


@pytest.fixture
def here(monkeypatch):
    """Nobody but this machine is asked."""
    monkeypatch.setattr(discovery, "subnets", lambda: [LOOPBACK])


@pytest.fixture
def build(network, tmp_path):
    """A build folder of the boards' network."""
    save_network(network, tmp_path / "network.npz")
    link = EthernetLink(IPv4Address("127.0.0.1"), 2, 3)
    about = ("1", "tiny", network.digest, "arty_a7", "part", "arty_a7_100t", 1, 100_000_000)
    (tmp_path / "manifest.json").write_text(Manifest(*about, link, ()).to_json())
    return tmp_path


def test_boards_are_found_by_a_broadcast(info, board, neighbour):
    found = discover(board.port, among=[LOOPBACK])
    addresses = ["127.0.0.1", "127.0.0.3"]
    assert [one.place for one in found] == [f"{address}:{board.port}" for address in addresses]
    assert [one.info.digest for one in found] == [info.digest, b"another!"]
    assert {(str(one.own), one.remark) for one in found} == {("127.0.0.1", "")}
    with pytest.raises(FirebrickError, match=r"2 boards answer: .*say which one, as --udp 127\."):
        the_only(board.port, 1.0, [LOOPBACK])


def test_a_board_in_use_keeps_its_session(board, info):
    said = Packet(Kind.RESET, 7).encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as user:
        user.settimeout(10)
        user.sendto(said, ("127.0.0.1", board.port))
        assert user.recv(100) == said
        assert the_only(board.port, 1.0, [LOOPBACK]).info == info
        user.sendto(Packet(Kind.STATISTICS, 1).encode(), ("127.0.0.1", board.port))
        assert Packet.decode(user.recv(1000)).payload[12:14] == bytes([7, 0])


class Stranger(Device):
    """A board of a version to come, that also says what nobody asked."""

    def receive(self, data):
        packet = Packet.decode(data)
        about = self.info.encode()
        newer = MAGIC.to_bytes(4, "little") + (VERSION + 1).to_bytes(2, "little") + about[6:]
        other = (packet.sequence + 1) % (1 << HEADER.bits["sequence"])
        yield b"what?"
        yield Packet(Kind.INFO, other, 0, about).encode()
        yield Packet(Kind.INFO, packet.sequence, 0, newer).encode()


def test_what_is_no_board_for_this_host_is_told(info):
    with UdpBoard(Stranger(info, classify)) as stranger:
        found = the_only(stranger.port, 1.0, [LOOPBACK])
    assert found.info is None
    assert f"speaks protocol version {VERSION + 1}" in found.network


def test_nobody_answers():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.255.255.255", 0))
        port = silent.getsockname()[1]
        gone = Subnet.of("eth7", "203.0.113.7", "255.255.255.0")
        with pytest.raises(FirebrickError) as caught:
            discover(port, 0.0, [LOOPBACK, gone])
    told = str(caught.value)
    assert told.startswith(f"no board answered a broadcast to UDP port {port} within 1 s, sent")
    assert "from 127.0.0.1 (lo), 203.0.113.7 (eth7); is it powered" in told
    with pytest.raises(FirebrickError, match="no interface of this machine is up and has an IPv4"):
        discover(port, 5.0, [])
    assert "192.168.1.1/24" in silence([LOOPBACK], port, 1.0)


def test_whom_a_subnet_asks():
    assert LOOPBACK.broadcasts == (IPv4Address("127.255.255.255"),)
    home = Subnet.of("eth0", "192.168.1.7", "255.255.255.0")
    assert (home.interface, str(home.own)) == ("eth0", "192.168.1.7")
    assert home.broadcasts == (EVERYBODY, IPv4Address("192.168.1.255"))
    assert Subnet.of("tun0", "10.0.0.2", None).broadcasts == (EVERYBODY,)


def test_this_machine_is_in_the_subnet_of_itself():
    assert any(subnet.own.is_loopback for subnet in subnets())


def test_info_lists_boards(here, build, board, neighbour, monkeypatch, capsys):
    place = f"--udp=:{board.port}"
    assert run_command(monkeypatch, app, "info", place, "--build", build) == 0
    text = capsys.readouterr().out
    assert [f"127.0.0.{n}:{board.port}" in text for n in (1, 2, 3)] == [True, False, True]
    assert "arty_a7" in text
    assert b"another!".hex() in text
    assert run_command(monkeypatch, app, "info", place, "--build", build, "--json") == 0
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (first["address"], first["board"], first["name"]) == ("127.0.0.1", "arty_a7", "tiny")
    assert (second["address"], second["port"]) == ("127.0.0.3", board.port)
    assert (second["digest"], "board" in second) == (b"another!".hex(), False)


def test_a_board_of_another_subnet_is_told(info, capsys):
    far = Found(IPv4Address("192.168.1.50"), 18002, IPv4Address("10.0.0.5"), info)
    stranger = Found(IPv4Address("10.0.0.6"), 18002, IPv4Address("10.0.0.5"), None, "it is odd")
    show_found([far, stranger], None, json=False)
    text = " ".join(capsys.readouterr().out.split())
    assert "192.168.1.50:18002: this machine is 10.0.0.5 on its way there, which may be" in text
    assert "10.0.0.6:18002: " not in text
    assert "it is odd" in text
    show_found([stranger], None, json=True)
    told = {"address": "10.0.0.6", "port": 18002, "problem": "it is odd"}
    assert json.loads(capsys.readouterr().out) == told


def test_the_only_board_is_taken(here, build, board, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr("host.options.UDP_PORT", board.port)
    (image,) = photographs(tmp_path, 1)
    options = ("--build", build)
    assert run_command(monkeypatch, app, "--udp", image, *options, "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["image"] == str(image)
    assert run_command(monkeypatch, app, "bench", *options, "--frames", 3, "--udp") == 0
    assert "frames per second" in capsys.readouterr().out
    assert run_command(monkeypatch, app, "info", "--udp", *options) == 0
    assert f"127.0.0.1:{board.port}" in capsys.readouterr().out


def test_which_of_several_must_be_told(here, build, board, neighbour, monkeypatch, capsys):
    monkeypatch.setattr("host.options.UDP_PORT", board.port)
    for command in ("bench", "serve"):
        assert run_command(monkeypatch, app, command, "--udp", "--build", build) == 2
        assert "2 boards answer: 127.0.0.1:" in capsys.readouterr().err
