"""A host at the other end of a simulated board's cable, for tests."""

import numpy as np

from gen.network import QuantizedNetwork
from protocol.messages import Result, Statistics
from protocol.packets import Kind, Packet
from protocol.session import Session
from sim import golden
from sim.network import Machine

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
            while self.session.room and submitted < len(frames):
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
