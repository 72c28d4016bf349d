"""The folder that ``python -m gen`` writes for a board: its files' names, what it says of itself,
and how it is written.

It appears complete or not at all: it is written beside its place and then moved. What others have
put into a folder that is written again, bitstreams for one, stays in it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from gen.common.errors import FirebrickError
from gen.common.manifest import GENERATOR, Manifest
from gen.common.scratch import leftovers, scratch

BUILD = Path("build")
"""Where folders go that nobody has named otherwise, each by its board's name."""
DEFAULT = BUILD / "arty_a7"
"""What is read where nobody says otherwise."""
_NEW, _OLD = "new", "old"
"""Folders in a hidden one: what is being written, and what it takes the place of."""
_ELSEWHERE = "choose another folder with --out"


class FolderKind(StrEnum):
    """What a folder was generated for, as messages say it."""

    BOARD = "a board"
    CORE = "an IP core"


@dataclass(frozen=True)
class BuildFolder:
    """A folder as ``python -m gen`` writes it, whether it is there or not.

    Attributes
    ----------
    path : Path
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def network(self) -> Path:
        """The quantised network."""
        return self.path / "network.npz"

    @property
    def plan(self) -> Path:
        """The plan, as JSON."""
        return self.path / "plan.json"

    @property
    def contents(self) -> Path:
        """Which memories hold what can be replaced of the network, as JSON, if there are any."""
        return self.path / "contents.json"

    @property
    def report(self) -> Path:
        """What is printed of the plan."""
        return self.path / "report.txt"

    @property
    def page(self) -> Path:
        """The same and more as pictures, for a browser."""
        return self.path / "report.html"

    @property
    def design(self) -> Path:
        """The board top, as RTLIL."""
        return self.path / "top.il"

    @property
    def ethernet_core(self) -> Path:
        """Verilog of the Ethernet core, if the link is Ethernet."""
        return self.path / "liteeth_core.v"

    @property
    def sim_verilog(self) -> Path:
        """Verilog of the board's shell on a byte stream, which is simulated."""
        return self.path / "sim_top.v"

    @property
    def simulation(self) -> Path:
        """Folder of the compiled simulation."""
        return self.path / "sim"

    @property
    def simulation_with_waves(self) -> Path:
        """Folder of the compiled simulation that records waves."""
        return self.path / "sim_waves"

    @property
    def simulation_with_link(self) -> Path:
        """Folder of the compiled simulation of the board's link and what is behind it."""
        return self.path / "sim_board"

    @property
    def simulation_with_watch(self) -> Path:
        """Folder of the compiled simulation that tells what each layer does."""
        return self.path / "sim_watch"

    @property
    def _simulations(self) -> tuple[Path, ...]:
        return (
            self.simulation,
            self.simulation_with_waves,
            self.simulation_with_link,
            self.simulation_with_watch,
        )

    @property
    def script(self) -> Path:
        """Makes the bitstream with open tools."""
        return self.path / "build_open.sh"

    @property
    def bitstream(self) -> Path:
        """What the scripts make."""
        return self.path / "top.bit"

    @property
    def timing(self) -> Path:
        """What nextpnr-ecp5 reports, as JSON."""
        return self.path / "timing.json"

    @property
    def routing(self) -> Path:
        """What place and route found of the design and its bitstream, as JSON."""
        return self.path / "routing.json"

    @property
    def synthesis(self) -> Path:
        """Estimates and what Yosys counted, as JSON."""
        return self.path / "synth.json"

    @property
    def activity(self) -> Path:
        """What each layer did in simulation, as JSON."""
        return self.path / "activity.json"

    @property
    def manifest_path(self) -> Path:
        """What the folder says of itself, as JSON."""
        return self.path / "manifest.json"

    @property
    def remedy(self) -> str:
        """What to do if the folder is not as it should be, for messages."""
        if self.kind is FolderKind.CORE:
            return (
                f"generate it with `python -m gen core --part {self._said().get('part')} --out "
                f"{self.path}`, or name another folder"
            )
        in_place = self.path.parent.name == BUILD.name
        board = self.path.name if in_place else f"BOARD --out {self.path}"
        return f"generate it with `python -m gen --board {board}`, or name another folder"

    @property
    def kind(self) -> FolderKind | None:
        """What it was generated for; None if there is nothing that says so."""
        said = self._said()
        kinds = {"board": FolderKind.BOARD, "core": FolderKind.CORE}
        return next((kind for name, kind in kinds.items() if name in said), None)

    def require(self, *files: Path) -> None:
        """Check that some of the files are there.

        Raises
        ------
        FirebrickError
            If one is not, or the folder is not there at all.
        """
        if not self.path.is_dir():
            raise FirebrickError(f"{self}: no such folder; {self.remedy}")
        for file in files:
            if not file.is_file():
                what = "core" if self.kind is FolderKind.CORE else "board"
                by = ", which --updatable writes" if file == self.contents else ""
                raise FirebrickError(
                    f"{self}: no generated {what} ({file.name} is missing{by}); {self.remedy}"
                )

    def manifest(self) -> Manifest:
        """What the folder says of itself.

        Raises
        ------
        FirebrickError
            If it does not, or not as this version does, or is no board's.
        """
        self.require(self.manifest_path)
        if self.kind is FolderKind.CORE:
            raise FirebrickError(
                f"{self}: is of {FolderKind.CORE}, and a board's is wanted; name another folder"
            )
        try:
            return Manifest.from_json(self.manifest_path.read_bytes())
        except ValueError as error:
            raise FirebrickError(
                f"{self.manifest_path}: damaged, or another version's ({error}); {self.remedy}"
            ) from None

    def names(self) -> tuple[str, ...]:
        """What is in the folder, in order."""
        return tuple(sorted(path.name for path in self.path.iterdir()))

    def own_files(self) -> list[Path]:
        """What is in the folder and was written by us."""
        foreign = self.foreign_files()
        return [self.path / name for name in self.names() if name not in foreign]

    def foreign_files(self) -> list[str]:
        """Names in a folder that we wrote of what others have put there since, in order."""
        if not self.path.is_dir():
            return []
        files = self._said().get("files")
        ours = {*map(str, files)} if isinstance(files, list) else set()
        written = (
            self.manifest_path,
            self.page,
            self.synthesis,
            self.routing,
            self.activity,
            *self._simulations,
        )
        ours |= {path.name for path in written}
        return [name for name in self.names() if name not in ours]

    def kept_files(self) -> list[str]:
        """Those of the foreign files that were there before the folder was written, in order."""
        written = self.manifest_path.stat().st_mtime_ns
        return [n for n in self.foreign_files() if (self.path / n).lstat().st_mtime_ns < written]

    def check_writable(self, reads: Iterable[Path | None] = ()) -> None:
        """Check that it can and may be written: absent, empty, or written by us before.

        Parameters
        ----------
        reads : iterable of Path or None
            Files that must not be among those that are replaced.

        Raises
        ------
        FirebrickError
            If it is something else, or one of its own files is read.
        """
        for read in reads:
            self._check_apart(read)
        path = self.path
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise FirebrickError(f"{path}: exists and is no folder; {_ELSEWHERE}")
        if path.is_dir() and self.names() and self._said().get("generator") != GENERATOR:
            raise FirebrickError(
                f"{path}: is not empty and was not written by `python -m gen`; {_ELSEWHERE}"
            )
        if path.resolve() in (Path.cwd(), *Path.cwd().parents):
            raise FirebrickError(f"{path}: is the folder you are in, or around it; {_ELSEWHERE}")
        parent = next(above for above in path.absolute().parents if above.exists())
        if not parent.is_dir():
            raise FirebrickError(f"{path}: cannot be written, {parent} is no folder; {_ELSEWHERE}")
        if not os.access(parent, os.W_OK | os.X_OK):
            raise FirebrickError(
                f"{path}: cannot be written, no permission in {parent}; {_ELSEWHERE}"
            )

    def _check_apart(self, read: Path | None) -> None:
        """Check that a file or folder to be read is not one that is replaced."""
        if read is None or not read.resolve().is_relative_to(self.path.resolve()):
            return
        inside = read.resolve().relative_to(self.path.resolve())
        if not inside.parts or inside.parts[0] not in self.foreign_files():
            raise FirebrickError(
                f"{read}: is read, and would be replaced with all of {self}; {_ELSEWHERE}"
            )

    def _said(self) -> dict[str, object]:
        """The manifest as it is, of whatever version; nothing if there is none to be read."""
        try:
            entry = json.loads(self.manifest_path.read_bytes())
        except (OSError, RecursionError, ValueError):
            return {}
        return entry if isinstance(entry, dict) else {}

    @contextmanager
    def replaced(self) -> Iterator[BuildFolder]:
        """Give a folder to write to, which takes this one's place when the body ends.

        What others have put into this one, and compiled simulations, which are compiled again
        where they are out of date, move along. On any error all stays as it was.

        Raises
        ------
        FirebrickError
            If the folder holds something else or cannot be written.
        """
        self.check_writable()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            for left in leftovers(self.path):
                self._rescue(left)
            with scratch(self.path) as hidden:
                work = hidden / _NEW
                work.mkdir()
                yield BuildFolder(work)
                self._take(work, hidden / _OLD)
        except OSError as error:
            raise FirebrickError(
                f"{self}: cannot be written ({error.strerror}); make room, or {_ELSEWHERE}"
            ) from None

    def _take(self, work: Path, aside: Path) -> None:
        """Rename ``work`` to this folder, along with what is kept, or leave all as it was."""
        path = self.path
        if not path.exists():
            os.rename(work, path)
            return
        kept = [name for name in self.foreign_files() if not (work / name).exists()]
        kept += [path.name for path in self._simulations if path.exists()]
        try:
            os.rename(path, aside)
            os.rename(work, path)
            _move(kept, aside, path)
        except BaseException:
            if aside.exists() and path.exists():
                _move(kept, path, aside)
                os.rename(path, work)
            if aside.exists():
                os.rename(aside, path)
            raise

    def _rescue(self, left: Path) -> None:
        """Put back what a process that was killed amid the renames has left aside."""
        aside = BuildFolder(left / _OLD)
        if not aside.path.exists():
            return
        if not self.path.exists():
            os.rename(aside.path, self.path)
            return
        _move(aside.foreign_files(), aside.path, self.path)


def _move(names: Iterable[str], source: Path, target: Path) -> None:
    """Rename what there is in a folder of some names into another folder, but over nothing."""
    for name in names:
        if os.path.lexists(source / name) and not os.path.lexists(target / name):
            os.rename(source / name, target / name)
