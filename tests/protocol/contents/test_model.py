import random
from dataclasses import replace

import pytest
from fastcrc import crc64

from protocol.contents.blocks import HEADER, BlockKind, Status
from protocol.contents.model import ContentsModel, Write
from protocol.messages import ContentsState, DeviceInfo
from tests.protocol.contents.updates import Updater, in_frames, spoilt, update

INFO = DeviceInfo(
    6, 5, 3, 150, 50_000_000, b"network1", structure=b"formwork", memories=3, counter=4
)
CHECKS = [11, 22, 33]
KEY = bytes(range(1, 17))


def updated(key: bytes | None) -> tuple[ContentsModel, Updater]:
    model = ContentsModel(replace(INFO, keyed=key is not None), CHECKS, key)
    return model, Updater(INFO, CHECKS, key, counter=5)


@pytest.mark.parametrize("key", [None, KEY])
def test_an_update_writes_its_words_and_changes_the_digest(key):
    model, updater = updated(key)
    rng = random.Random(1)
    for frame in in_frames(update(updater, rng, b"network2"), rng):
        assert model.receive(frame)[0] is Status.OK
    assert model.digest == b"network2"
    assert model.state == ContentsState(5, key is not None, False, tuple(updater.checks))


def test_words_go_to_rows_one_after_another():
    model, updater = updated(None)
    words = [1, 2**36 - 1, 2**40 - 1]
    frame = updater.begin() + updater.rows(2, 7, 2**24 - 1, words, 5)
    status, writes = model.receive(frame)
    assert status is Status.OK
    assert writes == [
        Write(2, 7, 2**24 - 1, 1),
        Write(2, 7, 0, 2**36 - 1),
        Write(2, 7, 1, 2**36 - 1),
    ]
    assert model.updating


def test_the_check_begins_anew_with_the_first_row():
    model, updater = updated(None)
    blocks = [
        updater.begin(),
        updater.rows(0, 0, 0, [1], 1),
        updater.rows(0, 1, 0, [2], 1),
        updater.rows(1, 0, 0, [3], 1),
    ]
    assert model.receive(b"".join(blocks))[0] is Status.OK
    assert model.checks == [crc64.xz(b"\1\2"), crc64.xz(b"\3"), 33]


def begun() -> tuple[ContentsModel, Updater]:
    model, updater = updated(KEY)
    assert model.receive(updater.begin())[0] is Status.OK
    return model, updater


@pytest.mark.parametrize(
    ("status", "change"),
    [
        (Status.COUNTER, {"counter": 4}),
        (Status.COUNTER, {"counter": 6}),
        (Status.ORDER, {"index": 0}),
        (Status.ORDER, {"index": 2}),
        (Status.TAG, {"key": bytes(16)}),
        (Status.MALFORMED, {"memory": 3}),
        (Status.MALFORMED, {"column": 4096}),
        (Status.MALFORMED, {"word_bytes": 0}),
        (Status.MALFORMED, {"word_bytes": 4}),
        (Status.MALFORMED, {"word_bytes": 6}),
    ],
)
def test_rows_that_are_refused_change_nothing(status, change):
    model, updater = begun()
    place = {"word_bytes": 2, "memory": 2, "column": 0, "row": 0} | change
    assert model.receive(updater.make(BlockKind.ROWS, bytes(6), **place)) == (status, [])
    assert (model.checks, model.index) == (CHECKS, 1)


@pytest.mark.parametrize(
    ("status", "data", "change"),
    [
        (Status.STRUCTURE, b"skeleton", {}),
        (Status.COUNTER, b"formwork", {"counter": 5}),
        (Status.ORDER, b"formwork", {"index": 1}),
        (Status.MALFORMED, b"form", {}),
    ],
)
def test_a_begin_that_is_refused_changes_nothing(status, data, change):
    model, updater = begun()
    place = {"counter": 6, "index": 0} | change
    assert model.receive(updater.make(BlockKind.BEGIN, data, **place)) == (status, [])
    assert (model.counter, model.index, model.updating) == (5, 1, True)


def test_an_update_is_begun_again_with_a_greater_counter():
    model, updater = begun()
    model.receive(updater.rows(0, 0, 0, [1], 1))
    updater.counter = 70_000
    assert model.receive(updater.begin() + updater.rows(0, 0, 0, [1], 1))[0] is Status.OK
    assert (model.counter, model.index) == (70_000, 2)


def test_a_commit_of_what_is_not_there_is_refused():
    model, updater = begun()
    updater.checks[1] ^= 1
    assert model.receive(updater.commit(b"network2")) == (Status.CHECK, [])
    assert (model.digest, model.updating, model.index) == (b"network1", True, 1)
    updater.checks[1] ^= 1
    updater.index = 1
    assert model.receive(updater.commit(b"network2")) == (Status.OK, [])
    assert model.receive(updater.rows(0, 0, 0, [1], 1)) == (Status.NOT_UPDATING, [])
    assert model.receive(updater.commit(b"network3")) == (Status.NOT_UPDATING, [])


def test_what_is_before_a_bad_block_counts():
    model, updater = begun()
    first, second = updater.rows(0, 0, 0, [7], 1), updater.rows(1, 0, 0, [8], 1)
    assert model.receive(first + second[:-1]) == (Status.MALFORMED, [Write(0, 0, 0, 7)])
    assert model.receive(second + first + second) == (Status.ORDER, [Write(1, 0, 0, 8)])
    assert model.index == 3


@pytest.mark.parametrize("kind", [0, 4, 255])
def test_what_is_no_block_is_malformed(kind):
    model, updater = begun()
    assert model.receive(updater.make(kind, bytes(8)))[0] is Status.MALFORMED
    assert model.receive(b"\1" * (HEADER.size - 1))[0] is Status.MALFORMED


def test_an_update_that_is_spoilt_is_complete_or_leaves_the_digest():
    rng, complete = random.Random(3), 0
    for _ in range(300):
        model, updater = updated(KEY)
        frames = in_frames(update(updater, rng, b"network2"), rng)
        which = rng.randrange(len(frames))
        frames[which] = spoilt(frames[which], rng)
        for frame in frames:
            model.receive(frame)
        complete += model.digest == b"network2"
        assert (model.checks == updater.checks) or model.digest == b"network1"
    assert 10 < complete < 150


@pytest.mark.parametrize(
    ("info", "checks", "key", "message"),
    [
        (INFO, [1], None, "1 checks for 3 memories"),
        (INFO, CHECKS, KEY, "keyed"),
        (replace(INFO, keyed=True), CHECKS, b"short", "16 bytes"),
    ],
)
def test_what_does_not_fit_together_is_refused(info, checks, key, message):
    with pytest.raises(ValueError, match=message):
        ContentsModel(info, checks, key)
