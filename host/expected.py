"""What a board should answer: the golden model's class sums, computed here."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import threadpool_limits

from gen.common.progress import SILENT, Progress
from gen.common.workers import cores
from gen.ir.network import QuantizedNetwork
from sim import golden


def expected_sums(
    network: QuantizedNetwork, frames: np.ndarray, *, progress: Progress = SILENT
) -> np.ndarray:
    """Class sums of frames, computed on all cores.

    Threads will do: NumPy and BLAS hold no lock while they compute.

    Parameters
    ----------
    network : QuantizedNetwork
    frames : uint8 array (N, height, width, channels)
    progress : Progress
        Told frames.

    Returns
    -------
    int64 array (N, classes)
    """
    sums = np.zeros((len(frames), network.output.shape[2]), np.int64)
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        found = pool.map(lambda frame: golden.class_sums(network, frame[None])[0], frames)
        for index, row in enumerate(found):
            sums[index] = row
            progress.advance(index + 1, len(frames))
    return sums
