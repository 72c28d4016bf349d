"""Hidden folders beside what is written in them, so that it can take its place by a rename."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SUFFIX = ".firebrick"


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """Give an empty hidden folder beside ``target``, which is gone at the end.

    Raises
    ------
    OSError
        Naming ``target``, if none can be made there.
    """
    prefix = f".{target.name}."
    try:
        folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix, suffix=_SUFFIX))
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from None
    lock = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextmanager
def _abandoned(folder: Path) -> Iterator[bool]:
    """Whether a scratch folder's process is gone; nobody else removes it meanwhile."""
    lock = _lock(folder)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def leftovers(target: Path) -> Iterator[Path]:
    """Scratch folders beside ``target`` whose processes were killed; each is removed afterwards."""
    pattern = f".{glob.escape(target.name)}.????????{_SUFFIX}"
    for folder in target.parent.glob(pattern):
        with _abandoned(folder) as abandoned:
            if abandoned:
                yield folder
                shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> int | None:
    """Lock a folder for as long as what is returned is open; None if another process has."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except OSError:
            os.close(handle)
    return None
