"""What the coder looks up: parameters by neighbours' sums, codes by parameter and residual."""

from __future__ import annotations

from functools import cache

import numpy as np

from protocol.coding.rules import (
    LEVEL_BITS,
    LONGEST,
    MOST_MAGNITUDE,
    THRESHOLDS,
    ZEROS,
    parameter,
)

MOST_SUM = 6 * MOST_MAGNITUDE
"""Of neighbours' weighted magnitudes."""


@cache
def parameters() -> np.ndarray:
    """The parameter of a code by its neighbours' weighted sum."""
    return np.array([parameter(total) for total in range(MOST_SUM + 1)], dtype=np.uint8)


@cache
def code_table() -> tuple[np.ndarray, np.ndarray]:
    """Codes and their lengths: that of a mapped residual is at ``parameter << LEVEL_BITS | it``."""
    mapped = np.arange(1 << LEVEL_BITS, dtype=np.int32)
    shifts = np.arange(len(THRESHOLDS) + 1, dtype=np.int32)[:, None]
    zeros, one = mapped >> shifts, 1 << shifts
    escaped = zeros >= ZEROS
    codes = np.where(escaped, mapped, one | (mapped & one - 1))
    lengths = np.where(escaped, LONGEST, zeros + 1 + shifts)
    return codes.ravel().astype(np.uint32), lengths.ravel().astype(np.uint8)
