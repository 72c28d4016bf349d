"""Whether a quantised network's parts fit together, and stay inside the numerics contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import BOARD, INPUT, GlobalSum
from gen.ir.preprocessing import CHANNELS

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
        yield from op.form_problems()
        shapes = [network.tensors[name].shape for name in op.inputs]
        expected = op.output_shape(shapes)
        if network.tensors[op.name].shape != expected:
            yield f"{op.name}: shape {network.tensors[op.name].shape}, expected {expected}"
        if not op.match(shapes):
            yield f"{op.name}: joins {' and '.join(op.inputs)}, whose shapes {shapes} do not match"
        inputs = [network.tensors[name] for name in op.inputs]
        yield from op.problems(inputs, network.tensors[op.name])
    if not isinstance(network.ops[-1], GlobalSum):
        yield f"ends in {network.ops[-1].name}, not in a global sum"
    if len(network.labels) != network.output.shape[2]:
        yield f"{len(network.labels)} labels for {network.output.shape[2]} classes"
    if network.activations is not None:
        yield from network.activations.problems(network.tensors, network.output.name)


_OPTIONAL = " | None"


def _mistyped(part: Any) -> Iterator[str]:
    """Fields that do not hold what their annotations say; files may say anything."""
    for item in fields(part):
        name, value = str(item.type), getattr(part, item.name)
        if name.endswith(_OPTIONAL):
            if value is None:
                continue
            name = name.removesuffix(_OPTIONAL)
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


def _is_table(codes: Any) -> bool:
    """Whether it has a code for each value of a pixel."""
    return len(codes) == 256 and all(isinstance(c, int) and 0 <= c < 256 for c in codes)


def _tensor_problems(network: QuantizedNetwork) -> Iterator[str]:
    for key, tensor in network.tensors.items():
        if tensor.name != key:
            yield f"tensor {tensor.name}: is held under another name, {key!r}"
        if min(tensor.shape) < 1 or not 1 <= tensor.bits <= 64:
            yield f"tensor {tensor.name}: shape {tensor.shape} or {tensor.bits} bits out of range"
        if not 0 < tensor.scale < np.inf:
            yield f"tensor {tensor.name}: scale {tensor.scale} is not a positive number"
        if not tensor.low <= tensor.zero <= tensor.high:
            yield f"tensor {tensor.name}: its zero {tensor.zero} is none of its codes"
    if (network.input.bits, network.input.signed) != (8, False):
        yield "tensor input: pixels must have 8 bits without a sign"
    if network.input.shape[-1] not in CHANNELS:
        yield f"tensor input: {network.input.shape[-1]} channels; pixels have 1, 3 or 4"
    crop, resize = network.preprocessing.crop, network.preprocessing.resize
    if (*crop, network.preprocessing.channels) != network.input.shape or resize < 1:
        yield f"preprocessing crops to {crop}, but the input is {network.input.shape}"
    tables = network.preprocessing.tables
    if tables and not (len(tables) == network.input.shape[2] and all(map(_is_table, tables))):
        yield "preprocessing needs a table of 256 codes, 0 to 255, for each channel, or none"
    texts = (network.name, *network.labels, *network.source, *network.source.values())
    if not all(isinstance(text, str) for text in texts):
        yield "its name, labels and source notes must be text"
