"""Whether a float network has the structure of a quantised one that a board is built for.

Layers are compared in order; names are the exporter's, and count for nothing. Codes that a layer
pads with and cuts off at are compared once the scales are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gen.ir.envelope import other_structure
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    INPUT,
    Add,
    Computed,
    Conv,
    FloatConv,
    FloatOp,
    IntegerLayer,
    Requantising,
    Tensor,
)
from gen.quantise.integers import border_codes, clamp

BORDER = 2
"""Codes by which what a layer pads with may differ: only pixels at the border see it."""


def matched(graph: FloatGraph, build: QuantizedNetwork) -> FloatGraph:
    """The same network with the names that a build has for its layers.

    Parameters
    ----------
    graph : FloatGraph
        With its input normalisation folded in.
    build : QuantizedNetwork

    Raises
    ------
    FirebrickError
        Naming the first difference, if it is of another structure, or if the build has codebooks.
    """
    if graph.input_shape != build.input.shape:
        told = f"its input is {_size(graph.input_shape)}, the board's {_size(build.input.shape)}"
        raise other_structure(graph.name, build, told)
    for conv in build.convs:
        if conv.codebook is not None:
            raise other_structure(
                graph.name,
                build,
                f"{conv.name}: the board's has a codebook, which is part of its structure, and no "
                "other weights can be rounded to it yet; build the board without (--weight-bits "
                "without c)",
            )
    names, shapes = {INPUT: INPUT}, graph.shapes()
    ops: list[FloatOp] = []
    for index, (op, like) in enumerate(zip(graph.ops, build.ops, strict=False)):
        named = replace(op, name=like.name, inputs=tuple(names[name] for name in op.inputs))
        where = f"layer {index + 1}, {op.name}"
        for what, own, other in _differences(named, like):
            raise other_structure(graph.name, build, f"{where}: {what} {own}, the board's {other}")
        own_shape, shape = shapes[op.name], build.tensors[like.name].shape
        if own_shape != shape:
            told = f"gives maps of {_size(own_shape)}, the board's of {_size(shape)}"
            raise other_structure(graph.name, build, f"{where}: {told}")
        names[op.name] = like.name
        ops.append(replace(named, inputs=like.inputs))
    if len(graph.ops) != len(build.ops):
        told = f"it has {len(graph.ops)} layers, the board {len(build.ops)}"
        raise other_structure(graph.name, build, told)
    return replace(graph, ops=tuple(ops))


def check_codes(graph: FloatGraph, tensors: Mapping[str, Tensor], build: QuantizedNetwork) -> None:
    """Check that layers pad with the codes that a build's do, and cut off at the same ones.

    Parameters
    ----------
    graph : FloatGraph
        With the build's names.
    tensors : mapping
        With the network's own scales.
    build : QuantizedNetwork

    Raises
    ------
    FirebrickError
        Naming the first layer that does not.
    """
    nonnegative = graph.nonnegative()
    for op in graph.ops:
        like = build.op(op.name)
        if isinstance(op, FloatConv) and isinstance(like, Conv) and any(op.pad):
            _check_border(graph, build, border_codes(op, tensors[op.inputs[0]]), like)
        if not (isinstance(op, Computed) and isinstance(like, Requantising)):
            continue
        tensor = tensors[op.name]
        rectified, own = like.low >= tensor.zero, clamp(op, tensor)[1]
        if rectified and not nonnegative[op.name]:
            raise other_structure(
                graph.name, build, f"{op.name}: has no ReLU, and the board's has one"
            )
        if op.relu and not rectified:
            raise other_structure(
                graph.name, build, f"{op.name}: has a ReLU, and the board's has none"
            )
        if op.ceiling is not None and own != like.high:
            told = f"is cut at {op.ceiling:g}, its code {own}, and the board's at {like.high}"
            raise other_structure(graph.name, build, f"{op.name}: {told}")


def _check_border(
    graph: FloatGraph, build: QuantizedNetwork, own: tuple[int, ...], like: Conv
) -> None:
    """Refuse a layer that pads with other codes than its like."""
    if np.abs(np.subtract(own, like.pad_code)).max() <= BORDER:
        return
    codes = f"{_codes(own)}, and the board's with {_codes(like.pad_code)}"
    told = f"{like.name}: pads with the codes {codes}"
    if INPUT in like.inputs:
        told += (
            ", those of its pixels' mean, which is part of the structure; train with the same mean "
            "(--mean, --preprocess), or without padding in the first layer"
        )
    raise other_structure(graph.name, build, told)


def _differences(op: FloatOp, like: IntegerLayer) -> Iterator[tuple[str, Any, Any]]:
    """What two layers differ in, that of the first and that of the second."""
    outline = op.outline()
    if type(outline) is not type(like):
        yield "is", type(outline).__name__, type(like).__name__
        return
    own, other = _geometry(outline), _geometry(like)
    yield from ((f"has {what}", own[what], other[what]) for what in own if own[what] != other[what])


def _geometry(op: IntegerLayer) -> dict[str, Any]:
    """What a layer is but for its numbers."""
    inputs = sorted(op.inputs) if isinstance(op, Add) else op.inputs
    found: dict[str, Any] = {"inputs": ", ".join(inputs)}
    if isinstance(op, Conv):
        outputs, rows, columns, read = op.weights.shape
        found |= {"a kernel of": (rows, columns), "input channels": read * op.groups}
        found |= {"output channels": outputs, "groups": op.groups}
    names = ("stride", "pad") if isinstance(op, Conv) else ("kernel", "stride", "pad")
    return found | {name: getattr(op, name) for name in names if hasattr(op, name)}


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _codes(codes: tuple[int, ...]) -> str:
    """One number if all are the same."""
    return ", ".join(map(str, codes if len(set(codes)) > 1 else codes[:1]))
