"""Text files as people's editors write them."""

from __future__ import annotations

import codecs
from pathlib import Path

from gen.common.errors import FirebrickError

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Encodings that say so in a file's first bytes (The Unicode Standard, section 23.8)."""


def read_lines(path: Path, what: str) -> list[str]:
    """Lines of a text file, UTF-8 or with any Unicode byte order mark, without their ends.

    Parameters
    ----------
    path : Path
    what : str
        What it should hold, for messages.

    Raises
    ------
    FirebrickError
        If it cannot be read, or is no such text.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FirebrickError(
            f"{path}: cannot read {what} ({error.strerror}); check the path and its permissions"
        ) from None
    marks = (name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark))
    try:
        text = data.decode(next(marks, "utf-8"))
    except UnicodeDecodeError as error:
        raise FirebrickError(
            f"{path}: cannot read {what}, byte {error.start} is no UTF-8; save it as UTF-8 text"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
