"""Blocks of updates, taken by the model of a board."""

import random

import pytest

from protocol.contents.blocks import HEADER, MOST_DATA, Status
from protocol.contents.image import Image, check_of_all
from protocol.contents.model import ContentsModel
from protocol.contents.writer import BlockWriter, in_frames
from protocol.messages import DeviceInfo

KEY = bytes(range(16))
INFO = DeviceInfo(
    6, 5, 3, 4, 50_000_000, b"1network", structure=b"formwork", memories=3, keyed=True, counter=4
)
WIDTHS = [3, 36, 100]


def random_rows(seed: int) -> list[list[int]]:
    rng = random.Random(seed)
    return [[rng.getrandbits(width) for _ in range(rng.randint(1, 300))] for width in WIDTHS]


def blocks(images: list[Image], counter: int = 5) -> list[bytes]:
    writer = BlockWriter(counter, KEY)
    made = [writer.begin(INFO.structure)]
    for number, image in enumerate(images):
        made += writer.rows(number, image)
    check = check_of_all([image.check for image in images])
    return [*made, writer.commit(check, b"2network")]


@pytest.mark.parametrize("seed", range(3))
def test_a_board_holds_what_blocks_say(seed):
    rows = random_rows(seed)
    images = [Image.of(each, width) for each, width in zip(rows, WIDTHS, strict=True)]
    board = ContentsModel(INFO, [0, 0, 0], KEY)
    held = {number: [0] * len(each) for number, each in enumerate(rows)}
    for frame in in_frames(blocks(images), 1000):
        assert len(frame) <= 1000
        status, writes = board.receive(frame)
        assert status is Status.OK
        for write in writes:
            held[write.memory][write.row] |= write.word << 36 * write.column
    assert list(held.values()) == rows
    assert (board.digest, board.updating, board.counter) == (b"2network", False, 5)
    assert board.checks == [image.check for image in images]


def test_blocks_are_whole_in_frames_and_in_order():
    made = blocks([Image.of([7] * 900, 36), Image.of([], 8), Image.of([1], 8)])
    assert max(map(len, made)) <= HEADER.size + MOST_DATA + 8
    frames = list(in_frames(made, 700))
    assert b"".join(frames) == b"".join(made)
    assert all(len(frame) <= 700 for frame in frames)
    assert list(in_frames(made, 1)) == made
    assert list(in_frames([], 1)) == []


def test_index_0_follows_the_last_one():
    writer, image = BlockWriter(1, None), Image.of([0], 8)
    writer.begin(bytes(8))
    made = [block for _ in range(1 << 16) for block in writer.rows(0, image)]
    indices = [HEADER.decode(block)["index"] for block in made[-3:]]
    assert indices == [65_534, 65_535, 0]
