"""Which code plans: results of other code are not those of this one."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

import numpy as np
import scipy

ROOT = Path(__file__).parents[2]
PARTS = (
    "protocol", "hw", "boards", "gen/common", "gen/ir", "gen/frames", "gen/formats",
    "gen/quantise", "gen/cost", "gen/nodes", "gen/plan", "gen/explore/network.py",
    "gen/explore/point.py",
)  # fmt: skip
"""Files, and folders of files, of which a plan may depend on the text."""
SUFFIXES = (".py", ".json")
"""Of these: the estimates' coefficients are JSON."""


@cache
def code_version() -> str:
    """A digest of all code and coefficients that a plan depends on."""
    digest = hashlib.sha256(f"numpy {np.__version__} scipy {scipy.__version__}".encode())
    for path in _files():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _files() -> list[Path]:
    found = [ROOT / part for part in PARTS if (ROOT / part).is_file()]
    for part in PARTS:
        found += (path for path in (ROOT / part).rglob("*") if path.suffix in SUFFIXES)
    return sorted(found)
