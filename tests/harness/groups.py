"""Benches of many components that are compiled and started together."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from amaranth.lib import wiring

from tests.harness.shared import locked, shared_folder
from tests.harness.side_by_side import build_side_by_side, unit_name
from tests.harness.stream_bench import Bench
from tests.harness.verilated import VerilatedDesign, program
from tests.harness.verilog import Write, write_verilog

Make = Callable[..., wiring.Component]

IN_ONE_SIMULATOR = 8
"""Cases; with many more, one alone would take too long to be tested."""


def bench_group(make: Make, cases: Iterable[Hashable], *, write: Write = write_verilog) -> Any:
    """A fixture for all tests of a module: the benches of cases, each ``benches[case]``.

    ::

        fifos = bench_group(make_fifo, [(2, "lut"), (3, "block")])

        @pytest.mark.parametrize(("depth", "kind"), [(2, "lut"), (3, "block")])
        def test_order(depth, kind, fifos):
            fifos[depth, kind].run(...)

    Parameters
    ----------
    make : callable
        Makes a case's component; is given the case, or its elements if it is a tuple.
    cases : iterable
    write : callable, optional
        What writes the designs as Verilog.
    """
    cases = list(cases)

    @pytest.fixture(scope="module")
    def benches(request, tmp_path_factory):
        name = f"{request.module.__name__}.{request.fixturename}"
        built = shared_folder(tmp_path_factory, name)
        return BenchGroup(make, cases, built, tmp_path_factory.mktemp(name), write)

    return benches


class BenchGroup:
    """Benches of a test's cases, which share simulators, so that few are compiled and started.

    The first bench that is asked for has its simulator compiled, for all processes of a test run.

    Parameters
    ----------
    make : callable
        Makes a case's component.
    cases : sequence
    built : Path
        Where to compile; all processes of a test run have it in common.
    folder : Path
        Where to run.
    write : callable
        What writes the designs as Verilog.
    """

    def __init__(
        self, make: Make, cases: Sequence[Hashable], built: Path, folder: Path, write: Write
    ):
        self._make, self._cases, self._write = make, cases, write
        self._built, self._folder = built, folder
        self._benches: dict[Hashable, Bench] = {}

    def __getitem__(self, case: Hashable) -> Bench:
        if case not in self._benches:
            self._start(self._cases.index(case) // IN_ONE_SIMULATOR)
        return self._benches[case]

    def _start(self, part: int) -> None:
        """Compile a simulator, unless that has been done, and start it."""
        cases = self._cases[part * IN_ONE_SIMULATOR :][:IN_ONE_SIMULATOR]
        components = [self._make(*(c if isinstance(c, tuple) else (c,))) for c in cases]
        built, folder = self._built / str(part), self._folder / str(part)
        folder.mkdir()
        with locked(built):
            if not program(built).exists():
                build_side_by_side(components, built, self._write)
        design = VerilatedDesign(built, folder)
        for at, (case, component) in enumerate(zip(cases, components, strict=True)):
            self._benches[case] = Bench(component, design, unit_name(at))
