"""The key that updates of a board are signed with, from its file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from protocol.contents.blocks import KEY_BYTES

SECRET_BYTES = 32
"""Of a file that a key is made from."""
_PERSON = b"firebrick update"
_MOST_FILE_BYTES = 2 * SECRET_BYTES + 64
"""More than digits and white space need."""


def read_key(path: Path | str) -> bytes:
    """The key of a board, :data:`KEY_BYTES` long.

    Parameters
    ----------
    path : Path or str
        File of exactly :data:`SECRET_BYTES` bytes, or of these as hexadecimal digits, which white
        space may follow. Both forms of the same bytes give the same key.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it holds something else. Nothing of it is in the message.
    """
    with Path(path).open("rb") as file:
        content = file.read(_MOST_FILE_BYTES)
    secret = content if len(content) == SECRET_BYTES else _from_digits(content)
    if secret is None:
        raise ValueError(
            f"{path}: a file of a key has exactly {SECRET_BYTES} bytes, or {2 * SECRET_BYTES} "
            "hexadecimal digits"
        )
    return hashlib.blake2b(secret, digest_size=KEY_BYTES, person=_PERSON).digest()


def _from_digits(content: bytes) -> bytes | None:
    """The bytes that hexadecimal digits stand for; None if these are none, or not so many."""
    digits = content.rstrip()
    if len(digits) != 2 * SECRET_BYTES:
        return None
    try:
        # What is no digit must not get into a message, as int() and fromhex() quote it.
        secret = bytes.fromhex(digits.decode("ascii"))
    except ValueError:
        return None
    return secret if len(secret) == SECRET_BYTES else None
