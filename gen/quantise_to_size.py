"""Quantising a float network so that its compressed file has a given size."""

from __future__ import annotations

from collections.abc import Mapping
from math import log2

import numpy as np

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from gen.formats.fbz import encode
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, Preprocessing
from gen.quantise.post_training import quantise
from gen.quantise.rate import steps_for
from gen.quantise.sensitivity import measure

TRIALS = 6
"""Most often that the network is quantised; two or three do for large ones."""
NEAR = 0.994
"""Part of the size asked for that is near enough."""
AIM = 0.998
"""Part of the size asked for that is aimed at."""
FIRST = 0.5
"""First mean step, as a part of the weights' root mean square: some 3 bits a weight."""
BOUND = 2.0
"""Most bits a weight by which a trial differs from those before."""


def quantise_to_size(
    graph: FloatGraph,
    frames: np.ndarray,
    size: int,
    *,
    normalisation: Normalisation,
    pruned: float = 0.0,
    labels: tuple[str, ...] | None = None,
    preprocessing: Preprocessing | None = None,
    source: Mapping[str, str] | None = None,
    progress: Progress = SILENT,
) -> QuantizedNetwork:
    """Quantise for an entropy coder, with the finest steps that the size allows.

    Parameters
    ----------
    graph, frames, normalisation, labels, preprocessing, source
        As :func:`gen.quantise.post_training.quantise` takes them.
    size : int
        Most bytes that the network's ``.fbz`` file may have.
    pruned : float
        Part of the weights of each layer to set to zero, but for layers that read pixels.
    progress : Progress
        Told what is done now, and how much of it is done.

    Raises
    ------
    FirebrickError
        If that is too small for the network, or frames or labels do not fit it.
    """
    if not 0 <= pruned < 1:
        raise FirebrickError(f"--prune {pruned}: give the part of the weights to prune, 0 to 1")
    progress.begin("measure what each layer's bits are worth")
    loss = measure(graph.fold_input(normalisation), frames, progress=progress)
    weights = sum(op.weights.size for op in graph.convs)
    step, best, most = log2(FIRST), None, 0
    seen: dict[float, int] = {}
    for trial in range(TRIALS):
        progress.begin(f"quantise, trial {trial + 1}")
        network = quantise(
            graph,
            frames,
            normalisation=normalisation,
            weight_bits=steps_for(graph, loss, 2.0**step, pruned),
            rounding="gptq",
            labels=labels,
            preprocessing=preprocessing,
            progress=progress,
            source={**(source or {}), "widths": f"{2.0**step:.3f} rms steps, entropy coded"},
        )
        got = seen[step] = len(encode(network))
        if most < got <= size:
            best, most = network, got
        if NEAR * size <= got <= size:
            break
        step = _next(seen, AIM * size, weights)
    if best is None:
        least = f"{graph.name} came down to {min(seen.values())} bytes"
        raise FirebrickError(f"--size {size}: not reached, {least}; allow more")
    return best


def _next(seen: Mapping[float, int], aim: float, weights: int) -> float:
    """Binary logarithm of the step to try next, where some have given so many bytes.

    Twice the step saves a bit a weight, or what it saved between the steps around.
    """
    coarse = min((step for step, got in seen.items() if got <= aim), default=None)
    fine = max((step for step, got in seen.items() if got > aim), default=None)
    if coarse is not None and fine is not None and fine < coarse:
        part = (seen[fine] - aim) / (seen[fine] - seen[coarse])
        return fine + (coarse - fine) * min(max(part, 0.1), 0.9)
    last = min(seen, key=lambda step: abs(seen[step] - aim))
    return last + min(max(8 * (seen[last] - aim) / weights, -BOUND), BOUND)
