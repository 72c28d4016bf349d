"""How the driver sends frames: raw, coded without loss, or with larger steps."""

from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from host.coding import Coding, Encoded
from host.driver import Driver
from protocol.coding.levels import to_levels, to_pixels
from protocol.coding.rules import Steps
from tests.host.fake_board import FakeBoard, MemoryTransport, classify, device_info
from tests.networks import random_frames


@pytest.fixture
def coding_transport(network):
    return MemoryTransport(FakeBoard(replace(device_info(network), coded=True), classify))


@pytest.mark.parametrize("asked", [None, "raw", "lossless", "2", "4,8"])
def test_frames_travel_as_asked(network, coding_transport, asked):
    frames = random_frames(network, 8)
    frames[::2] >>= 4  # Those are shorter coded without loss, the others are not.
    coding = None if asked is None else Coding.parse(asked)
    with Driver(coding_transport, network, coding=coding) as board:
        results = list(board.stream(frames))
    steps = board.coding.steps
    assert (steps is None) == (asked == "raw")
    seen = frames if steps is None else [to_pixels(to_levels(f, steps), steps) for f in frames]
    np.testing.assert_array_equal([r.sums for r in results], [classify(f) for f in seen])
    assert (asked in (None, "raw", "lossless")) == np.array_equal(seen, frames)


def test_without_loss_no_frame_is_longer_than_raw(network):
    noise = random_frames(network, 1)[0]
    lossless = Coding.parse("lossless")
    assert lossless.encoded(noise) == Encoded(noise.tobytes(), False, noise.shape)
    dark = lossless.encoded(noise >> np.uint8(4))
    assert dark.coded
    assert len(dark.data) < noise.size
    assert Coding.parse("1,1").encoded(noise) == lossless.encoded(noise)
    assert Coding.parse("2").encoded(noise).coded


def test_a_board_for_raw_frames_gets_raw_ones(network, transport):
    with Driver(transport, network) as board:
        assert str(board.coding) == "raw"
    with pytest.raises(FirebrickError, match="raw frames alone; leave --coding out"):
        Driver(transport, network, coding=Coding.parse("2,4"))


@pytest.mark.parametrize("text", ["", "3", "2,4,8", "two", "0", "-1"])
def test_codings_that_there_are_not_are_refused(text):
    with pytest.raises(FirebrickError, match="--coding takes raw, lossless, or steps"):
        Coding.parse(text)


def test_steps_of_grey_frames_are_those_of_luma(network):
    grey = replace(device_info(network), channels=1, coded=True)
    assert str(Coding.chosen(Coding.parse("2,4"), grey)) == (
        "coded with steps of 2 (luma) and 1 (chroma)"
    )
    assert str(Coding.chosen(None, grey)) == "coded without loss"


RATES = {"raw": 3.0, "lossless": 7.0, "1,2": 9.0}


@pytest.mark.parametrize(
    ("wanted", "option"), [(2, "raw"), (5, "lossless"), (8, "1,2"), (99, "1,2")]
)
def test_the_usual_coding_is_the_first_that_keeps_up(wanted, option):
    usual, asked = Coding.usual(RATES, wanted), Coding.parse(option)
    assert usual.steps == asked.steps
    told = "since without loss the link carries 7 of the"
    assert (told in str(usual)) == (asked.steps is not None and not asked.steps.lossless)


def test_the_usual_coding_of_a_board_that_does_not_tell(network):
    assert Coding.usual({}, 0.0) is None
    usual = Coding.usual(RATES, 99)
    assert Coding.chosen(usual, device_info(network)) == Coding()
    grey = replace(device_info(network), channels=1, coded=True)
    assert Coding.chosen(usual, grey).steps == Steps()


@pytest.mark.parametrize("option", ["raw", "lossless", "2,8"])
def test_what_the_accelerator_sees(network, option):
    frame, coding = random_frames(network, 1)[0], Coding.parse(option)
    steps = coding.steps or Steps()
    np.testing.assert_array_equal(coding.seen(frame), to_pixels(to_levels(frame, steps), steps))


def test_frames_may_be_coded_beforehand(network, coding_transport):
    frames = random_frames(network, 3)
    with Driver(coding_transport, network) as board:
        results = list(board.stream(board.coding.encoded(frame) for frame in frames))
        with pytest.raises(FirebrickError, match="not uint8 of"):
            board.infer(Encoded(b"", False, (1, 2, 3)))
    np.testing.assert_array_equal([r.sums for r in results], [classify(f) for f in frames])


def test_a_frame_that_the_board_refuses_is_an_error(network, coding_transport, monkeypatch):
    monkeypatch.setattr(Coding, "encoded", lambda _, f: Encoded(b"\xf0", True, f.shape))
    with (
        Driver(coding_transport, network) as board,
        pytest.raises(FirebrickError, match="says that a coded frame is malformed"),
    ):
        board.infer(random_frames(network, 1)[0])
