"""Results in one SQLite file, so that a sweep goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gen.common.closing import Closing
from gen.common.errors import FirebrickError
from gen.explore.point import Result
from gen.explore.space import Point

APPLICATION = 0x46427870
"""Tells such a file from other databases (``FBxp``)."""
PATIENCE = 30
"""Seconds to wait for another process that writes."""
_TABLE = """
CREATE TABLE results (
    key TEXT PRIMARY KEY,
    code TEXT NOT NULL,
    point TEXT NOT NULL,
    result TEXT NOT NULL
)
"""


class Store(Closing):
    """The results of some version of the code.

    Each result is on the disk when :meth:`put` returns. Those of other versions stay in the file,
    but are not given.

    Parameters
    ----------
    path : Path
        Made if it is not there.
    code : str
        The version.

    Raises
    ------
    FirebrickError
        If the file is something else, or cannot be used. So do the methods.
    """

    def __init__(self, path: Path, code: str):
        self._path, self.code = path, code
        with self._telling():
            self._file = sqlite3.connect(path, timeout=PATIENCE)
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._telling(), self._file:
            (kind,) = self._file.execute("PRAGMA application_id").fetchone()
            tables = self._file.execute("SELECT name FROM sqlite_master").fetchall()
            if tables and kind != APPLICATION:
                raise FirebrickError(
                    f"{self._path}: is a database of something else; name another folder with --out"
                )
            if not tables:
                self._file.execute(f"PRAGMA application_id = {APPLICATION}")
                self._file.execute(_TABLE)

    def known(self, points: Iterable[Point]) -> dict[Point, Result]:
        """Those of ``points`` that have a result."""
        found = {}
        with self._telling():
            for point in points:
                row = self._file.execute(
                    "SELECT result FROM results WHERE key = ?", (self._key(point),)
                ).fetchone()
                if row is not None:
                    found[point] = Result.from_json(json.loads(row[0]))
        return found

    def put(self, point: Point, result: Result) -> None:
        """Keep a result."""
        row = (
            self._key(point),
            self.code,
            json.dumps(point.to_json()),
            json.dumps(result.to_json()),
        )
        with self._telling(), self._file:
            self._file.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?)", row)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _key(self, point: Point) -> str:
        text = json.dumps([self.code, point.to_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Say what is wrong with the file."""
        try:
            yield
        except (sqlite3.Error, ValueError, TypeError, KeyError) as error:
            raise FirebrickError(
                f"{self._path}: cannot be used for results ({error}); remove it, or name another "
                "folder with --out"
            ) from None
