"""Results that are kept: a benchmark's figures with the commit, day, processor and command."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gen.common.errors import FirebrickError
from gen.common.files import replacing

RESULTS = Path(__file__).parent / "results"
"""Those that documentation is written from."""
_ROOT = Path(__file__).resolve().parent.parent
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Result:
    """What a benchmark found.

    Attributes
    ----------
    name : str
        The benchmark's.
    command : str
        That runs it again.
    commit : str
        Of firebrick, with ``-dirty`` behind it if files had been changed since.
    date : str
        When it ended, YYYY-MM-DD.
    processor : str
    figures : dict
        By name, as the benchmark returns them.
    """

    name: str
    command: str
    commit: str
    date: str
    processor: str
    figures: dict[str, Any]

    @staticmethod
    def now(name: str, command: str, figures: dict[str, Any], commit: str) -> Result:
        """What has just been found here.

        Parameters
        ----------
        name, command : str
        figures : dict
        commit : str
            As :func:`commit` gave it before the benchmark began.
        """
        plain = json.loads(json.dumps(figures, default=_plain))
        date = datetime.now(UTC).strftime("%Y-%m-%d")
        return Result(name, command, commit, date, processor(), plain)

    def save(self, folder: Path) -> Path:
        """Write it as ``NAME.json``; returns the file."""
        path = folder / f"{self.name}.json"
        with replacing(path) as file:
            file.write((json.dumps(asdict(self), indent=1) + "\n").encode())
        return path

    @staticmethod
    def load(path: Path) -> Result:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FirebrickError
            If it is something else.
        """
        try:
            return Result(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise FirebrickError(
                f"{path}: no result of a benchmark ({error}); write it with `python -m bench all`"
            ) from None


def stored(names: Sequence[str], folder: Path = RESULTS) -> dict[str, Result]:
    """The results in a folder, in the order of their names."""
    files = ((name, folder / f"{name}.json") for name in names)
    return {name: Result.load(path) for name, path in files if path.exists()}


def rows(figures: dict[str, Any], name: str = "") -> Iterator[tuple[str, str]]:
    """Figures as pairs of a name and a text, what is nested one after another."""
    for key, value in figures.items():
        path = f"{name}, {key}" if name else key
        if isinstance(value, dict):
            yield from rows(value, path)
        elif isinstance(value, list):
            yield path, ", ".join(map(_text, value))
        else:
            yield path, _text(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    """Dataclasses and NumPy's numbers as JSON has them."""
    return value.item() if hasattr(value, "item") else asdict(value)


def commit() -> str:
    """The commit that is checked out, ``-dirty`` behind it if files were changed."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def processor() -> str:
    """What this machine computes with."""
    if _CPU_INFO.exists():
        found = re.search(r"^model name\s*: (.+)$", _CPU_INFO.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()
