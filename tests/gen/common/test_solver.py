import ctypes
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp

import gen.common.solver
from gen.common.solver import solve
from tests.paths import ROOT

LIBC = ctypes.CDLL(None)


def best_of_three() -> list[float]:
    one = LinearConstraint(np.ones((1, 3)), 1, 1)
    found = solve(np.array([3.0, 1.0, 2.0]), np.ones(3), [one], mip_rel_gap=0)
    return found.x.round().tolist()


def test_the_solver_has_one_thread(monkeypatch):
    asked = []

    def solver(*args, **kwargs):
        asked.append(dict(kwargs["options"]))
        return milp(*args, **kwargs)

    monkeypatch.setattr(gen.common.solver, "milp", solver)
    assert best_of_three() == [0, 1, 0]
    assert asked == [{"threads": 1, "mip_rel_gap": 0}]


THREADS = """
from pathlib import Path
import numpy as np
from gen.common.solver import solve
threads = lambda: sum(1 for _ in Path("/proc/self/task").iterdir())
before = threads()
solve(np.ones(3), np.ones(3), [], threads=3)
print(threads() - before)
"""
"""Counts the threads that a solver of three has started; each process may choose once."""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc")
def test_the_solver_hears_how_many_threads_it_has():
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert int(done.stdout) == 2


@pytest.fixture
def chatty(monkeypatch):
    """A solver that prints, as HiGHS does now and then."""

    def solver(*args, **kwargs):
        LIBC.puts(b"words of the solver")
        return milp(*args, **kwargs)

    monkeypatch.setattr(gen.common.solver, "milp", solver)


@pytest.mark.usefixtures("chatty")
def test_standard_output_stays_clean_and_whole(capfd):
    LIBC.puts(b"before")
    assert best_of_three() == [0, 1, 0]
    LIBC.puts(b"after")
    LIBC.fflush(None)
    assert capfd.readouterr().out == "before\nafter\n"


@pytest.mark.usefixtures("chatty")
def test_standard_output_may_be_closed():
    kept = os.dup(1)
    os.close(1)
    try:
        assert best_of_three() == [0, 1, 0]
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(1)
    finally:
        os.dup2(kept, 1)
        os.close(kept)
