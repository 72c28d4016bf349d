"""The quantised network: integers, scales, labels and preprocessing, in one file.

This is the only thing that the golden model, the planner, the hardware generator and the host
share. Every number that the hardware computes with is an integer held here; the float scales are
for people and for the host's softmax.

Numerics (all exact, two's complement)
--------------------------------------
- Activations are 8-bit codes, unsigned behind a ReLU, signed otherwise; real value = code * scale.
  Networks from quantised files may have other codes of zero; then it is (code - zero) * scale.
- Weights are signed integers of ``weight_bits`` bits with one scale an output channel. A layer may
  have a codebook: then it stores codes of ``code_bits`` bits that stand for levels of its weights.
- Requantise: ``y = clamp(((acc + bias[c]) * multiplier[c] + 2**(shift-1)) >> shift, low, high)``.
- An average pool requantises the sum of each window, like a convolution without weights.
- Layout is HWC for tensors and O, KH, KW, I for weights.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from typing import Any, get_args

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.activations import Activations
from gen.ir.ops import INPUT, Conv, Op, Tensor
from gen.ir.preprocessing import Preprocessing

FORMAT_VERSION = 6
"""Of files with what formats before it cannot say: see :func:`_format`."""

_KINDS: dict[str, Any] = {kind.__name__: kind for kind in get_args(Op)}


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A whole network in integers.

    Attributes
    ----------
    name : str
    ops : tuple of Op
        In topological order; the last one is a GlobalSum.
    tensors : dict
        Every tensor by name, ``"input"`` included.
    labels : tuple of str
        Class names, in the order of the class sums.
    preprocessing : Preprocessing
    source : dict
        Where the network came from and how it was quantised, for people.
    activations : Activations or None
        What its tensors held for some frames, for people too; None if nobody has looked.
    """

    name: str
    ops: tuple[Op, ...]
    tensors: dict[str, Tensor]
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    source: dict[str, str] = field(default_factory=dict)
    activations: Activations | None = None

    @property
    def input(self) -> Tensor:
        """The tensor of raw pixels."""
        return self.tensors[INPUT]

    @property
    def output(self) -> Tensor:
        """The tensor of class sums, shape (1, 1, classes)."""
        return self.tensors[self.ops[-1].name]

    @property
    def convs(self) -> tuple[Conv, ...]:
        """The convolutions, in order."""
        return tuple(op for op in self.ops if isinstance(op, Conv))

    @property
    def weight_count(self) -> int:
        """Number of weights, biases not counted."""
        return sum(op.weights.size for op in self.convs)

    @property
    def weight_bit_count(self) -> int:
        """Bits that the weights take as they are stored: codes where a layer has a codebook."""
        return sum(op.weights.size * op.code_bits for op in self.convs)

    @property
    def macs(self) -> int:
        """Multiply-accumulates a frame."""
        total = 0
        for op in self.convs:
            height, width, _ = self.tensors[op.name].shape
            total += height * width * op.weights.size
        return total

    def consumers(self, name: str) -> tuple[Op, ...]:
        """The ops that read tensor ``name``."""
        return tuple(op for op in self.ops if name in op.inputs)

    def op(self, name: str) -> Op:
        """The op that produces tensor ``name``.

        Raises
        ------
        KeyError
            If none does.
        """
        for op in self.ops:
            if op.name == name:
                return op
        raise KeyError(name)

    @property
    def updatable(self) -> bool:
        """Whether a board may get other weights while it runs."""
        return any(op.envelope is not None for op in self.convs)

    @cached_property
    def structure(self) -> bytes:
        """First 8 bytes of the SHA-256 of what hardware there is, but for what it may be given.

        Networks of one structure differ in weights, biases and multipliers of convolutions with an
        envelope, and in what hosts alone go by: scales, labels, how photographs become frames.
        """
        ops = tuple(op.without_contents() if isinstance(op, Conv) else op for op in self.ops)
        header, arrays = flatten(replace(self, ops=ops))
        hardware = {
            "ops": header["ops"],
            "tensors": [entry | {"scale": 1} for entry in header["tensors"]],
        }
        return _digest(hardware, {k: v for k, v in arrays.items() if not k.endswith("_scale")})

    @cached_property
    def digest(self) -> bytes:
        """First 8 bytes of the SHA-256 of everything that decides the class sums."""
        return _digest(*flatten(replace(self, name="", labels=(), source={})))


def _digest(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """First 8 bytes of the SHA-256 of plain data and arrays."""
    digest = hashlib.sha256()
    digest.update(json.dumps(header, sort_keys=True).encode())
    for key in sorted(arrays):
        digest.update(key.encode())
        digest.update(np.ascontiguousarray(arrays[key]).tobytes())
    return digest.digest()[:8]


def flatten(network: QuantizedNetwork) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A network as plain data for JSON and arrays by layer and field, for files.

    What was measured of its activations is not among it.

    Returns
    -------
    header : dict
    arrays : dict of array
        By ``LAYER.FIELD``, where slashes in the layer's name are ``__``.

    Raises
    ------
    FirebrickError
        If two layers' names differ in slashes and underscores only.
    """
    arrays: dict[str, np.ndarray] = {}
    ops = []
    for op in network.ops:
        entry: dict[str, Any] = {"kind": type(op).__name__}
        for item in fields(op):
            value = getattr(op, item.name)
            if isinstance(value, np.ndarray):
                key = f"{op.name.replace('/', '__')}.{item.name}"
                if key in arrays:
                    raise FirebrickError(
                        f"network {network.name!r}: {op.name!r} and another layer differ only in "
                        "slashes and underscores; rename one"
                    )
                arrays[key] = value
            elif value is not None and value != op.left_out.get(item.name):
                entry[item.name] = value
        ops.append(entry)
    header = {
        "format": _format(network),
        "name": network.name,
        "ops": ops,
        "tensors": [_tensor(t) for t in network.tensors.values()],
        "labels": list(network.labels),
        "preprocessing": _preprocessing(network.preprocessing),
        "source": network.source,
    }
    return header, arrays


def _tensor(tensor: Tensor) -> dict[str, Any]:
    """As data, without what older formats do not know where nothing is lost by it."""
    entry = asdict(tensor)
    if not tensor.zero:
        del entry["zero"]
    return entry


def _preprocessing(preprocessing: Preprocessing) -> dict[str, Any]:
    """As data, without what the input says, and what older formats do not know if that is usual."""
    entry = asdict(preprocessing)
    del entry["channels"]
    for name, value in (("stretch", False), ("tables", ())):
        if entry[name] == value:
            del entry[name]
    return entry


def _format(network: QuantizedNetwork) -> int:
    """The oldest format that can say a network.

    Format 2 brought codebooks; format 3 average pools, padding of max pools, groups, and kernels
    that are not square; format 4 stretched pictures, and inputs that are not RGB; format 5 other
    codes of zero than 0, and tables of codes; format 6 envelopes.
    """
    if network.updatable:
        return 6
    if network.preprocessing.tables or any(t.zero for t in network.tensors.values()):
        return 5
    if network.preprocessing.stretch or network.preprocessing.channels != 3:
        return 4
    return max(op.format for op in network.ops)


def unflatten(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> QuantizedNetwork:
    """The network of :func:`flatten`; whatever is wrong raises as it happens to."""
    ops: list[Op] = []
    for entry in header["ops"]:
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in entry.items()
        }
        kind = _KINDS[values.pop("kind")]
        for item in fields(kind):
            key = f"{values['name'].replace('/', '__')}.{item.name}"
            if key in arrays:
                values[item.name] = arrays[key]
        ops.append(kind(**values))
    tensors = {t["name"]: Tensor(**{**t, "shape": tuple(t["shape"])}) for t in header["tensors"]}
    given = header["preprocessing"]
    tables = tuple(tuple(row) for row in given.get("tables", ()))
    preprocessing = Preprocessing(
        **{**given, "crop": tuple(given["crop"]), "tables": tables},
        channels=tensors[INPUT].shape[2],
    )
    return QuantizedNetwork(
        name=header["name"],
        ops=tuple(ops),
        tensors=tensors,
        labels=tuple(header["labels"]),
        preprocessing=preprocessing,
        source=dict(header["source"]),
    )
