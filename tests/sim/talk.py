"""A host at the other end of a simulated board's cable, for tests."""

from collections.abc import Callable
from ipaddress import IPv4Address
from random import Random

import numpy as np

from gen.ir.network import QuantizedNetwork
from protocol.messages import DeviceInfo, Result, Statistics
from protocol.packets import Kind, Packet
from protocol.session import Session
from sim import golden
from sim.lan import Machine
from sim.mii import CHECK_BYTES, GAP
from tests.networks import random_frames

PORT = 4711


class Talk:
    """A session over the cable."""

    def __init__(self, machine: Machine, network: QuantizedNetwork):
        self.machine = machine
        self.session = Session(network.digest, 0)
        self.results: list[Result] = []

    def run(self, frames: np.ndarray) -> None:
        submitted, quiet = 0, 0
        while len(self.results) < len(frames):
            while self.session.may_submit and submitted < len(frames):
                self.session.submit(frames[submitted].tobytes())
                submitted += 1
            for packet in self.session.packets():
                self.machine.send(packet, PORT)
            progress = self.session.progress
            self.machine.advance(500)
            for port, data in self.machine.take():
                assert port == PORT
                self.session.receive(data)
            self.results += [result for _, result in self.session.results]
            self.session.results.clear()
            moved = self.machine.pending or self.session.progress > progress
            quiet = 0 if moved else quiet + 1
            assert quiet < 200, "nothing comes"
            if quiet % 10 == 9:
                self.session.retry()


def check(talk: Talk, network: QuantizedNetwork, frames: np.ndarray) -> None:
    """All answers, in order, are the golden model's."""
    sums = [result.sums for result in talk.results]
    np.testing.assert_array_equal(sums, golden.class_sums(network, frames))


def ask(machine: Machine) -> Statistics:
    """How the board does."""
    machine.take()
    machine.send(Packet(Kind.STATISTICS, 9).encode(), PORT)
    assert machine.wait(lambda: bool(machine.datagrams))
    said = Packet.decode(machine.take()[-1][1])
    assert said is not None
    return Statistics.decode(said.payload)


def look_for(machine: Machine, sequence: int, to: IPv4Address) -> bytes:
    """Broadcast a question from a port that has begun nothing; the network's digest in the answer.

    ``to`` is the address that stands for all.
    """
    # The board does not hear what comes before its Ethernet core is out of reset.
    for _ in range(2):
        machine.broadcast(Packet(Kind.INFO, sequence).encode(), PORT + 1, to)
        if machine.wait(lambda: bool(machine.datagrams), 20_000):
            break
    ((port, answer),) = machine.take()
    said = Packet.decode(answer)
    assert said is not None
    assert (port, said.kind, said.sequence) == (PORT + 1, Kind.INFO, sequence)
    return DeviceInfo.decode(said.payload).digest


def talk_while_damaging(
    machine: Machine, network: QuantizedNetwork, seed: int, place: Callable[[Random, bytes], int]
) -> tuple[int, Statistics]:
    """Exchange 20 frames while nibbles on the line change, and check what came.

    ``place`` says which nibble of an Ethernet frame changes, a negative one for none. Returns how
    many did, and what the board says then.
    """
    rng, damaged = Random(seed), []
    frames = random_frames(network, 20, seed=seed + 1)

    def fault(line: bytes) -> bytes:
        at = place(rng, line)
        if at < 0:
            return line
        damaged.append(at)
        spoilt = bytearray(line)
        spoilt[at] ^= 1 << rng.randrange(4)
        return bytes(spoilt)

    talk = Talk(machine, network)
    machine.fault = fault
    talk.run(frames)
    check(talk, network, frames)
    machine.fault = bytes
    assert len(damaged) > 5
    return len(damaged), ask(machine)


def suffer_wrong_check_sequences(machine: Machine, network: QuantizedNetwork, seed: int) -> None:
    """Spoil a nibble of the check sequence of half the frames: each costs a repetition, and counts.

    Nothing else of a frame is touched.
    """
    long = 2 * int(np.prod(network.input.shape))

    def place(rng: Random, line: bytes) -> int:
        if len(line) < long or rng.random() >= 0.5:
            return -1
        return rng.randrange(len(line) - 2 * (GAP + CHECK_BYTES), len(line) - 2 * GAP)

    damaged, statistics = talk_while_damaging(machine, network, seed, place)
    assert statistics.lost == statistics.bad == damaged
