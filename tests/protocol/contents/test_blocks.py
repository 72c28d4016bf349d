from typing import Any

import pytest
from siphash24 import siphash24

from protocol.contents.blocks import HEADER, MOST_DATA, BlockKind, block

KEY = bytes(range(16))
PLACE: dict[str, Any] = {"counter": 0x01020304, "index": 0x0506}


def test_a_block_byte_for_byte():
    made = block(
        BlockKind.ROWS, b"abcdef", **PLACE, word_bytes=3, memory=7, column=0x0809, row=0x0A0B0C
    )
    assert made == bytes.fromhex("04030201 0605 02 03 0600 07 0908 0C0B0A00") + b"abcdef"
    assert HEADER.size == 17


def test_a_tag_is_of_header_and_data():
    plain = block(BlockKind.BEGIN, bytes(8), **PLACE)
    assert block(BlockKind.BEGIN, bytes(8), **PLACE, key=KEY) == (
        plain + siphash24(plain, key=KEY).digest()
    )


def test_what_is_too_long_is_refused():
    block(BlockKind.ROWS, bytes(MOST_DATA), **PLACE)
    with pytest.raises(ValueError, match="at most 256 bytes"):
        block(BlockKind.ROWS, bytes(MOST_DATA + 1), **PLACE)
    with pytest.raises(ValueError, match="16 bytes, not 15"):
        block(BlockKind.ROWS, b"", **PLACE, key=KEY[1:])
    with pytest.raises(OverflowError):
        block(BlockKind.ROWS, b"", counter=1 << 32, index=0)
