"""The C session beside the Python one: the same packets, and the same answers."""

import random
from collections.abc import Iterator

import numpy as np
import pytest

from protocol.device import Device
from protocol.framing import Deframer, frame
from protocol.messages import DeviceInfo
from protocol.session import Session
from tests.host.c.board import OK, Board, Wire
from tests.protocol.test_session import Spoiler

INFO = DeviceInfo(6, 5, 3, 300, 50_000_000, b"network1", chunk=32, credits=4, frames=4, streams=3)


def classify(pixels: np.ndarray) -> np.ndarray:
    return np.arange(INFO.classes) * 7 - pixels.sum(dtype=np.int64) + 3 * int(pixels[0, 0, 0])


def make_frames(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *INFO.shape), dtype=np.uint8)


class PacketSpoiler:
    """Loses, damages, repeats and reorders packets, from a seed."""

    def __init__(self, seed: int, chance: float):
        self.rng, self.chance, self.faults = random.Random(seed), chance, 0
        self.late: list[bytes] = []

    def __call__(self, packets: list[bytes]) -> list[bytes]:
        found, late, self.late = [], self.late, []
        for packet in packets:
            kind = self.rng.randrange(4) if self.rng.random() < self.chance else None
            self.faults += kind is not None
            if kind == 0:
                continue
            if kind == 1:
                at = self.rng.randrange(len(packet))
                packet = packet[:at] + bytes([packet[at] ^ 1 << self.rng.randrange(8)])
            elif kind == 2:
                found.append(packet)
            elif kind == 3:
                self.late.append(packet)
                continue
            found.append(packet)
        return found + late


class LockStep:
    """Both sessions hear the same; what they say is compared, packet for packet."""

    def __init__(self, library, device: Device, seed: int, chance: float, stream: bool):
        self.device, self.stream, self.seed = device, stream, seed
        self.session, self.wire = Session(INFO.digest, first=seed), Wire(now=2**32 - 1000)
        options = {"first": seed % 2**16, "timeout_ms": 2**31, "stream": stream}
        self.board = Board(library, self.wire, INFO.digest, **options)
        self.there, self.back = PacketSpoiler(seed, chance), PacketSpoiler(seed + 1, chance)

    def step(self) -> None:
        expected = list(self.session.packets())
        answers = [a for packet in self.there(expected) for a in self.device.receive(packet)]
        coming = self.back(answers)
        self.wire.coming.extend(map(frame, coming) if self.stream else coming)
        for packet in coming:
            self.session.receive(packet)
        assert self.board.poll() == OK
        sent = b"".join(self.wire.sent)
        assert sent == b"".join(map(frame, expected) if self.stream else expected)
        self.wire.sent.clear()
        if not coming and (self.session.unanswered or not self.session.may_submit):
            self.session.retry()

    def run(self, frames: np.ndarray) -> None:
        waiting, found = list(frames), []
        for _ in range(3000):
            assert self.board.may_submit == self.session.may_submit
            while waiting and self.session.may_submit:
                pixels = waiting.pop(0).tobytes()
                self.session.submit(pixels)
                assert self.board.submit(pixels) == OK
            self.step()
            answered = self.board.results()
            mine = [(frame.ticket, sums.tobytes()) for frame, sums in answered]
            theirs = [(ticket, result.sums.tobytes()) for ticket, result in self.session.results]
            assert mine == theirs
            assert all(frame.status == OK for frame, _ in answered)
            found += mine
            self.session.results.clear()
            if len(found) == len(frames):
                break
        expected = [(n, np.int32(classify(pixels)).tobytes()) for n, pixels in enumerate(frames)]
        assert sorted(found) == expected
        self.same_counters()

    def same_counters(self) -> None:
        counters = self.board.counters
        for name in ("heard", "returned", "resent", "resets"):
            assert counters[name] == getattr(self.session, name), name
        if not self.stream:  # a damaged length makes one damaged packet there, or a cut one
            assert counters["damaged"] == self.session.damaged


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("seed", "chance"), [(7, 0.0), (65530, 0.1), *((s, 0.3) for s in range(8))]
)
def test_the_same_packets_as_the_session_in_python(library, seed, chance, stream):
    steps = LockStep(library, Device(INFO, classify), seed, chance, stream)
    steps.run(make_frames(25, seed))
    faults = steps.there.faults + steps.back.faults
    assert (faults > 20) == (chance > 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_board_that_restarts_is_noticed(library, stream):
    steps = LockStep(library, Device(INFO, classify), 500, 0.0, stream)
    steps.run(make_frames(3, 4))
    Device.__init__(steps.device, INFO, classify)
    for pixels in make_frames(4, 5):
        steps.session.submit(pixels.tobytes())
        assert steps.board.submit(pixels.tobytes()) == OK
    for _ in range(20):
        steps.step()
    assert steps.board.counters["resets"] == steps.session.resets == 1
    sums = [sums for _, sums in steps.board.results()]
    np.testing.assert_array_equal(sums, [classify(pixels) for pixels in make_frames(4, 5)])


def play(board: Board, frames: np.ndarray) -> None:
    """All frames; no sum is wrong."""
    waiting, found = list(frames), dict[int, tuple[int, np.ndarray]]()
    for _ in range(5000):
        while waiting and board.may_submit:
            assert board.submit(waiting.pop(0).tobytes()) == OK
        assert board.poll() == OK
        found |= {answer.ticket: (answer.status, sums) for answer, sums in board.results()}
        if len(found) == len(frames):
            break
    assert sorted(found) == list(range(len(frames)))
    for ticket, (status, sums) in found.items():
        assert status == OK
        np.testing.assert_array_equal(sums, classify(frames[ticket]))


@pytest.mark.parametrize("seed", range(12))
def test_a_bad_line(library, seed):
    spoiler, device, to_device = Spoiler(seed, 0.15), Device(INFO, classify), Deframer()

    def reply(data: bytes) -> Iterator[bytes]:
        for packet in to_device.feed(spoiler(data)):
            yield spoiler(b"".join(map(frame, device.receive(packet))))

    options = {"first": seed, "timeout_ms": 2**31, "stream": True}
    play(Board(library, Wire(reply=reply), INFO.digest, **options), make_frames(20, seed))
    assert spoiler.faults > 5
