"""Bits where they count: what narrow weights cost in each layer, and how to share a memory.

A layer is rounded alone, to one width, and the rest of the float network is run behind it: what
that does to the class probabilities (their Kullback-Leibler divergence from the float network's)
is measured. For the other widths the divergence is taken to be in proportion to the square error
of the layer's own outputs, which rounding gives along with the codes. An integer program then
picks the widths with the smallest sum of divergences that fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from scipy.optimize import LinearConstraint
from scipy.sparse import csr_array
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Part, Progress
from gen.common.solver import solve
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, FloatConv, FloatOp
from gen.ir.widths import WIDEST, Width
from gen.quantise.calibrate import run_float
from gen.quantise.codebook import round_to_levels
from gen.quantise.gptq import round_by_gptq
from gen.quantise.hessian import LayerMoments, MomentSums
from gen.quantise.kinds import float_layer
from gen.quantise.layers import batches, by_group, patches

FRAMES = 64
"""Frames to measure on; spread evenly over those given."""
MEASURED = Width(4)
"""Width that is measured through the whole network."""
WIDTHS = (Width(2, 4), Width(3, 4), *(Width(bits) for bits in range(4, WIDEST + 1)))
"""What is chosen from. Fewer than 4 bits are codes for levels of 4 bits: a better use of as much
memory, and to a multiplier the same as 4 bits."""

Table = Mapping[str, Mapping[Width, float]]
"""A number for each layer and width."""


def measure(
    graph: FloatGraph, frames: np.ndarray, *, progress: Progress = SILENT
) -> dict[str, dict[Width, float]]:
    """What each width costs in each convolution, all others left in float.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    frames : uint8 array (N, H, W, C)
    progress : Progress
        Told how much is done.

    Returns
    -------
    dict of dicts
        By layer and width, mean divergence of the class probabilities in nats a frame.
    """
    count = min(FRAMES, len(frames))
    frames = frames[np.arange(count) * len(frames) // count]
    convs = graph.convs
    steps = 2 * count + len(convs)
    looked, rounding = count / steps, (count + len(convs)) / steps
    # BLAS adds up in another order on another number of cores, which changes what is chosen.
    with threadpool_limits(1):
        moments = _moments(graph, frames, Part(progress, 0.0, looked))
        errors, rounded = {}, {}
        for done, op in enumerate(convs, start=1):
            errors[op.name], rounded[op.name] = _errors(op, moments[op.name])
            Part(progress, looked, rounding).advance(done, len(convs))
        divergence = _divergences(graph, frames, rounded, Part(progress, rounding, 1.0))
    return {
        name: {width: divergence[name] * errors[name][width] for width in WIDTHS} for name in errors
    }


def _moments(graph: FloatGraph, frames: np.ndarray, progress: Progress) -> dict[str, LayerMoments]:
    """Moments of each convolution's inputs; the outputs it wants are none."""
    convs = graph.convs
    sums = {op.name: MomentSums(op.weights[0].size, 0, groups=op.groups) for op in convs}
    for batch in batches(len(frames), frames.shape[1:]):
        tensors = {INPUT: frames[batch].astype(np.float32)}
        for op, y in run_float(graph, frames[batch]):
            tensors[op.name] = y
        for op in convs:
            windows = patches(op, tensors[op.inputs[0]], op.pad_value)
            windows = by_group(op, windows)
            sums[op.name].add(windows, np.zeros((*windows.shape[:-1], 0), np.float32))
        progress.advance(batch.stop, len(frames))
    nothing = {op.name: np.zeros((0, op.weights[0].size)) for op in convs}
    return {name: part.layer_moments(nothing[name], 1.0) for name, part in sums.items()}


def _errors(op: FloatConv, moments: LayerMoments) -> tuple[dict[Width, float], FloatConv]:
    """Error of a layer's outputs by width, relative to that at the width measured; that layer."""
    weights = op.weights.reshape(len(op.weights), -1).astype(np.float64)
    floor = np.full(len(weights), np.abs(weights).max() * 1e-6 or 1.0)
    errors, measured, hessian = {}, op, moments.hessian
    for width in WIDTHS:
        if width.levels is None:
            codes, scale = round_by_gptq(weights, hessian, width.bits, floor)
        else:
            codes, scale, _ = round_to_levels(weights, hessian, width.bits, width.levels, floor)
        change = codes * scale[:, None] - weights
        errors[width] = moments.error(change)
        if width == MEASURED:
            back = (weights + change).reshape(op.weights.shape).astype(np.float32)
            bias = (op.bias - moments.mean_response(change)).astype(np.float32)
            measured = replace(op, weights=back, bias=bias)
    unit = errors[MEASURED] or 1.0
    return {width: error / unit for width, error in errors.items()}, measured


def _divergences(
    graph: FloatGraph,
    frames: np.ndarray,
    rounded: Mapping[str, FloatConv],
    progress: Progress,
) -> dict[str, float]:
    """Divergence from the float network's class probabilities with one layer changed."""
    totals = dict.fromkeys(rounded, 0.0)
    for batch in batches(len(frames), frames.shape[1:]):
        tensors = {INPUT: frames[batch].astype(np.float32)}
        for op, y in run_float(graph, frames[batch]):
            tensors[op.name] = y
        for index, op in enumerate(graph.ops):
            if op.name in rounded:
                rest = (rounded[op.name], *graph.ops[index + 1 :])
                totals[op.name] += _divergence(rest, tensors)
        progress.advance(batch.stop, len(frames))
    return {name: total / len(frames) for name, total in totals.items()}


def _divergence(ops: tuple[FloatOp, ...], known: Mapping[str, np.ndarray]) -> float:
    """Run what the first op changes, and sum the divergences of the frames."""
    changed = {ops[0].name: float_layer(ops[0], [known[name] for name in ops[0].inputs])}
    for op in ops[1:]:
        if any(name in changed for name in op.inputs):
            inputs = [changed.get(name, known[name]) for name in op.inputs]
            changed[op.name] = float_layer(op, inputs)
    wanted, got = (
        log_softmax(logits[ops[-1].name].reshape(len(known[INPUT]), -1).astype(float), axis=1)
        for logits in (known, changed)
    )
    return float((np.exp(wanted) * (wanted - got)).sum())


def choose_bits(loss: Table, cost: Table, budget: float) -> dict[str, Width]:
    """Widths with the least sum of losses whose costs fit a budget.

    Parameters
    ----------
    loss, cost : by layer and width
        Widths are those of ``cost``; one without a loss is as good as any.
    budget : float
        In the unit of ``cost``, which adds up over layers.

    Raises
    ------
    FirebrickError
        If not even the cheapest widths fit, or the solver gives up.
    """
    choices = [(name, width) for name in loss for width in cost[name]]
    least = sum(min(cost[name].values()) for name in loss)
    if least > budget:
        raise FirebrickError(f"a memory budget of {budget:g}; the narrowest weights need {least:g}")
    rows = {name: row for row, name in enumerate(loss)}
    ones = np.ones(len(choices))
    which = csr_array((ones, ([rows[name] for name, _ in choices], np.arange(len(choices)))))
    costs = np.array([[cost[name][width] for name, width in choices]])
    losses = np.array([loss[name].get(width, 0.0) for name, width in choices])
    found = solve(
        losses / (losses.max() or 1.0),
        ones,
        [LinearConstraint(which, 1, 1), LinearConstraint(costs, -np.inf, budget)],
        mip_rel_gap=0,
        presolve=False,  # with it a choice in fifty is another one, as good within a thousandth
    )
    if found.x is None:
        raise FirebrickError(f"no widths found for a memory budget of {budget:g}: {found.message}")
    return {name: width for (name, width), x in zip(choices, found.x, strict=True) if x > 0.5}


def weight_memory(graph: FloatGraph, fixed: Mapping[str, Width]) -> dict[str, dict[Width, float]]:
    """Bits that each convolution's weights take, by layer and width.

    The widths are :data:`WIDTHS`; layers in ``fixed`` have only the one given there.
    """
    return {
        op.name: {
            width: float(op.weights.size * width.bits)
            for width in ([fixed[op.name]] if op.name in fixed else WIDTHS)
        }
        for op in graph.ops
        if isinstance(op, FloatConv)
    }
