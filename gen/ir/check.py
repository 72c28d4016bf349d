"""Whether a quantised network's parts fit together, and stay inside the numerics contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    BOARD,
    INPUT,
    Add,
    AveragePool,
    Concat,
    Conv,
    GlobalSum,
    MaxPool,
    Op,
    Tensor,
    output_shape,
)

_TYPES: dict[str, Any] = {"int": Integral, "float": Real, "bool": bool, "str": str}


def check(network: QuantizedNetwork) -> None:
    """Check that the network's parts fit together and stay inside the numerics contract.

    Raises
    ------
    FirebrickError
        Naming the op and what is wrong with it.
    """
    for problem in _problems(network):
        raise FirebrickError(f"network {network.name!r}: {problem}")


def _problems(network: QuantizedNetwork) -> Iterator[str]:
    if INPUT not in network.tensors or not network.ops:
        yield "no input tensor or no ops"
    for part in (*network.tensors.values(), *network.ops, network.preprocessing):
        yield from _mistyped(part)
    yield from _tensor_problems(network)
    known = {INPUT}
    for op in network.ops:
        missing = [name for name in op.inputs if name not in known]
        if missing or op.name in known or op.name not in network.tensors:
            yield f"{op.name}: reads {missing or op.inputs} or writes a tensor out of order"
        if op.name == BOARD:
            yield f"{op.name}: this name is the board's own; rename the layer"
        known.add(op.name)
        yield from _form_problems(op)
        shapes = [network.tensors[name].shape for name in op.inputs]
        expected = output_shape(op, shapes)
        if network.tensors[op.name].shape != expected:
            yield f"{op.name}: shape {network.tensors[op.name].shape}, expected {expected}"
        maps = {shape[:2] if isinstance(op, Concat) else shape for shape in shapes}
        if len(maps) > 1:
            yield f"{op.name}: joins {' and '.join(op.inputs)}, whose shapes {shapes} do not match"
        yield from _op_problems(
            op, [network.tensors[n] for n in op.inputs], network.tensors[op.name]
        )
    if not isinstance(network.ops[-1], GlobalSum):
        yield f"ends in {network.ops[-1].name}, not in a global sum"
    if len(network.labels) != network.output.shape[2]:
        yield f"{len(network.labels)} labels for {network.output.shape[2]} classes"


def _mistyped(part: Any) -> Iterator[str]:
    """Fields that do not hold what their annotations say; files may say anything."""
    for item in fields(part):
        name, value = str(item.type), getattr(part, item.name)
        kinds = name.removeprefix("tuple[").removesuffix("]").split(", ")
        if kinds[0] not in _TYPES:
            continue
        values = value if name.startswith("tuple") else (value,)
        fits = isinstance(values, tuple) and all(
            isinstance(v, _TYPES[kinds[0]]) and isinstance(v, bool) == (kinds[0] == "bool")
            for v in values
        )
        if not fits or (kinds[-1] != "..." and len(values) != len(kinds)):
            yield f"{getattr(part, 'name', 'preprocessing')}: {item.name} is {value!r}, not {name}"


def _tensor_problems(network: QuantizedNetwork) -> Iterator[str]:
    for key, tensor in network.tensors.items():
        if tensor.name != key:
            yield f"tensor {tensor.name}: is held under another name, {key!r}"
        if min(tensor.shape) < 1 or not 1 <= tensor.bits <= 64:
            yield f"tensor {tensor.name}: shape {tensor.shape} or {tensor.bits} bits out of range"
        if not 0 < tensor.scale < np.inf:
            yield f"tensor {tensor.name}: scale {tensor.scale} is not a positive number"
    if (network.input.bits, network.input.signed) != (8, False):
        yield "tensor input: pixels must have 8 bits without a sign"
    crop, resize = network.preprocessing.crop, network.preprocessing.resize
    if crop != network.input.shape[:2] or resize < 1:
        yield f"preprocessing crops to {crop}, but the input is {network.input.shape}"
    texts = (network.name, *network.labels, *network.source, *network.source.values())
    if not all(isinstance(text, str) for text in texts):
        yield "its name, labels and source notes must be text"


def _form_problems(op: Op) -> Iterator[str]:
    """What keeps an op from having an output at all."""
    if not op.inputs or (len(op.inputs) > 1 and not isinstance(op, Add | Concat)):
        yield f"{op.name}: cannot read {len(op.inputs)} tensors"
    if isinstance(op, Conv) and not _is_array(op.weights, np.int8, 4):
        yield f"{op.name}: weights must be int8 of shape (Cout, KH, KW, Cin / groups)"
    if not isinstance(op, Conv | MaxPool | AveragePool):
        return
    sides = op.kernel_size if isinstance(op, Conv) else (op.kernel,)
    if min(*sides, op.stride) < 1:
        kernel = "x".join(map(str, dict.fromkeys(sides)))
        yield f"{op.name}: kernel {kernel} or stride {op.stride} is not at least 1"
    if min(op.pad) < 0:
        yield f"{op.name}: padding {op.pad} is negative"
    if isinstance(op, MaxPool | AveragePool) and max(op.pad) >= op.kernel:
        yield f"{op.name}: padding {op.pad} is not below its kernel's {op.kernel} pixels"
    if isinstance(op, MaxPool) and op.ceil and any(op.pad):
        yield f"{op.name}: pads {op.pad} in ceil mode; pad more at the bottom and right instead"
    if isinstance(op, MaxPool) and op.ceil and op.kernel < op.stride:
        yield f"{op.name}: kernel {op.kernel} at stride {op.stride} may miss the map in ceil mode"


def _is_array(value: Any, dtype: Any, dimensions: int) -> bool:
    return isinstance(value, np.ndarray) and (value.dtype, value.ndim) == (dtype, dimensions)


def _op_problems(op: Op, inputs: list[Tensor], y: Tensor) -> Iterator[str]:
    """What makes an op's codes mean something else than its tensors say."""
    if isinstance(op, Conv):
        yield from _conv_problems(op, inputs[0])
    if isinstance(op, Add) and (
        len(inputs) != 2 or not all(0 <= factor < 1 << 16 for factor in op.multiplier)
    ):
        yield f"{op.name}: needs two inputs, with 16-bit multipliers, not {op.multiplier}"
    if isinstance(op, AveragePool) and not 0 <= op.multiplier < 1 << 16:
        yield f"{op.name}: needs a 16-bit multiplier, not {op.multiplier}"
    if isinstance(op, Conv | Add | AveragePool) and not (
        1 <= op.shift <= 47 and y.low <= op.low <= op.high <= y.high
    ):
        yield (
            f"{op.name}: shift {op.shift} or clamp {op.low}..{op.high} out of range for codes of "
            f"{y.low}..{y.high}"
        )
    if isinstance(op, MaxPool | Concat):
        kinds = sorted({(x.scale, x.signed) for x in (*inputs, y)})
        if len(kinds) != 1:
            yield f"{op.name}: joins tensors of different scales or signs {kinds}"
    if isinstance(op, GlobalSum):
        pixels = inputs[0].shape[0] * inputs[0].shape[1]
        if inputs[0].low * pixels < y.low or inputs[0].high * pixels > y.high:
            yield f"{op.name}: sums of {pixels} pixels do not fit codes of {y.low}..{y.high}"
    for tensor in inputs if isinstance(op, GlobalSum) else (*inputs, y):
        if tensor.bits != 8:
            yield f"{op.name}: activation {tensor.name} must have 8 bits, not {tensor.bits}"


def _conv_problems(op: Conv, x: Tensor) -> Iterator[str]:
    cout, _, _, read = op.weights.shape
    cin = x.shape[2]
    if op.groups != 1 and not op.groups == cin == cout:
        yield f"{op.name}: {op.groups} groups for {cin} channels to {cout}; only 1 or all of both"
    if read * op.groups != cin:
        grouped = f" in {op.groups} groups" if op.groups != 1 else ""
        yield f"{op.name}: weights {op.weights.shape}{grouped} do not fit input {x.shape}"
    if not 2 <= op.weight_bits <= 8:
        yield f"{op.name}: weight_bits {op.weight_bits} is not 2 to 8"
    limit = 1 << (op.weight_bits - 1)
    if op.weights.min() < -limit or op.weights.max() >= limit:
        yield f"{op.name}: weight codes exceed {op.weight_bits} bits"
    if op.codebook is not None:
        yield from _codebook_problems(op, op.codebook)
    kinds = {"bias": np.int32, "multiplier": np.uint16, "weight_scale": np.float64}
    for name, dtype in kinds.items():
        array = getattr(op, name)
        if not _is_array(array, dtype, 1) or array.shape != (cout,):
            yield f"{op.name}: {name} must be {np.dtype(dtype)} of shape ({cout},)"
    if not ((op.weight_scale >= 0) & (op.weight_scale < np.inf)).all():
        yield f"{op.name}: weight_scale holds something other than numbers from 0 up"
    if len(op.pad_code) != cin or any(not x.low <= code <= x.high for code in op.pad_code):
        yield f"{op.name}: pad_code must hold {cin} codes of the input tensor"


def _codebook_problems(op: Conv, codebook: np.ndarray) -> Iterator[str]:
    """A codebook that codes and multiplier cannot use, or weights that are not in it."""
    if not _is_array(codebook, np.int8, 1):
        yield f"{op.name}: codebook must be a one-dimensional int8 array"
        return
    if codebook.size not in {1 << bits for bits in range(2, op.weight_bits + 1)}:
        yield (
            f"{op.name}: codebook of {codebook.size} levels, not a power of two from 4 to "
            f"2**weight_bits = {1 << op.weight_bits}"
        )
    low, high = int(codebook.min()), int(codebook.max())
    limit = 1 << (op.weight_bits - 1)
    if (codebook[1:] < codebook[:-1]).any() or low < -limit or high >= limit:
        yield f"{op.name}: codebook levels must ascend within {op.weight_bits} bits"
    elif not np.isin(op.weights, codebook).all():
        yield f"{op.name}: weights that are not in its codebook"
