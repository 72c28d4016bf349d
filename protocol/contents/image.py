"""Memories of contents as bytes: how they are cut, sent and checked.

A memory has rows of some width. It is cut into columns of :data:`COLUMN_BITS`, the last one
narrower, which are written each by itself. Its image is the bytes of one column after another; in a
column row after row, each word least significant byte first in as few bytes as hold it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from fastcrc import crc64

COLUMN_BITS = 36
"""Of a word that is written: a block RAM's widest port, parity bits included. What is above them in
a block is left out."""
CHECK_BYTES = 8
"""Of the check of a memory, CRC-64/XZ (ECMA-182's polynomial, reflected)."""


def column_widths(width: int) -> list[int]:
    """Bits of each column of rows of ``width`` bits."""
    return [min(COLUMN_BITS, width - start) for start in range(0, width, COLUMN_BITS)]


@dataclass(frozen=True)
class Column:
    """A column of a memory.

    Attributes
    ----------
    number : int
    word_bytes : int
        1 to 5.
    data : bytes
        Of all its rows.
    """

    number: int
    word_bytes: int
    data: bytes

    def pieces(self, most: int) -> Iterator[tuple[int, bytes]]:
        """First row and bytes of pieces of whole words, of at most ``most`` bytes each."""
        rows = most // self.word_bytes
        size = rows * self.word_bytes
        for index, start in enumerate(range(0, len(self.data), size)):
            yield index * rows, self.data[start : start + size]


@dataclass(frozen=True)
class Image:
    """All bytes of a memory.

    Attributes
    ----------
    columns : tuple of Column
    """

    columns: tuple[Column, ...]

    @staticmethod
    def of(rows: Sequence[int], width: int) -> Image:
        """The image of rows of so many bits."""
        row_bytes = -(-width // 8)
        packed = b"".join(row.to_bytes(row_bytes, "little") for row in rows)
        bits = np.unpackbits(
            np.frombuffer(packed, np.uint8).reshape(len(rows), row_bytes), axis=1, bitorder="little"
        )
        columns = []
        for number, word_bits in enumerate(column_widths(width)):
            start = number * COLUMN_BITS
            words = np.packbits(bits[:, start : start + word_bits], axis=1, bitorder="little")
            columns.append(Column(number, words.shape[1], words.tobytes()))
        return Image(tuple(columns))

    @property
    def data(self) -> bytes:
        """One column after another."""
        return b"".join(column.data for column in self.columns)

    @property
    def check(self) -> int:
        """CRC-64/XZ of all of it."""
        return crc64.xz(self.data)


def check_of_all(checks: Sequence[int]) -> int:
    """The check of all contents: CRC-64/XZ of the memories' checks, in order."""
    return crc64.xz(b"".join(check.to_bytes(CHECK_BYTES, "little") for check in checks))
