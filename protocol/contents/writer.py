"""The blocks of an update, in the order in which a board takes them, and frames of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from protocol.contents.blocks import INDICES, MOST_DATA, BlockKind, block
from protocol.contents.image import CHECK_BYTES, Image


class BlockWriter:
    """Makes the blocks of one update, each with its place in it.

    Parameters
    ----------
    counter : int
        Of the update; greater than the board's.
    key : bytes or None
        The board's, if it has one.
    """

    def __init__(self, counter: int, key: bytes | None):
        self._counter, self._key = counter, key
        self._index = 0

    def begin(self, structure: bytes) -> bytes:
        """The first one, for boards of a structure."""
        return self._next(BlockKind.BEGIN, structure)

    def rows(self, memory: int, image: Image) -> Iterator[bytes]:
        """Those that write a memory."""
        for column in image.columns:
            for row, data in column.pieces(MOST_DATA):
                yield self._next(
                    BlockKind.ROWS,
                    data,
                    word_bytes=column.word_bytes,
                    memory=memory,
                    column=column.number,
                    row=row,
                )

    def commit(self, check: int, digest: bytes) -> bytes:
        """The last one.

        Parameters
        ----------
        check : int
            Of all memories.
        digest : bytes
            Of the network that they hold.
        """
        return self._next(BlockKind.COMMIT, check.to_bytes(CHECK_BYTES, "little") + digest)

    def _next(self, kind: BlockKind, data: bytes, **place: Any) -> bytes:
        index, self._index = self._index, (self._index + 1) % INDICES
        return block(kind, data, counter=self._counter, index=index, key=self._key, **place)


def in_frames(blocks: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Blocks in frames of at most so many bytes, or of one block that is longer."""
    frame = b""
    for made in blocks:
        if frame and len(frame) + len(made) > most:
            yield frame
            frame = b""
        frame += made
    if frame:
        yield frame
