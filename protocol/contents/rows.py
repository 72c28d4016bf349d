"""Rows of an engine's memories, packed from the integers of a convolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

MULTIPLIER_BITS = 16
"""Of a requantiser's multiplier, unsigned."""


def stored_codes(weights: np.ndarray, codebook: np.ndarray | None) -> np.ndarray:
    """What a memory holds of weights: themselves, or codes of a codebook's levels.

    Codes count from the middle of the codebook: then their top bit is most codebooks' sign as it
    is.

    Parameters
    ----------
    weights : int array
        Levels of the codebook; zeros besides stand where nothing depends on them.
    codebook : int array (2**bits,) or None
        Ascending.

    Returns
    -------
    int array of the shape of ``weights``
    """
    if codebook is None:
        return weights
    # A zero that is no level may be any; the smallest one in use is as good as another.
    used = np.intersect1d(codebook, weights)
    spare = used[np.argmin(np.abs(used))]
    known = np.where(np.isin(weights, codebook), weights, spare)
    return np.searchsorted(codebook, known) - len(codebook) // 2


def weight_rows(codes: np.ndarray, pe: int, simd: int, bits: int) -> list[int]:
    """Rows of a memory of weights in the order in which they are read.

    Parameters
    ----------
    codes : int array (Cout, words * simd)
    pe, simd : int
        Of the engine: code (p, s) of a row sits at bit ``(p * simd + s) * bits``. Rows that a last
        fold lacks are zero.
    bits : int
        Of a code, at most 8.

    Returns
    -------
    list of int
        ``ceil(Cout / pe) * words`` of them, of ``pe * simd * bits`` bits.
    """
    channels, columns = codes.shape
    folds, words = -(-channels // pe), columns // simd
    padded = np.zeros((folds * pe, columns), dtype=np.int64)
    padded[:channels] = codes
    ordered = padded.reshape(folds, pe, words, simd).transpose(0, 2, 1, 3)
    unsigned = (ordered & ((1 << bits) - 1)).astype(np.uint8)
    each = np.unpackbits(unsigned.reshape(-1, pe * simd, 1), axis=2, bitorder="little")
    packed = np.packbits(each[:, :, :bits].reshape(folds * words, -1), axis=1, bitorder="little")
    return [int.from_bytes(row.tobytes(), "little") for row in packed]


def scale_rows(
    bias: Sequence[int] | np.ndarray,
    multiplier: Sequence[int] | np.ndarray,
    lanes: int,
    bias_bits: int,
) -> list[int]:
    """Rows of a requantiser's memory: for each lane a multiplier, and the bias above it.

    Parameters
    ----------
    bias : int array (C,)
        Of ``bias_bits`` bits in two's complement.
    multiplier : int array (C,)
        Unsigned, of :data:`MULTIPLIER_BITS` bits.
    lanes : int
        Divides C.
    bias_bits : int

    Returns
    -------
    list of int
        ``C / lanes`` of them, of ``lanes * (MULTIPLIER_BITS + bias_bits)`` bits.
    """
    mask, width = (1 << bias_bits) - 1, bias_bits + MULTIPLIER_BITS
    rows = []
    for start in range(0, len(bias), lanes):
        row = 0
        for lane in range(lanes):
            entry = (int(bias[start + lane]) & mask) << MULTIPLIER_BITS
            row |= (entry | int(multiplier[start + lane])) << lane * width
        rows.append(row)
    return rows
