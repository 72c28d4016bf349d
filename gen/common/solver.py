"""Integer programs, solved by HiGHS on one thread; its own words never reach standard output."""

from __future__ import annotations

import ctypes
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

_STDOUT = 1
_C = ctypes.CDLL(None)
_ONE_AT_A_TIME = Lock()


def solve(
    costs: np.ndarray,
    integrality: np.ndarray,
    constraints: Sequence[LinearConstraint],
    **options: Any,
) -> OptimizeResult:
    """Find variables between 0 and 1 of least cost; :func:`scipy.optimize.milp` says what is what.

    HiGHS prints a line now and then, whatever its options say, and results go where it prints.
    It gets one thread, so that it finds the same on any number of cores.

    Parameters
    ----------
    costs : float array (N,)
    integrality : array (N,)
        1 for a variable that must be 0 or 1, 0 for one that may be in between.
    constraints : sequence of LinearConstraint
    **options
        Of HiGHS, such as ``mip_rel_gap``.

    Returns
    -------
    OptimizeResult
        ``x`` (N,) is None if nothing was found; then ``message`` says why.
    """
    with _silence(), warnings.catch_warnings():
        # SciPy hands this option on, but does not know it.
        warnings.filterwarnings("ignore", "Unrecognized options detected", RuntimeWarning)
        return milp(
            costs,
            integrality=integrality,
            bounds=Bounds(0, 1),
            constraints=constraints,
            options={"threads": 1, **options},
        )


@contextmanager
def _silence() -> Iterator[None]:
    """Drop what C code prints to standard output; Python's own output waits in its buffer."""
    with _ONE_AT_A_TIME:
        _C.fflush(None)
        try:
            kept = os.dup(_STDOUT)
        except OSError:  # closed: there is nothing to keep clean
            yield
            return
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, _STDOUT)
        os.close(nothing)
        try:
            yield
        finally:
            _C.fflush(None)
            os.dup2(kept, _STDOUT)
            os.close(kept)
