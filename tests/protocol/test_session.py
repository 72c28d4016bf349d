"""Both ends of the protocol in plain Python, with a link between them that does its worst."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.coding.encode import encode
from protocol.coding.rules import Steps
from protocol.device import Device
from protocol.framing import Deframer, frame
from protocol.messages import DeviceInfo, ProtocolError
from protocol.packets import Form, Kind, Packet
from protocol.session import Phase, Session

INFO = DeviceInfo(6, 5, 3, 300, 50_000_000, b"network1", chunk=32, credits=4, frames=4, coded=True)


def classify(pixels: np.ndarray) -> np.ndarray:
    return np.arange(INFO.classes) * 7 + pixels.sum(dtype=np.int64) - 3 * int(pixels[0, 0, 0])


def make_frames(count: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (count, 6, 5, 3), dtype=np.uint8)
    # Some take fewer packets when they are coded, some more.
    return [frame >> np.uint8(rng.integers(0, 8)) for frame in noise]


def submit(session, pixels: np.ndarray) -> int:
    """Some frames raw and some coded, which takes more packets or fewer."""
    if pixels[0, 0, 0] % 2:
        return session.submit(pixels.tobytes())
    return session.submit(encode(pixels, Steps()), coded=True)


def run(session, device, frames, spoil=lambda data: data, retries=400):
    """Play all frames; ``spoil`` is the link, both ways. Returns sums by ticket."""
    to_device, to_host = Deframer(), Deframer()
    waiting, found, tickets = list(frames), {}, {}
    for _ in range(retries):
        moved = True
        while moved:
            moved = False
            while waiting and session.may_submit:
                pixels = waiting.pop(0)
                tickets[submit(session, pixels)] = pixels
            line = spoil(b"".join(frame(packet) for packet in session.packets()))
            for packet in to_device.feed(line):
                answers = b"".join(frame(answer) for answer in device.receive(packet))
                for answer in to_host.feed(spoil(answers)):
                    session.receive(answer)
                    moved = True
            while session.results:
                ticket, result = session.results.popleft()
                found[ticket] = result.sums
        if len(found) == len(frames):
            for ticket, pixels in tickets.items():
                np.testing.assert_array_equal(found[ticket], classify(pixels))
            return found
        session.retry()
    raise AssertionError(f"stuck in {session.phase}, {len(found)} of {len(frames)} results")


def test_a_perfect_link():
    session, device = Session(INFO.digest, first=7), Device(INFO, classify)
    run(session, device, make_frames(30, 1))
    assert session.info == INFO
    assert (session.resent, session.resets, session.damaged) == (0, 0, 0)
    assert (device.statistics.bad, device.statistics.dropped) == (0, 0)
    assert device.statistics.answered == 30


class Spoiler:
    """Flips, drops, inserts, repeats and cuts bytes, from a seed."""

    def __init__(self, seed: int, chance: float):
        self.rng, self.chance, self.faults = random.Random(seed), chance, 0

    def __call__(self, data: bytes) -> bytes:
        if not data or self.rng.random() > self.chance:
            return data
        self.faults += 1
        at = self.rng.randrange(len(data))
        end = min(len(data), at + self.rng.choice([1, 1, 3, 40]))
        match self.rng.randrange(6):
            case 0:
                return data[:at] + bytes([data[at] ^ 1 << self.rng.randrange(8)]) + data[at + 1 :]
            case 1:
                return data[:at] + data[end:]
            case 2:
                return data[:at] + self.rng.randbytes(end - at) + data[at:]
            case 3:
                return data[:at] + data[at:end] + data[at:]
            case 4:
                return data + data
            case _:
                return data[:at]


@pytest.mark.parametrize("seed", range(20))
def test_a_bad_link(seed):
    spoiler = Spoiler(seed, 0.2)
    session, device = Session(INFO.digest, first=seed), Device(INFO, classify)
    run(session, device, make_frames(20, seed), spoiler)
    assert spoiler.faults > 5


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.floats(0.0, 0.5), st.integers(1, 12))
def test_any_bad_link(seed, chance, count):
    session, device = Session(INFO.digest, first=seed), Device(INFO, classify)
    run(session, device, make_frames(count, 1), Spoiler(seed, chance), retries=3000)


def test_sequence_numbers_start_again():
    session, device = Session(INFO.digest, first=65530), Device(INFO, classify)
    run(session, device, make_frames(20, 3))
    assert session.resent == 0


def test_a_board_that_restarts_is_noticed():
    session, device = Session(INFO.digest, first=500), Device(INFO, classify)
    seen = 0

    def restart(data: bytes) -> bytes:
        nonlocal seen
        seen += 1
        if seen == 15:
            Device.__init__(device, INFO, classify)
        return data

    run(session, device, make_frames(12, 4), restart)
    assert session.resets == 1


def test_on_a_long_link_an_answer_to_an_older_question_counts():
    session, device = Session(INFO.digest, first=3), Device(INFO, classify)
    run(session, device, make_frames(2, 1))
    session.submit(make_frames(1, 2)[0].tobytes())
    *_, lost = session.packets()
    questions: list[bytes] = []
    for _ in range(3):  # the board's answers are all on their way for long
        session.retry()
        questions += session.packets()
    assert len(questions) == 3
    answers = [answer for packet in questions for answer in device.receive(packet)]
    session.receive(answers[0])
    again = list(session.packets())
    assert again[-1] == lost
    for answer in answers[1:]:  # which say nothing of what has been sent since
        session.receive(answer)
    assert list(session.packets()) == []
    assert session.returned == 1


def test_a_lost_last_result_is_asked_for():
    session, device = Session(INFO.digest, first=7), Device(INFO, classify)
    lost: list[bytes] = []

    def lose(data: bytes) -> bytes:
        packets = Deframer().feed(data)
        if not lost and any(packet[4] == Kind.RESULT for packet in packets):
            lost.append(data)
            return b""
        return data

    run(session, device, make_frames(1, 5), lose)
    assert session.resent == 1


def ready_session() -> Session:
    session = Session(INFO.digest, first=7)
    list(session.packets())
    session.receive(Packet(Kind.RESET, 7).encode())
    session.receive(Packet(Kind.INFO, 7, 0, INFO.encode()).encode())
    assert session.phase is Phase.READY
    return session


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*Kind, 0, 99]),
            st.integers(0, 12) | st.integers(0, 65535),
            st.integers(0, 6) | st.integers(0, 65535),
            st.binary(max_size=40),
        ),
        max_size=15,
    )
)
def test_whatever_a_board_says_the_session_lives(said):
    session = ready_session()
    session.submit(bytes(INFO.frame_bytes))
    for kind, sequence, index, payload in said:
        list(session.packets())
        try:
            session.receive(Packet(kind, sequence, index, payload).encode())
        except ProtocolError:
            assert session.phase is Phase.INFO
        session.retry()
    assert len(session.results) <= 1


def test_another_network_is_refused():
    session = Session(b"network2", first=7)
    session.receive(Packet(Kind.RESET, 7).encode())
    with pytest.raises(ProtocolError, match=r"network 6e.*31 \(6x5x3 pixels, 300 classes\), not"):
        session.receive(Packet(Kind.INFO, 7, 0, INFO.encode()).encode())


def test_no_more_frames_than_the_board_takes():
    session = ready_session()
    for _ in range(INFO.frames):
        session.submit(bytes(INFO.frame_bytes))
    assert not session.may_submit
    assert len(list(session.packets())) == 1 + INFO.credits  # a question came first
    with pytest.raises(ValueError, match="no credit"):
        session.submit(bytes(INFO.frame_bytes))


def test_a_malformed_frame_is_refused_and_the_next_one_is_right():
    session, device = Session(INFO.digest, first=9), Device(INFO, classify)
    run(session, device, [])
    pixels = make_frames(1, 6)[0]
    good = encode(pixels, Steps())
    for data in (good + b"\xff", good[:-1], b"\xf0", good):
        session.submit(data, coded=True)
    while len(session.results) < 4:
        for packet in list(session.packets()):
            for answer in device.receive(packet):
                session.receive(answer)
    assert [result.refused for _, result in session.results] == [True, True, True, False]
    np.testing.assert_array_equal(session.results[-1][1].sums, classify(pixels))
    assert (device.statistics.refused, device.statistics.answered) == (3, 4)


def test_a_board_for_raw_frames_alone_gets_no_others():
    info = replace(INFO, coded=False)
    session, device = Session(first=9), Device(info, classify)
    while session.phase is not Phase.READY:
        for packet in list(session.packets()):
            for answer in device.receive(packet):
                session.receive(answer)
    with pytest.raises(ValueError, match="takes no coded frames"):
        session.submit(b"x", coded=True)
    coded = Packet(Kind.FRAME, 9, 0, b"x", Form.CODED | Form.LAST)
    (answer,) = device.receive(coded.encode())
    assert Packet.decode(answer).kind == Kind.NACK
    assert device.statistics.dropped == 1


@pytest.mark.parametrize(
    "packets",
    [
        [(32, Form.CODED), (32, 0)],
        [(32, 0), (1, Form.CODED | Form.LAST)],
        [(31, Form.CODED)],
        [(33, Form.CODED | Form.LAST)],
        [(0, Form.CODED | Form.LAST)],
    ],
)
def test_packets_that_make_no_frame_are_dropped(packets):
    session, device = Session(INFO.digest, first=9), Device(INFO, classify)
    run(session, device, [])
    for index, (length, form) in enumerate(packets):
        answer = next(device.receive(Packet(Kind.FRAME, 9, index, bytes(length), form).encode()))
    assert Packet.decode(answer).kind == Kind.NACK
    assert device.statistics.dropped == 1
