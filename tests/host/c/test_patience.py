"""How long the C driver waits before it asks what was lost: as long as the Python host does."""

import itertools
import math
from collections import deque

import numpy as np
import pytest

from host.exchange import Exchange
from host.transport import Link
from protocol.device import Device
from tests.host.c.board import FOREVER, OK, Board, Wire
from tests.host.c.test_session import INFO, classify, make_frames

RATE = 1000
"""Bytes a second of the slow line."""


class Distant:
    """A board whose answers come late. Times are milliseconds.

    Of what is sent, each ``loses``-th packet is lost.
    """

    def __init__(self, delay: int, loses: int):
        self.device, self.delay, self.loses = Device(INFO, classify), delay, loses
        self.clock = 0.0
        self.log: list[tuple[float, bytes]] = []
        self.coming: deque[tuple[float, bytes]] = deque()

    def take(self, packet: bytes) -> None:
        self.log.append((self.clock, packet))
        if len(self.log) % self.loses:
            due = self.clock + self.delay
            self.coming.extend((due, answer) for answer in self.device.receive(packet))

    def give(self, wait: float) -> bytes:
        if self.coming and self.coming[0][0] <= self.clock + wait:
            due, packet = self.coming.popleft()
            self.clock = max(self.clock, due)
            return packet
        self.clock += wait
        return b""


class DistantLink(Link):
    def __init__(self, board: Distant, rate: int):
        self.board, self.rate = board, rate

    @property
    def name(self) -> str:
        return "distant board"

    @property
    def first(self) -> int:
        return 7

    @property
    def seconds_per_byte(self) -> float:
        return 1 / self.rate if self.rate else 0.0

    def now(self) -> float:
        return self.board.clock / 1000

    def send(self, packets: list[bytes]) -> None:
        for packet in packets:
            self.board.take(packet)

    def receive(self, timeout: float) -> list[bytes]:
        # A little more than asked for: otherwise rounding may ask for nothing, for ever.
        first = self.board.give(math.ceil(1000 * timeout + 1e-6))
        return [first, *iter(lambda: self.board.give(0), b"")] if first else []

    def close(self) -> None:
        pass


class DistantWire(Wire):
    def __init__(self, board: Distant):
        super().__init__()
        self.board = board

    def send(self, data: bytes) -> bool:
        self.board.take(data)
        return True

    def receive(self, size: int, wait: int) -> bytes:
        found = self.board.give(wait)
        self.now = math.floor(self.board.clock)
        assert len(found) <= size
        return found


def by_python(board: Distant, rate: int, frames: np.ndarray) -> None:
    exchange = Exchange(DistantLink(board, rate), None, 5.0)
    exchange.meet()
    for pixels in frames:
        exchange.begin()
        exchange.session.submit(pixels.tobytes())
        while not exchange.results():
            exchange.step()


def by_c(library, board: Distant, rate: int, frames: np.ndarray) -> None:
    driver = Board(library, DistantWire(board), first=7, bytes_per_second=rate)
    while not driver.ready:
        assert driver.poll() == OK
    for pixels in frames:
        assert driver.submit(pixels.tobytes()) == OK
        while not driver.results():
            assert driver.poll(FOREVER) == OK


@pytest.mark.parametrize("rate", [0, RATE])
@pytest.mark.parametrize(
    ("delay", "loses"),
    [*itertools.product([0, 31, 407, 903], [8, 9, 1000]), (407, 5), (407, 7), (607, 6), (407, 11)],
)
def test_it_asks_when_the_python_host_does(library, delay, loses, rate):
    # Milliseconds are whole in C and not in Python: delays are such that this decides nothing.
    here, there = Distant(delay, loses), Distant(delay, loses)
    frames = make_frames(6, delay)
    by_python(there, rate, frames)
    by_c(library, here, rate, frames)
    assert [packet for _, packet in here.log] == [packet for _, packet in there.log]
    times = [[at for at, _ in board.log] for board in (here, there)]
    np.testing.assert_allclose(times[0], times[1], atol=4 * len(here.log))
    asked_again = len(here.log) > 2 + 3 * len(frames)
    assert asked_again == (loses < 1000 or delay > 250)
