"""Scales of tensors: those that suit what calibration saw, free, or as far as a build leaves them.

What passes values on as they are has one scale for its inputs and its output. In a build, so have
sums of maps and average pools, as ratios: their multipliers are part of the hardware.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Computed, FloatConv, FloatOp, Requantising, Tensor
from gen.quantise.calibrate import CANDIDATES, Histogram, Statistics
from gen.quantise.integers import clamp
from gen.quantise.matching import check_codes


def free_scales(graph: FloatGraph, statistics: Statistics) -> dict[str, Tensor]:
    """Every tensor with its scale; what a pool or a concat joins has one scale together.

    Parameters
    ----------
    graph : FloatGraph
    statistics : Statistics
        Of its tensors.
    """
    group = _groups(graph, lambda op: op.passes)
    nonnegative = graph.nonnegative()
    scales: dict[str, tuple[float, bool]] = {group[INPUT]: (1.0, False)}
    for key, names in _members(group, statistics.histograms).items():
        signed = not all(nonnegative[name] for name in names)
        histogram = statistics.histograms[names[0]]
        for name in names[1:]:
            histogram.merge(statistics.histograms[name])
        scales[key] = (histogram.best_scale(127 if signed else 255), signed)
    shapes = graph.shapes()
    tensors = {}
    for name in (INPUT, *(op.name for op in graph.ops[:-1])):
        scale, signed = scales[group[name]]
        tensors[name] = Tensor(name, shapes[name], scale, signed)
    last = graph.ops[-1]
    height, width, _ = shapes[last.inputs[0]]
    scale = tensors[last.inputs[0]].scale / (height * width)
    tensors[last.name] = Tensor(last.name, shapes[last.name], scale, signed=True, bits=32)
    return tensors


def scales_as_built(
    graph: FloatGraph, statistics: Statistics, build: QuantizedNetwork
) -> dict[str, Tensor]:
    """The tensors of a build, with scales that suit another network.

    Only convolutions can bring values to any scale. All tensors between them keep the ratios that
    the build's have, and where a ceiling cuts, it is at the build's code.

    Parameters
    ----------
    graph : FloatGraph
        With the build's names, see :func:`gen.quantise.matching.matched`.
    statistics : Statistics
        Of its tensors.
    build : QuantizedNetwork

    Raises
    ------
    FirebrickError
        If a layer pads with other codes than the build's, or cuts off at other ones.
    """
    group = _groups(graph, lambda op: not isinstance(op, FloatConv))
    ceilings = {
        op.name: op for op in graph.ops if isinstance(op, Computed) and op.ceiling is not None
    }
    cut = _members(group, ceilings)
    factors: dict[str, float] = {}
    for key, names in _members(group, statistics.histograms).items():
        best = _best_factor(build, {name: statistics.histograms[name] for name in names})
        factors[key] = _with_ceilings(best, build, [ceilings[name] for name in cut.get(key, ())])
    factors[group[INPUT]] = 1 / build.input.scale
    tensors = {
        name: replace(tensor, scale=tensor.scale * factors[group[name]])
        for name, tensor in build.tensors.items()
    }
    check_codes(graph, tensors, build)
    return tensors


def _groups(graph: FloatGraph, joins: Callable[[FloatOp], bool]) -> dict[str, str]:
    """By tensor, one of those whose scales go together, always the same one.

    Those are inputs and outputs of the ops that join them.
    """
    group = {INPUT: INPUT} | {op.name: op.name for op in graph.ops}

    def root(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for op in graph.ops:
        if joins(op):
            for name in op.inputs:
                group[root(name)] = root(op.name)
    return {name: root(name) for name in group}


def _members(group: Mapping[str, str], names: Iterable[str]) -> dict[str, list[str]]:
    """The tensors of each group, those of ``names`` only."""
    members: dict[str, list[str]] = {}
    for name in names:
        members.setdefault(group[name], []).append(name)
    return members


def _best_factor(build: QuantizedNetwork, seen: Mapping[str, Histogram]) -> float:
    """What the scales of some tensors are multiplied by so that their codes are nearest."""
    levels = {name: _levels(build, name) for name in seen}
    scales = {name: build.tensors[name].scale for name in seen}
    limit = max(one.limit / (levels[name] * scales[name]) for name, one in seen.items())
    if not limit:
        return 1.0
    factors = CANDIDATES * limit
    errors = sum(
        one.errors(factors * scales[name], levels[name]) / scales[name] ** 2
        for name, one in seen.items()
    )
    return float(factors[int(np.argmin(errors))])


def _levels(build: QuantizedNetwork, name: str) -> int:
    """Codes that magnitudes have in a build's tensor."""
    op, zero = _layer(build, name), build.tensors[name].zero
    return max(op.high - zero, zero - op.low - 1, 1)


def _with_ceilings(factor: float, build: QuantizedNetwork, ops: Sequence[Computed]) -> float:
    """The factor of scales that brings ceilings to the build's codes: 1 if they are there already.

    Where the build cuts at the tensor's last code, they may be above that.
    """
    for op in ops:
        tensor, high = build.tensors[op.name], _layer(build, op.name).high
        assert op.ceiling is not None
        exact = op.ceiling / (max(high - tensor.zero, 1) * tensor.scale)
        if high < tensor.high:
            return 1.0 if clamp(op, tensor)[1] == high else exact
        factor = min(factor, exact)
    return factor


def _layer(build: QuantizedNetwork, name: str) -> Requantising:
    """A layer of a build that computes."""
    op = build.op(name)
    assert isinstance(op, Requantising)
    return op
