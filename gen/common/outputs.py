"""Checks of files to be written, before long work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gen.common.errors import FirebrickError


def check_output(path: Path, reads: Iterable[Path | None] = ()) -> None:
    """Check that a file can be written, and that nothing is lost by it.

    Parameters
    ----------
    path : Path
    reads : iterable of Path or None
        Files and folders of files that the same command reads.

    Raises
    ------
    FirebrickError
        If it cannot be written there, or is one of the files that are read.
    """
    real = path.resolve()
    if not real.parent.is_dir():
        raise FirebrickError(f"{path}: cannot write there, no such folder")
    if path.is_dir():
        raise FirebrickError(f"{path}: is a folder; name a file to write")
    if path.exists() and not path.is_file():
        raise FirebrickError(f"{path}: is a device; name a file to write")
    if not os.access(real.parent, os.W_OK | os.X_OK):
        raise FirebrickError(f"{path}: cannot write there, no permission in {real.parent}")
    for read in reads:
        if read is not None and path.exists() and _holds(read, path):
            raise FirebrickError(
                f"{path}: is read by the same command, and would be lost; name another file"
            )


def _holds(read: Path, path: Path) -> bool:
    """Whether a file is ``read``, or in it, by whatever names and links."""
    if read.is_dir():
        return path.resolve().is_relative_to(read.resolve())
    return read.exists() and read.samefile(path)
