"""What a board makes of frames of contents: the model of ``hw/link/contents.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fastcrc import crc64

from protocol.contents.blocks import (
    BEGIN_DATA,
    COLUMNS,
    COMMIT_DATA,
    HEADER,
    INDICES,
    KEY_BYTES,
    MOST_DATA,
    MOST_WORD_BYTES,
    ROWS,
    TAG_BYTES,
    BlockKind,
    Status,
    tag,
)
from protocol.contents.image import CHECK_BYTES, COLUMN_BITS, check_of_all
from protocol.messages import ContentsState, DeviceInfo

_LENGTHS: dict[int, int] = {
    BlockKind.BEGIN: BEGIN_DATA.size,
    BlockKind.COMMIT: COMMIT_DATA.size,
}


class Write(NamedTuple):
    """A word that a memory takes."""

    memory: int
    column: int
    row: int
    word: int


class ContentsModel:
    """What survives resets of a board whose contents can be updated.

    Parameters
    ----------
    info : DeviceInfo
        As the board describes itself before the first update.
    checks : sequence of int
        CRC-64/XZ of what each memory holds then.
    key : bytes, optional
        Without it, blocks have no tags.

    Attributes
    ----------
    counter : int
        Of the last update that began.
    updating : bool
    digest : bytes
        Of the network that the board holds.
    checks : list of int
    index : int
        Of the block that is taken next.

    Raises
    ------
    ValueError
        If the checks are not as many as the board says that it has memories, or the key is not what
        it says, or not of :data:`KEY_BYTES`.
    """

    def __init__(self, info: DeviceInfo, checks: Sequence[int], key: bytes | None = None):
        check_contents(info, checks, key)
        self._key, self._structure = key, info.structure
        self.counter, self.updating, self.digest = info.counter, info.updating, info.digest
        self.checks = list(checks)
        self.index = 0
        self._waiting = bytearray()
        self._status = Status.OK
        self._running = 0
        """CRC-64 of what came for a memory; a ``COMMIT`` puts the table's in its place."""

    @property
    def keyed(self) -> bool:
        """Whether blocks have tags."""
        return self._key is not None

    @property
    def state(self) -> ContentsState:
        """What the board says of itself."""
        return ContentsState(self.counter, self.keyed, self.updating, tuple(self.checks))

    def receive(self, frame: bytes) -> tuple[Status, list[Write]]:
        """Take a frame; returns its status, and what is written even if that is not ``OK``."""
        writes = self.feed(frame)
        return self.end(), writes

    def feed(self, data: bytes) -> list[Write]:
        """Take some bytes of a frame; returns what is written."""
        self._waiting += data
        writes: list[Write] = []
        while self._status is Status.OK:
            size = self._block_bytes()
            if size is None or size > len(self._waiting):
                break
            made = bytes(self._waiting[:size])
            del self._waiting[:size]
            self._status = self._judge(made)
            if self._status is Status.OK:
                writes += self._apply(HEADER.decode(made), self._data(made))
        return writes

    def end(self) -> Status:
        """End the frame, all of whose bytes are here; returns its status."""
        cut = self._status is Status.OK and self._waiting
        status = Status.MALFORMED if cut else self._status
        self.reset()
        return status

    def reset(self) -> None:
        """Forget the frame of which some bytes have come, as a ``RESET`` does."""
        self._waiting.clear()
        self._status = Status.OK

    def _data(self, made: bytes) -> bytes:
        return made[HEADER.size : HEADER.size + HEADER.decode(made)["length"]]

    def _block_bytes(self) -> int | None:
        """How long the block is that has begun, if its header is here; it may be malformed."""
        if len(self._waiting) < HEADER.size:
            return None
        header = HEADER.decode(bytes(self._waiting[: HEADER.size]))
        if not _is_right(header, len(self.checks)):
            self._status = Status.MALFORMED
            return None
        return HEADER.size + header["length"] + TAG_BYTES * self.keyed

    def _judge(self, made: bytes) -> Status:
        """Why a block is refused; of several reasons the first one."""
        header, data = HEADER.decode(made), self._data(made)
        if self._key is not None and made[-TAG_BYTES:] != tag(made[:-TAG_BYTES], self._key):
            return Status.TAG
        if header["kind"] == BlockKind.BEGIN:
            conditions = (
                (data != self._structure, Status.STRUCTURE),
                (header["counter"] <= self.counter, Status.COUNTER),
                (header["index"] != 0, Status.ORDER),
            )
        else:
            conditions = (
                (not self.updating, Status.NOT_UPDATING),
                (header["counter"] != self.counter, Status.COUNTER),
                (header["index"] != self.index, Status.ORDER),
            )
        status = next((status for fails, status in conditions if fails), Status.OK)
        if status is Status.OK and header["kind"] == BlockKind.COMMIT:
            announced, check = data[:CHECK_BYTES], check_of_all(self.checks)
            self._running = crc64.xz(announced, check)
            if check.to_bytes(CHECK_BYTES, "little") != announced:
                return Status.CHECK
        return status

    def _apply(self, header: dict[str, int], data: bytes) -> list[Write]:
        """Do what a block that was taken says; returns what it writes."""
        self.index = (header["index"] + 1) % INDICES
        if header["kind"] == BlockKind.BEGIN:
            self.counter, self.updating = header["counter"], True
            return []
        if header["kind"] == BlockKind.COMMIT:
            self.digest, self.updating = data[CHECK_BYTES:], False
            return []
        memory, column, row = (header[name] for name in ("memory", "column", "row"))
        before = 0 if column == row == 0 else self._running
        self._running = self.checks[memory] = crc64.xz(data, before)
        size, writes = header["word_bytes"], []
        for at in range(0, len(data), size):
            word = int.from_bytes(data[at : at + size], "little") % (1 << COLUMN_BITS)
            writes.append(Write(memory, column, (row + at // size) % ROWS, word))
        return writes


def check_contents(info: DeviceInfo, checks: Sequence[int], key: bytes | None) -> None:
    """Check that a board that describes itself so can have these memories and this key.

    Parameters
    ----------
    info : DeviceInfo
    checks : sequence of int
        Of each memory.
    key : bytes or None

    Raises
    ------
    ValueError
        As :class:`ContentsModel` says.
    """
    if len(checks) != info.memories:
        raise ValueError(f"{len(checks)} checks for {info.memories} memories")
    if info.keyed != (key is not None):
        raise ValueError("a board says that it is keyed if it has a key, and only then")
    if key is not None and len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")


def _is_right(header: dict[str, int], memories: int) -> bool:
    """Whether a header is one of a block."""
    kind, length, size = (header[name] for name in ("kind", "length", "word_bytes"))
    if kind != BlockKind.ROWS:
        return length == _LENGTHS.get(kind)
    whole = 1 <= length <= MOST_DATA and 1 <= size <= MOST_WORD_BYTES and length % size == 0
    return whole and header["memory"] < memories and header["column"] < COLUMNS
