"""What photographs take when they are coded, and which steps leave them what they show.

Measured by ``python -m bench coding`` (``docs/coding.md``).
"""

from __future__ import annotations

from protocol.coding.rules import COLOURS, Shape, Steps

KEEPING = (Steps(), Steps(1, 2))
"""Steps with which 97 % of photographs keep their class, by float weights and by those of 8 and 4
bits; those that leave most bytes first. Steps of 4 for chroma keep fewer with 4 bits."""
COARSEST = KEEPING[-1]
LARGE = 100
"""Rows and columns from which a photograph's neighbouring pixels are much alike."""
_PARTS = {
    (True, True): (0.43, 0.37),
    (False, True): (0.59, 0.52),
    (True, False): (0.57, 0.57),
    (False, False): (0.72, 0.72),
}
"""By whether a frame is large, and in colour. Grey frames have no chroma
that steps could take from."""


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
