"""Blocks: what a frame of contents is a series of, byte for byte.

A block is a :data:`HEADER`, ``length`` bytes of data, and a tag if the board has a key: SipHash-2-4
of header and data. All integers have the least significant byte first. Nothing of a block has any
effect before all of it is there and its tag is right, and behind a block that is refused the rest
of its frame has none.
"""

from __future__ import annotations

from enum import IntEnum

from protocol.packets import Block

HEADER = Block(
    (
        ("counter", 4),
        ("index", 2),
        ("kind", 1),
        ("word_bytes", 1),
        ("length", 2),
        ("memory", 1),
        ("column", 2),
        ("row", 4),
    )
)
BEGIN_DATA = Block((("structure", 8),))
COMMIT_DATA = Block((("check", 8), ("digest", 8)))
MOST_DATA = 256
"""Bytes in a block."""
MOST_WORD_BYTES = 5
COLUMNS = 1 << 12
"""So many columns can be told apart."""
ROWS = 1 << 24
"""So many rows; row 0 follows the last one. What is above them in a header is left out."""
KEY_BYTES = 16
TAG_BYTES = 8
INDICES = 1 << 16
"""Index 0 follows the last one."""


class BlockKind(IntEnum):
    """What a block says."""

    BEGIN = 1
    """Update the network of this structure. ``counter`` is greater than the board's, and becomes
    it; ``index`` is 0."""
    ROWS = 2
    """Words of ``word_bytes`` bytes for ``row`` and the rows behind it, in ``column`` of
    ``memory``."""
    COMMIT = 3
    """All memories' checks have this CRC-64/XZ, and the network's digest is this one from now
    on."""


class Status(IntEnum):
    """What became of a frame of contents: why its first bad block was refused."""

    OK = 0
    MALFORMED = 1
    """It is no block, or the frame ends in it."""
    TAG = 2
    """Not made with the board's key, or damaged."""
    COUNTER = 3
    """A ``BEGIN``'s is not greater than the board's, another's is not equal to it."""
    ORDER = 4
    """It is not the one that follows the last one that was taken."""
    NOT_UPDATING = 5
    """No ``BEGIN`` came since the last ``COMMIT``."""
    STRUCTURE = 6
    """It is for a network of another structure."""
    CHECK = 7
    """The memories do not hold what was announced."""


def block(
    kind: int,
    data: bytes,
    *,
    counter: int,
    index: int,
    word_bytes: int = 0,
    memory: int = 0,
    column: int = 0,
    row: int = 0,
    key: bytes | None = None,
) -> bytes:
    """A block as it is sent.

    Parameters
    ----------
    kind : BlockKind
    data : bytes
        At most :data:`MOST_DATA`.
    counter, index, word_bytes, memory, column, row : int
        As the header has them.
    key : bytes, optional
        The board's, if it has one.

    Raises
    ------
    ValueError
        If there are too many data, or the key is not of :data:`KEY_BYTES`.
    OverflowError
        If a number is negative or too large for its field.
    """
    if len(data) > MOST_DATA:
        raise ValueError(f"a block has at most {MOST_DATA} bytes of data, not {len(data)}")
    head = HEADER.encode(
        counter=counter,
        index=index,
        kind=kind,
        word_bytes=word_bytes,
        length=len(data),
        memory=memory,
        column=column,
        row=row,
    )
    return head + data + (tag(head + data, key) if key is not None else b"")


def tag(data: bytes, key: bytes) -> bytes:
    """What proves that header and data of a block come from someone who has the key.

    Raises
    ------
    ValueError
        If the key is not of :data:`KEY_BYTES`.
    """
    from siphash24 import siphash24  # who signs nothing need not have it

    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    return siphash24(data, key=key).digest()
