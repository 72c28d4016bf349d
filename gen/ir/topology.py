"""A network as the chain of stages that the hardware is built from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.graph import FloatAdd, FloatAveragePool, FloatConv, FloatGraph, FloatOp
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, AveragePool, Concat, Conv, GlobalSum, MaxPool, Op


@dataclass(frozen=True)
class FireStage:
    """A Fire module: ``squeeze``, both expand branches, ``concat``, and perhaps a bypass."""

    squeeze: Conv
    one: Conv
    three: Conv
    concat: Concat
    add: Add | None = None

    @property
    def name(self) -> str:
        """The tensor that the module produces."""
        return self.add.name if self.add else self.concat.name

    @property
    def bypass_first(self) -> bool:
        """The adder's first operand is the module's input."""
        return self.add is not None and self.add.inputs[0] != self.concat.name


Stage = Conv | MaxPool | GlobalSum | FireStage


def stages(network: QuantizedNetwork) -> tuple[Stage, ...]:
    """Cut a network into its stages, in the order in which a frame passes them.

    Raises
    ------
    FirebrickError
        If the network is no chain of convolutions, pools and Fire modules, or holds an op that no
        hardware computes yet; it names op and operator, or tensor and readers.
    """
    return _Layers(network.name, network.ops).stages()


def check_stages(graph: FloatGraph) -> None:
    """Check that a float network has stages once it is quantised.

    Raises
    ------
    FirebrickError
        As :func:`stages` does.
    """
    _Layers(graph.name, tuple(map(_outline, graph.ops))).stages()


def _outline(op: FloatOp) -> Op:
    """The quantised op, as far as it is known before its integers are."""
    if isinstance(op, FloatAdd):
        return Add(op.name, op.inputs, multiplier=(1, 1), shift=1, low=0, high=255)
    if isinstance(op, FloatAveragePool):
        return AveragePool(op.name, op.inputs, op.kernel, op.stride, 1, 1, 0, 255, op.pad)
    if not isinstance(op, FloatConv):
        return op
    channels = np.ones(op.weights.shape[0])
    return Conv(
        name=op.name,
        inputs=op.inputs,
        weights=np.zeros(op.weights.shape, np.int8),
        weight_bits=8,
        weight_scale=channels,
        bias=channels.astype(np.int32),
        multiplier=channels.astype(np.uint16),
        shift=1,
        low=0,
        high=255,
        stride=op.stride,
        pad=op.pad,
        groups=op.groups,
    )


def _lacking(op: Op) -> str | None:
    """What of an op has no hardware yet, and what has."""
    if isinstance(op, AveragePool):
        return "average pools have none; a global average at the end has"
    if isinstance(op, MaxPool) and any(op.pad):
        return f"padding {op.pad} of a pool has none; ceil mode has"
    if isinstance(op, MaxPool) and op.kernel not in (op.stride, op.stride + 1):
        return (
            f"kernel {op.kernel} at stride {op.stride} has none; a kernel of the stride or one "
            "more has"
        )
    if isinstance(op, Conv) and op.groups != 1:
        return f"{op.groups} groups (depthwise) have none; one group has"
    if isinstance(op, Conv) and op.kernel_size[0] != op.kernel_size[1]:
        return "a kernel of {}x{} has none; square ones have".format(*op.kernel_size)
    return None


@dataclass(frozen=True)
class _Layers:
    """A network's name, for people, and its ops."""

    name: str
    ops: tuple[Op, ...]

    def consumers(self, tensor: str) -> tuple[Op, ...]:
        return tuple(op for op in self.ops if tensor in op.inputs)

    def stages(self) -> tuple[Stage, ...]:
        for op in self.ops:
            lacking = _lacking(op)
            if lacking is not None:
                raise FirebrickError(
                    f"network {self.name!r}: {op.name!r} ({type(op).__name__}) has no hardware "
                    f"yet: {lacking}; the golden model runs it, and `export` writes it"
                )
        found: list[Stage] = []
        cursor = INPUT
        while self.consumers(cursor):
            stage = _stage(self, cursor)
            found.append(stage)
            cursor = stage.name
        used = sum(
            5 if isinstance(s, FireStage) and s.add else 4 if isinstance(s, FireStage) else 1
            for s in found
        )
        if used != len(self.ops) or not isinstance(found[-1], GlobalSum):
            kind = next((type(op).__name__ for op in self.ops if op.name == cursor), "pixels")
            raise FirebrickError(
                f"network {self.name!r}: after {cursor!r} ({kind}) the layers form no chain that "
                "ends in a global pool; firebrick builds SqueezeNet-family networks"
            )
        return tuple(found)


def _stage(network: _Layers, cursor: str) -> Stage:
    readers = network.consumers(cursor)
    add = next((op for op in readers if isinstance(op, Add)), None)
    first = next(op for op in readers if op is not add) if len(readers) > (add is not None) else add
    if isinstance(first, MaxPool | GlobalSum) and len(readers) == 1:
        return first
    if isinstance(first, Conv) and len(readers) <= 2:
        fire = _fire(network, first, add)
        if fire:
            return fire
        if len(readers) == 1:
            return first
    names = ", ".join(f"{op.name} ({type(op).__name__})" for op in readers)
    raise FirebrickError(
        f"network {network.name!r}: tensor {cursor!r} is read by {names}, which is neither one "
        "layer nor a Fire module with a simple bypass"
    )


def _fire(network: _Layers, squeeze: Conv, add: Add | None) -> FireStage | None:
    branches = network.consumers(squeeze.name)
    if len(branches) != 2 or not all(isinstance(op, Conv) for op in branches):
        return None
    one, three = sorted((op for op in branches if isinstance(op, Conv)), key=lambda op: op.kernel)
    joined = network.consumers(one.name)
    if len(joined) != 1 or not isinstance(joined[0], Concat):
        return None
    concat = joined[0]
    if concat.inputs != (one.name, three.name):
        raise FirebrickError(
            f"network {network.name!r}: {concat.name!r} concatenates {', '.join(concat.inputs)}; "
            f"a Fire module concatenates {one.name}, {three.name}, in this order"
        )
    margin = (three.kernel // 2,) * 4
    if one.kernel != 1 or one.stride != 1 or three.stride != 1 or three.pad != margin:
        raise FirebrickError(
            f"network {network.name!r}: {one.name} and {three.name} are not the 1x1 and the "
            "padded odd KxK convolution of stride 1 that a Fire module expands with"
        )
    if add is not None and concat.name not in add.inputs:
        return None
    return FireStage(squeeze, one, three, concat, add)
