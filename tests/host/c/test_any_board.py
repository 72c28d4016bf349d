"""The C session beside the Python one while the board says anything that it may, and more."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from protocol.messages import DeviceInfo, ProtocolError, Result, Statistics
from protocol.packets import CREDIT, Form, Kind, Packet
from protocol.session import Phase, Session
from tests.host.c.board import NUMBER, OK, Board, Wire
from tests.host.c.test_session import INFO

FATAL = {NUMBER[name] for name in ("NOT_OURS", "VERSION", "NETWORK", "CHANGED")}
KINDS = (*(Kind.ACK, Kind.NACK, Kind.RESULT, Kind.STATISTICS) * 4, Kind.INFO, Kind.RESET, 99)


class Liar:
    """Says what might be true of a session, and now and then what cannot be."""

    def __init__(self, session: Session, info: DeviceInfo, rng: random.Random):
        self.session, self.info, self.rng = session, info, rng

    def says(self) -> bytes:
        """A packet."""
        rng, kind = self.rng, self.rng.choice(KINDS)
        if self.session.phase is not Phase.READY and rng.random() < 0.7:
            kind = Kind.RESET if self.session.phase is Phase.RESET else Kind.INFO
        match kind:
            case Kind.ACK | Kind.NACK:
                packet = self._place(kind)
            case Kind.RESULT:
                packet = self._result()
            case Kind.STATISTICS:
                packet = self._statistics()
            case Kind.INFO:
                packet = self._info()
            case _:
                packet = Packet(kind, self._near(self.session._base))
        data = packet.encode()
        if rng.random() < 0.03:
            return data[: rng.randrange(1, len(data))]
        if rng.random() < 0.03:
            return Packet(kind, packet.sequence, packet.index, packet.payload + b"x").encode()
        return data

    def _near(self, number: int) -> int:
        return (number + self.rng.choice([0] * 40 + [1, -1, 5, -5, 40_000])) % (1 << 16)

    def _packet(self) -> tuple[int, int]:
        """Sequence and index of a packet that may be next."""
        session = self.session
        place = self.rng.randint(session._accepted, session._sent)
        place = max(place + self.rng.choice([0] * 30 + [1, -1]), 0)
        number, index = session._places.find(place)
        return session._wire(number), (index + self.rng.choice([0] * 30 + [1, 7, 60_000])) % (
            1 << 16
        )

    def _place(self, kind: int) -> Packet:
        sequence, index = self._packet()
        credit = CREDIT.encode(credit=self.rng.randrange(9), spare=0)
        return Packet(kind, sequence, index, credit)

    def _result(self) -> Packet:
        rng, info = self.rng, self.session.info or self.info
        numbers = list(self.session._jobs) or [0]
        sums = np.array(rng.choices(range(-(2**31), 2**31), k=info.classes)).astype(np.int32)
        network = rng.choice([*[info.digest] * 8, b"networkX"])
        payloads = Result(sums, rng.randrange(1 << 32)).encode(network)
        index = rng.randrange(len(payloads))
        form = Form.REFUSED if rng.random() < 0.2 else 0
        sequence = self._near(self.session._wire(rng.choice(numbers)))
        wrong = rng.choice([0] * 20 + [1, 600])
        return Packet(Kind.RESULT, sequence, index + wrong, payloads[index], form)

    def _statistics(self) -> Packet:
        rng = self.rng
        sequence, index = self._packet()
        pixels, credit, in_flight = rng.randrange(5), rng.randrange(9), rng.choice([0, 0, 1])
        said = Statistics(
            *(1, 2, pixels, sequence, index, credit, in_flight, 5, 6, 7, 8, 9), stalls=(1, 2, 3)
        )
        question = self._near(self.session._inquiries.last)
        return Packet(Kind.STATISTICS, question, 0, said.encode())

    def _info(self) -> Packet:
        rng, info = self.rng, self.session.info or self.info
        if info.memories and rng.random() < 0.2:
            info = replace(info, digest=b"networkX", counter=rng.randrange(9), updating=True)
        if rng.random() < 0.02:
            change: dict[str, Any] = {rng.choice(["height", "classes", "clock_hz", "frames"]): 5}
            info = replace(info, **change)
        if rng.random() < 0.02:
            info = replace(info, keyed=True)
        payload = rng.choice([info.encode()] * 90 + [b""] * 5 + [b"hello", info.encode() + b"x"])
        numbers = [self.session._base, *self.session._questions._open.values()]
        return Packet(Kind.INFO, self._near(rng.choice(numbers)), 0, payload)


def once(packets: list[bytes]) -> tuple[list[bytes], dict[int, bytes]]:
    """Packets but for questions, and of these the last of each kind.

    C does not send a question that a newer one has overtaken before it left.
    """
    kinds = (Kind.INFO, Kind.STATISTICS)
    others = [packet for packet in packets if packet[4] not in kinds]
    return others, {packet[4]: packet for packet in packets if packet[4] in kinds}


class Pair:
    """Both sessions, which are told the same."""

    def __init__(self, library, seed: int, info: DeviceInfo):
        self.rng = random.Random(seed)
        digest = INFO.digest if seed % 3 == 0 else None
        first = self.rng.randrange(1 << 16)
        self.session, self.wire = Session(digest, first), Wire()
        self.board = Board(library, self.wire, digest, first=first, timeout_ms=2**31)
        self.liar = Liar(self.session, info, self.rng)
        self.asked, self.answered = False, 0

    def act(self) -> None:
        """Submit a frame, or ask how the board is."""
        assert self.board.may_submit == self.session.may_submit
        if self.session.may_submit and self.rng.random() < 0.5:
            pixels = self.rng.randbytes(self.session.info.frame_bytes)
            self.session.submit(pixels)
            assert self.board.submit(pixels) == OK
        if self.session.phase is Phase.READY and self.rng.random() < 0.05:
            self.session.ask()
            assert self.board.ask() == OK
            self.asked = True

    def step(self) -> bool:
        """Whether the board is still one that is talked to."""
        expected = list(self.session.packets())
        coming = [self.liar.says() for _ in range(self.rng.randrange(3))]
        self.wire.coming.extend(coming)
        try:
            for packet in coming:
                self.session.receive(packet)
        except ProtocolError:
            assert self.board.poll() in FATAL
            return False
        assert self.board.poll() == OK
        assert once(self.wire.sent) == once(expected)
        self.wire.sent.clear()
        self.asked = self.asked and self.session.statistics is None
        ready = self.session.phase is Phase.READY
        due = not ready or self.session.unanswered or self.session.in_doubt or self.asked
        if not coming and due:
            self.session.retry()
        self.compare()
        return True

    def compare(self) -> None:
        """What both have made of it."""
        mine = [
            (frame.ticket, frame.status == NUMBER["REFUSED"], frame.cycles, sums.tobytes())
            for frame, sums in self.board.results()
        ]
        theirs = [
            (ticket, result.refused, result.cycles, result.sums.tobytes())
            for ticket, result in self.session.results
        ]
        assert mine == theirs
        self.answered += len(mine)
        self.session.results.clear()
        for name, count in self.board.counters.items():
            assert count == getattr(self.session, name), name


@pytest.mark.parametrize("memories", [0, 1])
def test_whatever_a_board_says_both_sessions_answer_the_same(library, memories):
    answered = ended = 0
    for seed in range(250):
        pair = Pair(library, seed, replace(INFO, classes=130, memories=memories))
        for _ in range(150):
            pair.act()
            if not pair.step():
                ended += 1
                break
        answered += pair.answered
    assert answered > 300
    assert 50 < ended < 200
