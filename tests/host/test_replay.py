import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.common.errors import FirebrickError
from host.driver import Driver
from host.replay import RecordingTransport, ReplayTransport
from tests.damage import JSON, changed, damaged
from tests.host.fake_board import FakeBoard, MemoryTransport, device_info
from tests.networks import random_frames, tiny_network


def classify(frame: np.ndarray) -> np.ndarray:
    return np.arange(5) + frame[0, 0, 0]


@pytest.fixture(scope="module")
def network():
    return tiny_network(1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="module")
def session(network, folder):
    """A recorded session of three frames, of which a result got lost."""
    lost: list[bytes] = []

    def lose(said: bytes) -> bytes:
        if len(said) > 60 and not lost:
            lost.append(said)
            return b""
        return said

    path = folder / "session.jsonl"
    transport = MemoryTransport(FakeBoard(device_info(network), classify), lose)
    with Driver(RecordingTransport(transport, path), network) as board:
        list(board.stream(random_frames(network, 3)))
    return path


def test_a_session_with_losses_is_played_again(session, network):
    frames = random_frames(network, 3)
    with Driver(ReplayTransport(session), network) as board:
        sums = [result.sums for result in board.stream(frames)]
    np.testing.assert_array_equal(sums, [classify(frame) for frame in frames])


def play(path, network) -> tuple[list, str]:
    """The class sums that came, and what ended the session, if anything did."""
    sums = []
    try:
        with Driver(ReplayTransport(path), network, timeout=1.0) as board:
            for result in board.stream(random_frames(network, 3)):
                sums.append(result.sums)
    except FirebrickError as error:
        return sums, str(error)
    return sums, ""


def check(outcome: tuple[list, str], network) -> None:
    """Whatever came is right, and all of it came or an error of one line says why not."""
    sums, message = outcome
    expected = [classify(frame) for frame in random_frames(network, 3)]
    np.testing.assert_array_equal(sums, expected[: len(sums)] or np.zeros(0))
    assert "\n" not in message
    assert message or len(sums) == len(expected)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_sessions_are_refused_or_end_in_an_error(data, session, network, folder):
    good = session.read_bytes()
    (folder / "a.jsonl").write_bytes(data.draw(damaged(good) | st.binary(max_size=60)))
    check(play(folder / "a.jsonl", network), network)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_forged_sessions_are_refused_or_end_in_an_error(data, session, network, folder):
    lines = [json.loads(line) for line in session.read_text().splitlines()]
    forged = data.draw(changed(lines) | st.lists(JSON, max_size=3))
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, forged)))
    check(play(folder / "b.jsonl", network), network)


def test_what_is_no_session_is_not_shown(folder):
    (folder / "c.jsonl").write_bytes(b"\x89PNG\r\n" + bytes(range(256)))
    with pytest.raises(FirebrickError, match=r"no recorded session \(not lines of JSON\); make"):
        ReplayTransport(folder / "c.jsonl")


def test_no_such_session(folder):
    with pytest.raises(FirebrickError, match="no recorded session"):
        ReplayTransport(folder / "none.jsonl")
