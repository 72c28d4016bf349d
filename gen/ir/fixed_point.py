"""Real factors as integers: the multipliers and shifts of requantisation."""

from __future__ import annotations

import numpy as np

from gen.ir.ops import Tensor

MULTIPLIER_BITS = 16
MAX_SHIFT = 47


def fixed_point(factors: np.ndarray) -> tuple[np.ndarray, int]:
    """Integers and a shift with ``integer / 2**shift`` close to each factor.

    Parameters
    ----------
    factors : float array
        Positive or zero; the largest one takes all 16 bits.

    Returns
    -------
    multiplier : uint16 array
    shift : int
        1 to 47.

    Raises
    ------
    ValueError
        If the largest factor has no such representation.
    """
    largest = float(np.max(factors))
    if not 0 < largest < 2.0 ** (MULTIPLIER_BITS - 1) or float(np.min(factors)) < 0:
        raise ValueError(f"factors {np.min(factors)} to {largest} cannot be requantised")
    shift = MULTIPLIER_BITS - 1 - int(np.floor(np.log2(largest)))
    if np.floor(largest * 2.0**shift + 0.5) >= 1 << MULTIPLIER_BITS:
        shift -= 1
    shift = min(shift, MAX_SHIFT)
    if shift < 1:
        raise ValueError(f"factors up to {largest} cannot be requantised")
    multiplier = np.floor(np.asarray(factors) * 2.0**shift + 0.5)
    return multiplier.astype(np.uint16), shift


def real_scale(multiplier: np.ndarray, shift: int, x: Tensor, y: Tensor) -> np.ndarray:
    """Real value of a weight's code, float64 (Cout,), as a layer's requantisation has it.

    Parameters
    ----------
    multiplier : uint16 array (Cout,)
    shift : int
        Of the layer's requantisation, by ``multiplier / 2**shift``.
    x, y : Tensor
        The layer's input and output.
    """
    scale: np.ndarray = multiplier * 2.0**-shift * (y.scale / x.scale)
    return scale
