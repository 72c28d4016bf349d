"""The file of a board's key, as command lines name it."""

from __future__ import annotations

from pathlib import Path

from gen.common.errors import FirebrickError
from protocol.contents.key import read_key


def load_key(path: Path) -> bytes:
    """The key that a file holds.

    Raises
    ------
    FirebrickError
        If it cannot be read, or holds something else; nothing of it is told.
    """
    try:
        return read_key(path)
    except OSError as error:
        raise FirebrickError(
            f"{path}: cannot be read ({error.strerror}); give the file of the board's key"
        ) from None
    except ValueError as error:
        raise FirebrickError(str(error)) from None
