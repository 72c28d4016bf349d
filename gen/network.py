"""The quantised network: integers, scales, labels and preprocessing, in one file.

This is the only thing that the golden model, the planner, the hardware generator and the host
share. Every number that the hardware computes with is an integer held here; the float scales are
for people and for the host's softmax.

Numerics (all exact, two's complement)
--------------------------------------
- Activations are 8-bit codes, unsigned behind a ReLU, signed otherwise; real value = code * scale.
- Weights are signed codes of ``weight_bits`` bits with one scale an output channel.
- Requantise: ``y = clamp(((acc + bias[c]) * multiplier[c] + 2**(shift-1)) >> shift, low, high)``.
- Layout is HWC for tensors and O, K, K, I for weights.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from gen.errors import FirebrickError

FORMAT_VERSION = 1
INPUT = "input"
"""Name of the tensor of raw pixels."""


@dataclass(frozen=True)
class Tensor:
    """An activation tensor: ``shape`` is (height, width, channels), real value = code * scale."""

    name: str
    shape: tuple[int, int, int]
    scale: float
    signed: bool = False
    bits: int = 8

    @property
    def low(self) -> int:
        """Smallest code."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest code."""
        return (1 << (self.bits - self.signed)) - 1


@dataclass(frozen=True, eq=False)
class Conv:
    """A convolution with bias and requantisation; its ReLU, if any, is the clamp.

    Attributes
    ----------
    name : str
        Also the name of the tensor it produces.
    inputs : tuple of str
        One tensor.
    weights : int8 array (Cout, K, K, Cin)
    weight_bits : int
        2 to 8; codes are in [-2**(bits-1), 2**(bits-1) - 1].
    weight_scale : float64 array (Cout,)
    bias : int32 array (Cout,)
        In units of input scale * weight scale.
    multiplier : uint16 array (Cout,)
    shift : int
        1 to 47.
    low, high : int
        The clamp.
    stride : int
    pad : tuple of int
        Top, left, bottom, right, in pixels.
    pad_code : tuple of int
        Code of a padding pixel, one a channel (zeros but in a first layer that pads: the mean).
    """

    name: str
    inputs: tuple[str, ...]
    weights: np.ndarray
    weight_bits: int
    weight_scale: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    shift: int
    low: int
    high: int
    stride: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    pad_code: tuple[int, ...] = ()

    @property
    def kernel(self) -> int:
        """Side of the square kernel."""
        return int(self.weights.shape[1])

    @property
    def channels(self) -> int:
        """Output channels."""
        return int(self.weights.shape[0])

    def accumulator_bounds(self, x: Tensor) -> tuple[int, int]:
        """Smallest and largest value any partial sum of weight * activation can take.

        The worst case over all inputs that tensor ``x`` can hold, for the weights as they are;
        the bias is not included.
        """
        w = self.weights.reshape(self.channels, -1).astype(np.int64)
        positive = np.where(w > 0, w, 0).sum(axis=1)
        negative = np.where(w < 0, w, 0).sum(axis=1)
        high = positive * x.high + negative * x.low
        low = negative * x.high + positive * x.low
        return int(min(low.min(), 0)), int(max(high.max(), 0))


@dataclass(frozen=True)
class MaxPool:
    """Max pooling without padding.

    With ``ceil``, windows that reach past the bottom or right edge are cut there; without, they
    are left out.
    """

    name: str
    inputs: tuple[str, ...]
    kernel: int
    stride: int
    ceil: bool = False


@dataclass(frozen=True)
class Concat:
    """Concatenation along channels of tensors that share one scale."""

    name: str
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Add:
    """``y = clamp((a * multiplier[0] + b * multiplier[1] + 2**(shift-1)) >> shift, low, high)``."""

    name: str
    inputs: tuple[str, ...]
    multiplier: tuple[int, int]
    shift: int
    low: int
    high: int


@dataclass(frozen=True)
class GlobalSum:
    """Sum of each channel over the whole map: the class sums. The host divides."""

    name: str
    inputs: tuple[str, ...]


Op = Conv | MaxPool | Concat | Add | GlobalSum
_KINDS: dict[str, Any] = {c.__name__: c for c in (Conv, MaxPool, Concat, Add, GlobalSum)}


@dataclass(frozen=True)
class Preprocessing:
    """How a photograph becomes a frame of raw RGB ``uint8`` pixels.

    The shorter side is resized to ``resize`` pixels, then the centre is cropped to the network's
    input. A picture that is already between the crop and ``resize`` in both directions is only
    cropped. Mean, standard deviation and channel order are inside the first layer's integers.
    """

    resize: int
    crop: tuple[int, int]


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
    """

    name: str
    ops: tuple[Op, ...]
    tensors: dict[str, Tensor]
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    source: dict[str, str] = field(default_factory=dict)

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
        """Bits that the weights take at the widths they ship with."""
        return sum(op.weights.size * op.weight_bits for op in self.convs)

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
        """The op that produces tensor ``name``."""
        for op in self.ops:
            if op.name == name:
                return op
        raise KeyError(name)

    @cached_property
    def digest(self) -> bytes:
        """First 8 bytes of the SHA-256 of everything that decides the class sums."""
        digest = hashlib.sha256()
        header, arrays = _flatten(replace(self, name="", labels=(), source={}))
        digest.update(json.dumps(header, sort_keys=True).encode())
        for key in sorted(arrays):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(arrays[key]).tobytes())
        return digest.digest()[:8]

    def save(self, path: str | Path) -> None:
        """Write the network to ``path`` (a zip of one JSON header and NumPy arrays), atomically."""
        path = Path(path)
        header, arrays = _flatten(self)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
                _write_entry(archive, "network.json", json.dumps(header, indent=1).encode())
                for key, array in arrays.items():
                    buffer = io.BytesIO()
                    np.save(buffer, array, allow_pickle=False)
                    _write_entry(archive, key + ".npy", buffer.getvalue())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    @staticmethod
    def load(path: str | Path) -> QuantizedNetwork:
        """Read a network file.

        Raises
        ------
        FirebrickError
            If the file is missing, is no network file, or its parts do not fit together.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                header = json.loads(archive.read("network.json"))
                if header.get("format") != FORMAT_VERSION:
                    raise FirebrickError(
                        f"{path}: network file format {header.get('format')!r}, but this version "
                        f"reads format {FORMAT_VERSION}; generate the file again"
                    )
                arrays = {
                    entry[:-4]: np.load(io.BytesIO(archive.read(entry)), allow_pickle=False)
                    for entry in archive.namelist()
                    if entry.endswith(".npy")
                }
            network = _unflatten(header, arrays)
        except FileNotFoundError:
            raise FirebrickError(f"{path}: no such network file") from None
        except FirebrickError:
            raise
        except Exception as error:  # a damaged file can fail in any of the readers
            raise FirebrickError(f"{path}: not a firebrick network file ({error})") from None
        check(network)
        return network


def _write_entry(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """Add an entry with a fixed date, so that equal networks make equal files."""
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def _flatten(network: QuantizedNetwork) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    arrays: dict[str, np.ndarray] = {}
    ops = []
    for op in network.ops:
        entry: dict[str, Any] = {"kind": type(op).__name__}
        for item in fields(op):
            value = getattr(op, item.name)
            if isinstance(value, np.ndarray):
                arrays[f"{op.name.replace('/', '__')}.{item.name}"] = value
            else:
                entry[item.name] = value
        ops.append(entry)
    header = {
        "format": FORMAT_VERSION,
        "name": network.name,
        "ops": ops,
        "tensors": [asdict(t) for t in network.tensors.values()],
        "labels": list(network.labels),
        "preprocessing": asdict(network.preprocessing),
        "source": network.source,
    }
    return header, arrays


def _unflatten(header: dict[str, Any], arrays: dict[str, np.ndarray]) -> QuantizedNetwork:
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
    preprocessing = header["preprocessing"]
    return QuantizedNetwork(
        name=header["name"],
        ops=tuple(ops),
        tensors=tensors,
        labels=tuple(header["labels"]),
        preprocessing=Preprocessing(preprocessing["resize"], tuple(preprocessing["crop"])),
        source=dict(header["source"]),
    )


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
    known = {INPUT}
    if INPUT not in network.tensors or not network.ops:
        yield "no input tensor or no ops"
    for op in network.ops:
        missing = [name for name in op.inputs if name not in known]
        if missing or op.name in known or op.name not in network.tensors:
            yield f"{op.name}: reads {missing or op.inputs} or writes a tensor out of order"
        known.add(op.name)
        shapes = [network.tensors[name].shape for name in op.inputs]
        expected = output_shape(op, shapes)
        if network.tensors[op.name].shape != expected:
            yield f"{op.name}: shape {network.tensors[op.name].shape}, expected {expected}"
        if isinstance(op, Conv):
            yield from _conv_problems(op, network.tensors[op.inputs[0]])
        if isinstance(op, Concat):
            scales = {network.tensors[n].scale for n in (*op.inputs, op.name)}
            if len(scales) != 1:
                yield f"{op.name}: concatenates tensors of different scales {sorted(scales)}"
    if not isinstance(network.ops[-1], GlobalSum):
        yield f"ends in {network.ops[-1].name}, not in a global sum"
    if len(network.labels) != network.output.shape[2]:
        yield f"{len(network.labels)} labels for {network.output.shape[2]} classes"


def _conv_problems(op: Conv, x: Tensor) -> Iterator[str]:
    if op.weights.ndim != 4 or op.weights.dtype != np.int8:
        yield f"{op.name}: weights must be int8 of shape (Cout, K, K, Cin)"
        return
    cout, kernel, kernel_x, cin = op.weights.shape
    if kernel != kernel_x or cin != x.shape[2]:
        yield f"{op.name}: weights {op.weights.shape} do not fit input {x.shape}"
    if not 2 <= op.weight_bits <= 8:
        yield f"{op.name}: weight_bits {op.weight_bits} is not 2 to 8"
    limit = 1 << (op.weight_bits - 1)
    if op.weights.min() < -limit or op.weights.max() >= limit:
        yield f"{op.name}: weight codes exceed {op.weight_bits} bits"
    for name, dtype in (("bias", np.int32), ("multiplier", np.uint16)):
        array = getattr(op, name)
        if array.shape != (cout,) or array.dtype != dtype:
            yield f"{op.name}: {name} must be {np.dtype(dtype)} of shape ({cout},)"
    if not 1 <= op.shift <= 47 or not -128 <= op.low <= op.high <= 255:
        yield f"{op.name}: shift {op.shift} or clamp {op.low}..{op.high} out of range"
    if len(op.pad_code) != cin or any(not x.low <= code <= x.high for code in op.pad_code):
        yield f"{op.name}: pad_code must hold {cin} codes of the input tensor"


def output_shape(op: Op, inputs: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Shape (height, width, channels) that ``op`` makes of input shapes ``inputs``."""
    height, width, channels = inputs[0]
    if isinstance(op, Conv):
        top, left, bottom, right = op.pad
        rows = (height + top + bottom - op.kernel) // op.stride + 1
        columns = (width + left + right - op.kernel) // op.stride + 1
        return rows, columns, op.channels
    if isinstance(op, MaxPool):
        rows, columns = (pool_size(size, op) for size in (height, width))
        return rows, columns, channels
    if isinstance(op, Concat):
        return height, width, sum(shape[2] for shape in inputs)
    if isinstance(op, Add):
        return height, width, channels
    return 1, 1, channels


def pool_size(size: int, pool: MaxPool) -> int:
    """Windows along a side of ``size`` pixels."""
    span = size - pool.kernel
    return (-(-span // pool.stride) if pool.ceil else span // pool.stride) + 1
