"""Sessions that update what a board holds, with a link between that does its worst."""

import random
from dataclasses import replace

import numpy as np
import pytest

from protocol.contents.blocks import Status
from protocol.contents.model import ContentsModel, Write
from protocol.device import Device
from protocol.framing import Deframer, frame
from protocol.messages import ContentsState, DeviceInfo, ProtocolError, Result
from protocol.packets import Form, Kind, Packet
from protocol.session import Phase, Session
from tests.protocol.contents.updates import Updater, in_frames, update
from tests.protocol.test_session import Spoiler

INFO = DeviceInfo(
    6, 5, 3, 300, 50_000_000, b"1network", chunk=32, credits=4, frames=4,
    structure=b"formwork", memories=3, counter=1, keyed=True,
)  # fmt: skip
CHECKS = [5, 6, 7]
KEY = bytes(range(16))
PIXELS = bytes(INFO.frame_bytes)


class Board:
    """A board whose class sums are the sum of all words that were written to it."""

    def __init__(self, info: DeviceInfo = INFO):
        self.words: dict[tuple[int, int, int], int] = {}
        self.device = Device(info, self.classify, ContentsModel(info, CHECKS, KEY), self.load)

    def classify(self, _: np.ndarray) -> np.ndarray:
        return np.full(INFO.classes, sum(self.words.values()) % (1 << 31))

    def load(self, write: Write) -> None:
        self.words[write[:3]] = write.word


class Talk:
    """A session and a board, and a link that may spoil what is said."""

    def __init__(self, session: Session, board: Board, spoil=bytes):
        self.session, self.board, self.spoil = session, board, spoil
        self.results: dict[int, Result] = {}
        self._to_device, self._to_host = Deframer(), Deframer()

    def step(self) -> bool:
        """Say what may be said; whether anything came back."""
        came = 0
        line = self.spoil(b"".join(frame(packet) for packet in self.session.packets()))
        for packet in self._to_device.feed(line):
            answers = b"".join(frame(answer) for answer in self.board.device.receive(packet))
            for answer in self._to_host.feed(self.spoil(answers)):
                self.session.receive(answer)
                came += 1
        while self.session.results:
            ticket, result = self.session.results.popleft()
            assert ticket not in self.results
            self.results[ticket] = result
        return came > 0

    def until(self, done, retries=3000) -> None:
        for _ in range(retries):
            while self.step():
                pass
            if done():
                return
            self.session.retry()
        raise AssertionError(f"stuck in {self.session.phase}, {self.session.unanswered} unanswered")

    def ready(self) -> Session:
        self.until(lambda: self.session.phase is Phase.READY)
        return self.session

    def answered(self) -> None:
        self.until(lambda: not self.session.unanswered and not self.session.in_doubt)

    def send(self, frames: list[bytes]) -> list[int]:
        """Frames of contents; returns their tickets."""
        tickets = []
        for data in frames:
            self.until(lambda: self.session.may_submit)
            tickets.append(self.session.submit(data, contents=True))
        return tickets


def updates(digest: bytes, seed: int, counter: int = 2) -> list[bytes]:
    rng = random.Random(seed)
    return in_frames(update(Updater(INFO, CHECKS, KEY, counter), rng, digest), rng)


def test_an_update_between_frames():
    board = Board()
    talk = Talk(Session(first=65_530), board)
    session = talk.ready()
    first = session.submit(PIXELS)
    tickets = talk.send(updates(b"2network", 1))
    last = session.submit(PIXELS)
    talk.answered()
    statuses = {int(talk.results[ticket].sums[0]) for ticket in tickets}
    assert statuses == {Status.OK}
    assert talk.results[first].sums[0] == 0
    np.testing.assert_array_equal(talk.results[last].sums, board.classify(None))
    assert board.words
    assert session.info == replace(INFO, digest=b"2network", counter=2)
    assert (session.damaged, session.resent, session.resets) == (0, 0, 0)


def test_frames_amid_an_update_are_refused():
    talk = Talk(Session(first=1), Board())
    session = talk.ready()
    frames = updates(b"2network", 2)
    talk.send(frames[:-1])
    amid = session.submit(PIXELS)
    talk.answered()
    assert session.info.updating
    assert session.info.counter == 2
    assert talk.results[amid].refused
    talk.send(frames[-1:])
    behind = session.submit(PIXELS)
    talk.answered()
    assert not session.info.updating
    assert not talk.results[behind].refused


def test_a_frame_that_is_refused_says_why():
    talk = Talk(Session(first=1), Board())
    session = talk.ready()
    (ticket,) = talk.send([updates(b"2network", 3, counter=1)[0]])
    talk.answered()
    assert talk.results[ticket].refused
    assert talk.results[ticket].sums.tolist() == [Status.COUNTER] + [0] * (INFO.classes - 1)
    assert session.info == INFO


def test_what_the_memories_hold_is_asked_for():
    talk = Talk(Session(first=1), Board())
    session = talk.ready()
    session.ask_contents()
    talk.until(lambda: session.contents is not None)
    assert session.contents == ContentsState(1, True, False, tuple(CHECKS))
    session.ask_contents()
    session.receive(Packet(Kind.CONTENTS, 2, 0, b"").encode())
    session.receive(Packet(Kind.CONTENTS, 3, 0, bytes(INFO.contents_bytes - 8)).encode())
    assert session.contents is None
    assert session.damaged == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_bad_link_takes_an_update_to_its_end(seed):
    board = Board()
    spoiler = Spoiler(seed, 0.2)
    talk = Talk(Session(first=seed), board, spoiler)
    session = talk.ready()
    counter = 2
    while True:
        # Frames of contents that were taken, but whose results were lost, are refused.
        talk.send(updates(b"2network", seed, counter))
        talk.answered()
        session.ask_contents()
        talk.until(lambda: session.contents is not None)
        if session.info.digest == b"2network" and not session.contents.updating:
            break
        counter = session.contents.counter + 1
        assert counter < 50
    tickets = [session.submit(PIXELS) for _ in range(3)]
    talk.answered()
    assert session.contents.checks == tuple(board.device._contents.checks)
    for ticket in tickets:
        np.testing.assert_array_equal(talk.results[ticket].sums, board.classify(None))
    assert spoiler.faults > 5


def lose_results(index: int):
    """A link that loses the result of frame ``index``."""

    def spoil(data: bytes) -> bytes:
        kept = (p for p in Deframer().feed(data) if (p[4], p[0]) != (Kind.RESULT, index))
        return b"".join(map(frame, kept))

    return spoil


def test_results_behind_a_lost_one_wait_until_the_board_has_said_what_it_holds():
    board = Board()
    talk = Talk(Session(first=0), board)
    session = talk.ready()
    frames = [b"".join(updates(b"2network", 5))]
    talk.spoil = lose_results(0)
    talk.send(frames)
    behind = session.submit(PIXELS)
    while not session.in_doubt:
        assert talk.step()
    assert not talk.results
    talk.spoil = bytes
    talk.answered()
    assert session.info.digest == b"2network"
    assert session.resent > 0
    np.testing.assert_array_equal(talk.results[behind].sums, board.classify(None))


def test_a_session_that_wants_the_old_network_ends():
    board = Board()
    talk = Talk(Session(b"1network", first=0), board)
    talk.ready()
    talk.send([b"".join(updates(b"2network", 6))])
    behind = talk.session.submit(PIXELS)
    with pytest.raises(ProtocolError, match=r"holds network 32.* .*, not 31"):
        talk.answered()
    assert behind not in talk.results


def test_a_session_notices_an_update_by_another_host():
    board = Board()
    talk = Talk(Session(b"1network", first=0), board)
    session = talk.ready()
    board.device.info = replace(INFO, digest=b"2network")
    session.submit(PIXELS)
    with pytest.raises(ProtocolError, match=r"holds network 32.* .*, not 31"):
        talk.answered()
    assert not session.results


def test_a_reset_amid_an_update_keeps_what_was_taken():
    board = Board()
    talk = Talk(Session(first=0), board)
    session = talk.ready()
    frames = updates(b"2network", 7)
    talk.send(frames[:2])
    talk.answered()
    session.reset()
    talk.ready()
    talk.send(frames[2:])
    talk.answered()
    assert session.info.digest == b"2network"


def test_a_board_without_memories_gets_no_contents():
    fixed = replace(INFO, memories=0, keyed=False, counter=0)
    device = Device(fixed, lambda _: np.zeros(INFO.classes))
    session = Session(first=9)
    while session.phase is not Phase.READY:
        for packet in list(session.packets()):
            for answer in device.receive(packet):
                session.receive(answer)
    with pytest.raises(ValueError, match="cannot be updated"):
        session.submit(b"x", contents=True)
    with pytest.raises(ValueError, match="cannot be updated"):
        session.ask_contents()
    (answer,) = device.receive(Packet(Kind.CONTENTS, 1).encode())
    assert Packet.decode(answer).kind == Kind.NACK
    # Results of another network are noticed, though nobody could have changed it.
    session.submit(PIXELS)
    list(session.packets())
    device.info = replace(fixed, digest=b"2network")
    for answer in device.receive(Packet(Kind.FRAME, 9, 0, PIXELS[:32]).encode()):
        session.receive(answer)
    for index in range(1, 5):
        for answer in device.receive(
            Packet(Kind.FRAME, 9, index, PIXELS[32 * index :][:32]).encode()
        ):
            session.receive(answer)
    assert session.damaged == fixed.parts
    assert not session.results


@pytest.mark.parametrize("size", [0, 32 * 65_536 + 1])
def test_frames_of_contents_have_some_bytes_and_not_too_many(size):
    session = Talk(Session(first=1), Board()).ready()
    with pytest.raises(ValueError, match="1 to 2097152 bytes"):
        session.submit(bytes(size), contents=True)


@pytest.mark.parametrize(
    "packets",
    [
        [(32, Form.CONTENTS), (32, 0)],
        [(32, 0), (1, Form.CONTENTS | Form.LAST)],
        [(31, Form.CONTENTS)],
        [(0, Form.CONTENTS | Form.LAST)],
        [(32, Form.CONTENTS | Form.CODED)],
        [(32, Form.CONTENTS), (32, Form.CODED)],
    ],
)
def test_packets_that_make_no_frame_of_contents_are_dropped(packets):
    talk = Talk(Session(first=9), Board(replace(INFO, coded=True)))
    talk.ready()
    for index, (length, form) in enumerate(packets):
        packet = Packet(Kind.FRAME, 9, index, bytes(length), form)
        answer = next(talk.board.device.receive(packet.encode()))
    assert Packet.decode(answer).kind == Kind.NACK
    assert talk.board.device.statistics.dropped == 1
