"""The emitted board on Ethernet, nibble by nibble, with a machine at the other end of the cable."""

import random
import threading
from dataclasses import replace
from ipaddress import IPv4Address

import numpy as np
import pytest

from gen.backend.ethernet_core import PING
from host.discovery import discover
from host.driver import Driver
from host.udp_link import UdpLink
from protocol.packets import Kind, Packet
from sim import golden
from sim.board import Ethernet, build_board, load_link
from sim.lan import EVERYBODY, MAC, Machine
from sim.mii import GAP, PREAMBLE, nibbles
from sim.serve import Bridge
from sim.simulator import Simulator
from tests.host.fake_board import LOOPBACK
from tests.networks import random_frames
from tests.sim.talk import (
    PORT,
    Talk,
    check,
    look_for,
    suffer_wrong_check_sequences,
    talk_while_damaging,
)


@pytest.fixture(scope="module")
def link(tiny_on_ethernet):
    found = load_link(tiny_on_ethernet.folder)
    assert isinstance(found, Ethernet)
    assert (str(found.station.address), found.station.port) == ("10.1.2.3", 5000)
    return found


@pytest.fixture(scope="module")
def library(tiny_on_ethernet, link):
    return build_board(tiny_on_ethernet, link=link)


@pytest.fixture
def machine(library, link):
    with Simulator(library) as simulator:
        yield Machine(simulator, link.station)


def test_frames_over_mii_equal_the_golden_model(machine, tiny_on_ethernet):
    network = tiny_on_ethernet.network
    frames = random_frames(network, 20, seed=3)
    talk = Talk(machine, network)
    talk.run(frames)
    check(talk, network, frames)
    assert (talk.session.resent, talk.session.damaged, machine.frames.damaged) == (0, 0, 0)
    assert talk.session.info.chunk == 1024


def test_arp_and_ping_are_answered(machine, link):
    for size in (0, 9, 128, 129, 1000, PING):
        payload = random.Random(size).randbytes(size)
        machine.ping(payload)
        assert machine.wait(lambda: bool(machine.echoes))
        assert machine.echoes.pop() == payload
    assert int.from_bytes(machine.mac, "big") == link.station.mac


def test_damaged_frames_cost_a_repetition_only(machine, tiny_on_ethernet):
    def place(rng: random.Random, line: bytes) -> int:
        return rng.randrange(2 * len(PREAMBLE), len(line) - 2 * GAP) if rng.random() < 0.3 else -1

    damaged, statistics = talk_while_damaging(machine, tiny_on_ethernet.network, 4, place)
    assert statistics.answered == 20
    # Where headers were hit, the Ethernet core has dropped the frame before anybody counts it.
    assert 0 < statistics.bad <= damaged


def test_a_wrong_check_sequence_alone_is_noticed(machine, tiny_on_ethernet):
    suffer_wrong_check_sequences(machine, tiny_on_ethernet.network, 5)


def test_frames_for_another_address_are_left_alone(machine, link):
    info = Packet(Kind.INFO, 1).encode()
    machine.send(Packet(Kind.RESET, 1).encode(), PORT)
    assert machine.wait(lambda: bool(machine.datagrams))
    machine.take()
    mine = machine.station
    machine.station = replace(mine, address=mine.address + 8)
    machine.send(info, PORT)
    machine.ping(b"you?")
    assert not machine.wait(lambda: bool(machine.datagrams or machine.echoes))
    machine.station = mine
    machine.send(info, PORT)
    assert machine.wait(lambda: bool(machine.datagrams))


def test_what_is_not_for_the_board_is_left_alone(machine, tiny_on_ethernet):
    rng = random.Random(6)
    for length in (0, 1, 14, 60, 200, 1500):
        machine.put(nibbles(rng.randbytes(length)))
    machine.put(nibbles(b"\xff" * 6 + MAC + b"\x08\x00" + rng.randbytes(100)))
    frames = random_frames(tiny_on_ethernet.network, 2, seed=7)
    talk = Talk(machine, tiny_on_ethernet.network)
    talk.run(frames)
    check(talk, tiny_on_ethernet.network, frames)


def test_answers_follow_the_host_that_began_last(machine):
    machine.send(Packet(Kind.RESET, 1).encode(), PORT)
    machine.send(Packet(Kind.STATISTICS, 1).encode(), PORT + 1)
    assert machine.wait(lambda: len(machine.datagrams) == 2)
    assert [port for port, _ in machine.take()] == [PORT, PORT]
    machine.send(Packet(Kind.RESET, 1).encode(), PORT + 1)
    assert machine.wait(lambda: bool(machine.datagrams))
    assert [port for port, _ in machine.take()] == [PORT + 1]


def test_whoever_looks_for_boards_is_told_and_takes_none(machine, tiny_on_ethernet):
    statistics = Packet(Kind.STATISTICS, 3).encode()
    neighbours = IPv4Address(int(machine.station.address) | 0xFF)
    assert look_for(machine, 7, EVERYBODY) == tiny_on_ethernet.network.digest
    machine.send(Packet(Kind.RESET, 1).encode(), PORT)
    assert machine.wait(lambda: bool(machine.datagrams))
    machine.take()
    assert look_for(machine, 8, neighbours) == tiny_on_ethernet.network.digest
    machine.send(statistics, PORT + 1)
    assert machine.wait(lambda: bool(machine.datagrams))
    ((port, answer),) = machine.take()
    assert (port, Packet.decode(answer).kind) == (PORT, Kind.STATISTICS)


def test_broadcasts_for_others_are_left_alone(machine):
    info = Packet(Kind.INFO, 1).encode()
    mine = machine.station
    machine.broadcast(info, PORT, IPv4Address(int(mine.address) ^ 0x100 | 0xFF))
    machine.station = replace(mine, port=mine.port + 1)
    machine.broadcast(info, PORT)
    assert not machine.wait(lambda: bool(machine.datagrams))
    machine.station = mine
    machine.broadcast(info, PORT)
    assert machine.wait(lambda: bool(machine.datagrams))


def test_a_host_on_loopback_takes_it_for_a_board(machine, tiny_on_ethernet):
    network = tiny_on_ethernet.network
    frames = random_frames(network, 5, seed=8)
    done = threading.Event()
    with Bridge(machine) as bridge:
        thread = threading.Thread(target=bridge.serve, args=(done.is_set,))
        thread.start()
        try:
            host, port = bridge.options.split()[1].split(":")
            # Another test's board may be there, too.
            found = discover(machine.station.port, 60, [LOOPBACK])
            assert (host, int(port)) in {(str(one.address), one.port) for one in found}
            with Driver(UdpLink(host, int(port)), network, timeout=60) as board:
                results = list(board.stream(frames))
                statistics = board.stats()
        finally:
            done.set()
            thread.join(timeout=60)
    expected = golden.class_sums(network, frames)
    np.testing.assert_array_equal([result.sums for result in results], expected)
    assert (statistics.answered, statistics.bad, statistics.lost) == (5, 0, 0)
    assert len(statistics.stalls) == len(network.ops)
