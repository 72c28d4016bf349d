"""Envelopes: how much room a board's hardware has for other weights of the same structure.

What a convolution's hardware is made of, its structure, is its geometry, the widths of weights,
accumulators and biases, the clamp, the shift, and a codebook. Weights, biases and multipliers are
contents. Widths follow from contents unless an envelope says them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import Conv, Op, Tensor
from gen.ir.ops.conv import signed_bits


def with_envelope(network: QuantizedNetwork, margin: int | None = None) -> QuantizedNetwork:
    """A network whose convolutions' contents may be replaced while a board runs.

    Parameters
    ----------
    network : QuantizedNetwork
    margin : int or None
        Bits that accumulators and biases get beyond those that the weights need, where any weights
        would not do with fewer. None gives them what any weights of their width may need; biases
        then are as wide as accumulators, or as these biases need.

    Raises
    ------
    FirebrickError
        If a weight is the most negative code, which hardware with an envelope does not take.
    """
    ops = tuple(
        _enveloped(op, network.tensors[op.inputs[0]], margin) if isinstance(op, Conv) else op
        for op in network.ops
    )
    made = replace(network, ops=ops)
    problems = [
        problem for op in made.convs for problem in op.envelope_problems(made.tensors[op.inputs[0]])
    ]
    if problems:
        raise FirebrickError(
            f"network {network.name!r} cannot be built with contents to be replaced: {problems[0]}"
        )
    return made


def without_envelope(network: QuantizedNetwork) -> QuantizedNetwork:
    """The network with contents that stay, in hardware that suits them."""
    ops = (replace(op, envelope=None) if isinstance(op, Conv) else op for op in network.ops)
    return replace(network, ops=tuple(ops))


def _enveloped(op: Conv, x: Tensor, margin: int | None) -> Conv:
    """A convolution with room for other weights."""
    fixed = replace(op, envelope=None)
    sums, biases, most = fixed.accumulator_bits(x), fixed.bias_bits, _most(op, x)
    if margin is None:
        return replace(op, envelope=(most, max(most, biases)))
    wide = min(sums + margin, most)
    return replace(op, envelope=(wide, max(biases, min(biases + margin, most))))


def _most(op: Conv, x: Tensor) -> int:
    """Bits of the sums of any weights of a width, but for the most negative one."""
    taps, largest = op.weights[0].size, (1 << (op.weight_bits - 1)) - 1
    if op.codebook is not None:
        largest = int(np.abs(op.codebook.astype(np.int64)).max())
    reach = taps * largest * max(x.high, -x.low)
    return signed_bits(-reach, reach)


def in_envelope(build: QuantizedNetwork, network: QuantizedNetwork) -> QuantizedNetwork:
    """A network as a board holds it that was built for another one of the same structure.

    Parameters
    ----------
    build : QuantizedNetwork
        What the board was built for.
    network : QuantizedNetwork

    Raises
    ------
    FirebrickError
        If the board was not built to be updated, or the network is of another structure, or has
        weights that do not fit; naming each layer that does not.
    """
    if not build.updatable:
        raise FirebrickError(
            f"the board is built for {build.name!r} alone; to have other weights, generate it "
            "again with these"
        )
    made = replace(network, ops=tuple(_as_built(build, op) for op in network.ops))
    found = list(_misfits(build, made))
    if not found and made.structure != build.structure:
        found = ["its structure differs"]
    if found:
        raise other_structure(network.name, build, "; ".join(found))
    return made


def other_structure(name: str, build: QuantizedNetwork, told: str) -> FirebrickError:
    """The error of a network that does not fit what a board was built for.

    Parameters
    ----------
    name : str
        The network's.
    build : QuantizedNetwork
    told : str
        Where, and how they differ.
    """
    return FirebrickError(
        f"network {name!r} does not fit a board that is built for {build.name!r}: {told}"
    )


def _as_built(build: QuantizedNetwork, op: Op) -> Op:
    """A convolution with the envelope of its like, if there is one."""
    like = next((other for other in build.ops if other.name == op.name), None)
    if isinstance(op, Conv) and isinstance(like, Conv):
        return replace(op, envelope=like.envelope)
    return op


def _misfits(build: QuantizedNetwork, network: QuantizedNetwork) -> Iterator[str]:
    """What does not fit, layer by layer."""
    names, wanted = [op.name for op in network.ops], [op.name for op in build.ops]
    if names != wanted:
        other = next((n for n in names if n not in wanted), None)
        missing = next((n for n in wanted if n not in names), None)
        yield f"its layers differ: it has {other or names[0]}, the board {missing or wanted[0]}"
        return
    for like, op in zip(build.ops, network.ops, strict=True):
        yield from _differences(like, op)
        shape, signed = (_form(net.tensors[op.name]) for net in (build, network))
        if shape != signed:
            yield f"{op.name}: makes {signed}, the board {shape}"
        if isinstance(op, Conv):
            yield from op.envelope_problems(network.tensors[op.inputs[0]])


def _form(tensor: Tensor) -> str:
    """What hardware sees of a tensor."""
    sign = "signed" if tensor.signed else "unsigned"
    return f"{sign} codes of shape {tensor.shape}, zero {tensor.zero}"


def _differences(like: Op, op: Op) -> Iterator[str]:
    """Fields of a layer that are structure and not the same."""
    if type(like) is not type(op):
        yield f"{op.name}: is a {type(op).__name__}, the board has a {type(like).__name__}"
        return
    ours, theirs = (_structure(layer) for layer in (op, like))
    for item in fields(op):
        mine, other = ours[item.name], theirs[item.name]
        if not np.array_equal(mine, other):
            told = "" if isinstance(mine, np.ndarray) else f": {mine}, the board {other}"
            yield f"{op.name}: its {item.name} differs{told}"


def _structure(op: Op) -> dict[str, Any]:
    """Fields of a layer by name, without contents; of arrays of these, the shape."""
    if not isinstance(op, Conv):
        return {item.name: getattr(op, item.name) for item in fields(op)}
    bare = op.without_contents()
    weights = op.weights if op.envelope is None else op.weights.shape
    found = {item.name: getattr(bare, item.name) for item in fields(bare)}
    return found | {"weights": weights, "weight_scale": None}
