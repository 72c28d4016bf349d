"""The end of a float network: every network ends in the sum of each class over a map.

A global average and what is linear behind it may change places: the mean of ``W x + b`` over a
map is ``W`` times the mean of x, plus b. So fully connected layers behind a global average become
1x1 convolutions in front of the sum, whose biases stay what they are. A global average that is
not the end is an average pool, and an end without one is a map of one pixel, whose sum is itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from gen.common.errors import FirebrickError, RefusedNode
from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatAveragePool, FloatConv, FloatOp, GlobalSum


def ending_in_sum(graph: FloatGraph, output: str, name: Callable[[], str]) -> FloatGraph:
    """The network without what its output does not need, with one global sum, at its end.

    Parameters
    ----------
    graph : FloatGraph
        Global sums stand for global averages, anywhere.
    output : str
        The tensor of the logits.
    name : callable
        Gives a name for a sum that has to be added.

    Raises
    ------
    FirebrickError
        If the output is a map of several pixels, or a global average in the middle is of one that
        is not square.
    """
    ops = _with_sum_last(_needed(graph.ops, output))
    last = ops[-1]
    if not isinstance(last, GlobalSum):
        height, width, _ = graph.shapes()[last.name]
        if (height, width) != (1, 1):
            raise FirebrickError(not_the_end(last.name, (height, width)))
        ops = [*ops, GlobalSum(name(), (last.name,))]
    shapes = replace(graph, ops=tuple(ops)).shapes()
    middle = [
        average_pool(op, shapes[op.inputs[0]]) if isinstance(op, GlobalSum) else op
        for op in ops[:-1]
    ]
    return replace(graph, ops=(*middle, ops[-1]))


def not_the_end(name: str, size: tuple[int, int]) -> str:
    """Why a network cannot end in a map of several pixels, down and across."""
    pixels = "{}x{}".format(*size)
    return (
        f"ends in {name!r}, a map of {pixels} pixels; a classifier ends in a global average of its "
        "classes, or in a fully connected layer"
    )


def average_pool(op: GlobalSum, shape: tuple[int, int, int]) -> FloatAveragePool:
    """A global average in the middle of a network as a pool.

    Raises
    ------
    FirebrickError
        If its map is not square.
    """
    height, width, _ = shape
    check_square(op.name, shape)
    return FloatAveragePool(op.name, op.inputs, height, width)


def check_square(name: str, shape: tuple[int, int, int]) -> None:
    """Refuse a global average in the middle of a network, of a map that is not square.

    Raises
    ------
    RefusedNode
        If it is not.
    """
    height, width, _ = shape
    if height != width:
        raise RefusedNode(
            name,
            "GlobalAveragePool",
            f"averages a map of {height}x{width} in the middle of the network; square maps are "
            "supported there, others at the end only",
        )


def _needed(ops: Sequence[FloatOp], output: str) -> list[FloatOp]:
    """Ops that an output depends on, itself the last."""
    wanted = {output}
    kept: list[FloatOp] = []
    for op in reversed(ops):
        if op.name in wanted:
            kept.append(op)
            wanted |= set(op.inputs)
    return kept[::-1]


def _with_sum_last(ops: list[FloatOp]) -> list[FloatOp]:
    """Let a global average and all 1x1 convolutions behind it change places, if it ends so."""
    makers = {other.name: other for other in ops}
    readers = [name for other in ops for name in other.inputs]
    tail: list[FloatConv] = []
    op: FloatOp = ops[-1]
    while isinstance(op, FloatConv) and _is_linear(op):
        tail.insert(0, op)
        if op.inputs[0] not in makers:
            return ops
        op = makers[op.inputs[0]]
        if readers.count(op.name) != 1:
            return ops
    if not tail or not isinstance(op, GlobalSum):
        return ops
    moved = {op.name, *(part.name for part in tail)}
    tail[0] = replace(tail[0], inputs=op.inputs)
    before = [other for other in ops if other.name not in moved]
    return [*before, *tail, GlobalSum(op.name, (tail[-1].name,))]


def _is_linear(op: FloatConv) -> bool:
    plain = not op.relu and op.ceiling is None and not any(op.pad)
    return plain and op.weights.shape[1:3] == (1, 1) and op.groups == 1 and op.stride == 1
