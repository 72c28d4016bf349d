"""Files that are there complete or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` once it is written.

    Who reads ``path`` meanwhile reads what was there before. On any error that stays.

    Parameters
    ----------
    path : Path
        In a folder that is there.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    handle, temporary = tempfile.mkstemp(dir=path.absolute().parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
