"""Files that are there complete or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gen.common.scratch import leftovers, scratch


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file that takes the place of ``path`` once it is written.

    Who reads ``path`` meanwhile reads what was there before. On any error that stays.

    Parameters
    ----------
    path : Path
        In a folder that is there; where a symbolic link is, what it points to takes the place.

    Raises
    ------
    OSError
        If the file cannot be written, or ``path`` is a folder or a device.
    """
    path = path.resolve()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    for _ in leftovers(path):
        pass  # of processes that were killed
    with scratch(path) as folder:
        part = folder / path.name
        with part.open("wb") as file:
            yield file
        os.replace(part, path)
