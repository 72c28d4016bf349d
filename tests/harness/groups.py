"""Benches of many components that are compiled and started together."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from amaranth.lib import wiring

from tests.harness.shared import locked, shared_folder
from tests.harness.side_by_side import build_side_by_side, unit_name
from tests.harness.stream_bench import Bench
from tests.harness.verilated import VerilatedDesign, program
from tests.harness.verilog import Write, write_verilog

Key = TypeVar("Key", bound=Hashable)

IN_ONE_SIMULATOR = 8
"""Components; with many more, one alone would take too long to be tested."""


class BenchGroup(Mapping[Key, Bench]):
    """Benches of components that share simulators, so that few are compiled and started.

    A simulator is compiled when the first bench of those in it is asked for; for all processes of
    a test run, if these have the folder in common.

    Parameters
    ----------
    components : dict of wiring.Component
    built : Path
        Where to compile.
    folder : Path
        Where to run.
    write : callable, optional
        What writes the designs as Verilog.
    """

    def __init__(
        self,
        components: Mapping[Key, wiring.Component],
        built: Path,
        folder: Path,
        *,
        write: Write = write_verilog,
    ):
        self._components = components
        self._built, self._folder = built, folder
        self._write = write
        self._benches: dict[Key, Bench] = {}

    def __iter__(self) -> Iterator[Key]:
        return iter(self._components)

    def __len__(self) -> int:
        return len(self._components)

    def __getitem__(self, key: Key) -> Bench:
        if key not in self._benches:
            keys = list(self._components)
            part = keys.index(key) // IN_ONE_SIMULATOR
            self._start(part, keys[part * IN_ONE_SIMULATOR :][:IN_ONE_SIMULATOR])
        return self._benches[key]

    def _start(self, part: int, keys: Sequence[Key]) -> None:
        """Compile and start a simulator."""
        components = [self._components[key] for key in keys]
        built, folder = self._built / str(part), self._folder / str(part)
        folder.mkdir()
        with locked(built):
            if not program(built).exists():
                build_side_by_side(components, built, self._write)
        design = VerilatedDesign(built, folder)
        for at, key in enumerate(keys):
            self._benches[key] = Bench(self._components[key], design, unit_name(at))


def bench_group(
    components: Callable[[], Mapping[Key, wiring.Component]], *, write: Write = write_verilog
) -> Any:
    """A pytest fixture for all tests of a module: the :class:`BenchGroup` of its components.

    Parameters
    ----------
    components : callable
        Makes them, by what the tests call them.
    write : callable, optional
        What writes the designs as Verilog.
    """

    @pytest.fixture(scope="module")
    def group(request, tmp_path_factory):
        name = f"{request.module.__name__}.{request.fixturename}"
        built = shared_folder(tmp_path_factory, name)
        folder = tmp_path_factory.mktemp(name)
        return BenchGroup(components(), built, folder, write=write)

    return group
