"""What an error in one output channel of a layer means together with one in another.

What rounding does to the class probabilities is, to second order, the square of its errors in the
network's Fisher information. Of that the part is taken that couples the channels of one pixel:
second moments of gradients of the log-likelihood, averaged over pixels and frames (a Kronecker
factor: J. Martens and R. Grosse, "Optimizing neural networks with Kronecker-factored approximate
curvature", 2015; for rounding weights: A. Tseng et al., "Model-preserving adaptive rounding",
2025). No labels are needed, since the network's own probabilities stand for them.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy.special import softmax

from gen.common.progress import SILENT, Progress
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, FloatConv
from gen.quantise.backward import conv_back, unclamped
from gen.quantise.calibrate import run_float
from gen.quantise.kinds import layer_back
from gen.quantise.layers import batches

DAMPING = 0.1
"""Added to the diagonal, as a part of its mean: gradients of a few hundred frames are noisy."""

SEED = 1


def channel_couplings(
    graph: FloatGraph,
    frames: np.ndarray,
    names: Collection[str],
    *,
    progress: Progress = SILENT,
) -> dict[str, np.ndarray]:
    """How the channels of convolutions' outputs, before the ReLU, depend on one another.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    frames : uint8 array (N, H, W, C)
    names : collection of str
        Of the convolutions.
    progress : Progress
        Told frames done and in all.

    Returns
    -------
    dict of float64 arrays (Cout, Cout)
        Positive definite, one on the diagonal on average. The layer whose channels are the classes
        has none: its coupling is all but diagonal, and a few hundred frames cannot tell. Depthwise
        layers have none either, since their channels see different inputs.
    """
    last = graph.ops[-1]
    rng = np.random.default_rng(SEED)
    sums = {
        op.name: np.zeros((len(op.weights),) * 2)
        for op in graph.ops
        if op.name in names
        and isinstance(op, FloatConv)
        and op.groups == 1
        and op.name not in last.inputs
    }
    if not sums:
        return {}
    for batch in batches(len(frames), frames.shape[1:]):
        tensors = {INPUT: frames[batch].astype(np.float32)}
        for op, y in run_float(graph, frames[batch]):
            tensors[op.name] = y
        logits = tensors[last.name]
        _add_gradients(graph, tensors, _likelihood_slope(logits, rng), sums)
        progress.advance(min(batch.stop, len(frames)), len(frames))
    return {name: _damped(total) for name, total in sums.items()}


def _likelihood_slope(logits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random vectors like logits (N, 1, 1, classes) with the covariance of the gradients by them.

    Those are ``p - one_hot(label)`` of labels as probable as p; the signs that take their place
    here make the same second moments with less noise.
    """
    p = softmax(logits.astype(np.float64), axis=3)
    signs = np.sqrt(p) * rng.choice((-1.0, 1.0), p.shape)
    return (signs - p * signs.sum(axis=3, keepdims=True)).astype(np.float32)


def _add_gradients(
    graph: FloatGraph,
    tensors: dict[str, np.ndarray],
    slope: np.ndarray,
    sums: dict[str, np.ndarray],
) -> None:
    """Go back through the network from the gradient by the logits, adding up second moments."""
    slopes = {graph.ops[-1].name: slope}
    for op in reversed(graph.ops):
        mine, inputs = slopes.pop(op.name), [tensors[name] for name in op.inputs]
        if isinstance(op, FloatConv):
            mine = unclamped(op, tensors[op.name], mine)
            flat = mine.reshape(-1, mine.shape[3])
            if op.name in sums:
                sums[op.name] += flat.T @ flat
            if op.inputs[0] == INPUT:
                continue
            back = [conv_back(op, mine, inputs[0].shape)]
        else:
            back = layer_back(op, inputs, tensors[op.name], mine)
        for name, part in zip(op.inputs, back, strict=True):
            slopes[name] = slopes[name] + part if name in slopes else part


def _damped(total: np.ndarray) -> np.ndarray:
    unit = float(np.diag(total).mean()) or 1.0
    coupling = total / unit
    coupling[np.diag_indices_from(coupling)] += DAMPING
    return coupling
