"""What photographs take when they are coded, and which steps leave them what they show.

Measured by ``python -m bench coding`` (``docs/coding.md``).
"""

from __future__ import annotations

from protocol.coding.rules import COLOURS, Shape, Steps

KEEPING = (Steps(), Steps(2, 2), Steps(2, 4))
"""Steps with which 97 % of photographs or more keep their class, those that leave most first."""
COARSEST = KEEPING[-1]
LARGE = 100
"""Rows and columns from which a photograph's neighbouring pixels are much alike."""
_PARTS = {
    (True, True): (0.44, 0.35, 0.31),
    (False, True): (0.55, 0.44, 0.38),
    (True, False): (0.52, 0.42, 0.42),
    (False, False): (0.68, 0.56, 0.56),
}
"""By whether a frame is large, and in colour. Grey frames have no chroma."""


def typical_part(shape: Shape, steps: Steps) -> float:
    """Part of a photograph's bytes that is left of it coded.

    Parameters
    ----------
    shape : (height, width, channels)
    steps : Steps
        One of :data:`KEEPING`.
    """
    parts = _PARTS[min(shape[:2]) >= LARGE, shape[2] == COLOURS]
    return parts[KEEPING.index(steps)]
