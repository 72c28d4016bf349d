"""Frames of contents for tests: right ones and what else may come."""

import random
from collections.abc import Iterator
from typing import Any

from fastcrc import crc64

from protocol.contents.blocks import HEADER, MOST_DATA, BlockKind, block
from protocol.contents.image import CHECK_BYTES, check_of_all
from protocol.messages import DeviceInfo


class Updater:
    """Makes the blocks of an update in the order in which a board takes them.

    Attributes
    ----------
    index : int
        Of the block that is next.
    images : list of bytes
        What has come for each memory, since its first row.
    """

    def __init__(self, info: DeviceInfo, checks: list[int], key: bytes | None, counter: int = 1):
        self.info, self.key, self.counter = info, key, counter
        self.index = 0
        self.checks = list(checks)
        self._image = b""

    def make(self, kind: BlockKind, data: bytes, **values: int) -> bytes:
        """The next block; ``values`` in the place of what belongs in its header."""
        place: dict[str, Any] = {"counter": self.counter, "index": self.index, "key": self.key}
        self.index += 1
        return block(kind, data, **(place | values))

    def begin(self) -> bytes:
        self.index = 0
        return self.make(BlockKind.BEGIN, self.info.structure)

    def rows(self, memory: int, column: int, row: int, words: list[int], size: int) -> bytes:
        data = b"".join(word.to_bytes(size, "little") for word in words)
        self._image = data if column == row == 0 else self._image + data
        self.checks[memory] = crc64.xz(self._image)
        return self.make(
            BlockKind.ROWS, data, word_bytes=size, memory=memory, column=column, row=row
        )

    def commit(self, digest: bytes) -> bytes:
        check = check_of_all(self.checks)
        return self.make(BlockKind.COMMIT, check.to_bytes(CHECK_BYTES, "little") + digest)


def memory_blocks(updater: Updater, memory: int, rng: random.Random) -> Iterator[bytes]:
    """Two columns of some rows for a memory, of random words, in blocks of random lengths."""
    for column, size in enumerate((rng.randint(1, 5), rng.randint(1, 5))):
        row, rows = 0, rng.randint(1, 90)
        while row < rows:
            count = min(rows - row, rng.randint(1, MOST_DATA // size))
            words = [rng.getrandbits(8 * size) for _ in range(count)]
            yield updater.rows(memory, column, row, words, size)
            row += count


def update(updater: Updater, rng: random.Random, digest: bytes) -> list[bytes]:
    """All blocks of an update of all memories."""
    blocks = [updater.begin()]
    for memory in range(updater.info.memories):
        blocks += memory_blocks(updater, memory, rng)
    return [*blocks, updater.commit(digest)]


def in_frames(blocks: list[bytes], rng: random.Random) -> list[bytes]:
    """Blocks in some frames."""
    frames = [b""]
    for made in blocks:
        frames[-1] += made
        if rng.random() < 0.4:
            frames.append(b"")
    return [frame for frame in frames if frame]


def spoilt(frame: bytes, rng: random.Random) -> bytes:
    """A frame of contents that is damaged somehow; sometimes in what does not matter."""
    at = rng.randrange(len(frame))
    match rng.randrange(5):
        case 0:
            return frame[: at + 1]
        case 1:
            return frame[:at] + bytes([frame[at] ^ 1 << rng.randrange(8)]) + frame[at + 1 :]
        case 2:
            header = rng.randrange(HEADER.size)
            at = min(header, len(frame) - 1)
            return frame[:at] + bytes([rng.choice([0, 1, 3, 255])]) + frame[at + 1 :]
        case 3:
            return frame + rng.randbytes(rng.randint(1, 40))
        case _:
            return rng.randbytes(rng.randint(1, 60))
