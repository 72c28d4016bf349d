"""The compressed network file, ``.fbz``: everything of a quantised network in few bytes.

Layout, all numbers little endian:

========= ======================================================================================
bytes     what
========= ======================================================================================
4         ``FBZ`` and the version, 1
4 + 4     lengths of the next two parts
...       header: JSON, LZMA2
...       numbers: biases, multipliers and the like, byte plane by byte plane, LZMA2
...       weights: 32-bit words of one asymmetric numeral system (J. Duda, 2009; ``constriction``)
4         CRC-32 of all before
========= ======================================================================================

The header holds what :func:`gen.ir.network.flatten` gives, and of each layer's weights the values
that occur and how often, by which they are coded. Scales of weights are left out where they follow
from the multipliers, as they do in networks that firebrick quantised.
"""

from __future__ import annotations

import json
import lzma
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import constriction
import numpy as np

from gen.common.errors import FirebrickError
from gen.common.files import replacing
from gen.ir.check import check
from gen.ir.fixed_point import real_scale
from gen.ir.network import QuantizedNetwork, flatten, unflatten
from gen.ir.ops import Conv

SUFFIX = ".fbz"
MAGIC = b"FBZ\x01"
HEAD = struct.Struct("<4sII")
TAIL = struct.Struct("<I")

LIMIT = 1 << 26
"""Most bytes of header or numbers, and most weights of a layer: what a forged file may cost."""
RESOLUTION = 1 << 14
"""Counts of a layer's values are scaled to add up to about this."""

_LZMA = [
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20, "lc": 0,
     "lp": 0, "pb": 0}
]  # fmt: skip


def save_fbz(network: QuantizedNetwork, path: Path) -> int:
    """Write a network, complete or not at all; gives the file's size in bytes.

    Raises
    ------
    FirebrickError
        As :func:`encode` does.
    OSError
        If the file cannot be written.
    """
    data = encode(network)
    with replacing(path) as file:
        file.write(data)
    return len(data)


def load_fbz(path: Path) -> QuantizedNetwork:
    """Read a network.

    Raises
    ------
    FirebrickError
        If the file is missing, is no such file, is damaged, or its parts do not fit together.
    """
    if not path.is_file():
        raise FirebrickError(f"{path}: no such network file; check the path")
    try:
        network = decode(path.read_bytes())
    except FirebrickError as error:
        raise FirebrickError(f"{path}: {error}") from None
    except Exception as error:  # a forged file can fail in any of the readers
        raise FirebrickError(
            f"{path}: its parts do not fit together ({type(error).__name__}: {error}); "
            "export the network again"
        ) from None
    return network


def encode(network: QuantizedNetwork) -> bytes:
    """A network as the bytes of a file; equal networks give equal bytes.

    Raises
    ------
    FirebrickError
        If two of its layers cannot be told apart in a file.
    """
    header, arrays = flatten(network)
    tables, words = _write_weights(network.convs)
    for op in network.convs:
        del arrays[_key(op, "weights")]
        if np.array_equal(op.weight_scale, _scale(network, op)):
            del arrays[_key(op, "weight_scale")]
    kinds = {key: [array.dtype.str, list(array.shape)] for key, array in arrays.items()}
    about = {
        "network": header,
        "weights": tables,
        "numbers": kinds,
        "digest": network.digest.hex(),
    }
    text = packed(json.dumps(about, separators=(",", ":")).encode())
    numbers = packed(b"".join(_planes(arrays, keys) for keys in _groups(kinds)))
    data = HEAD.pack(MAGIC, len(text), len(numbers)) + text + numbers + words
    return data + TAIL.pack(zlib.crc32(data))


def decode(data: bytes) -> QuantizedNetwork:
    """The network in the bytes of a file.

    Raises
    ------
    FirebrickError
        If the bytes are of no such file or damaged. Parts that do not fit together, which only
        forged files have, may raise anything.
    """
    if data[: len(MAGIC) - 1] != MAGIC[:-1] or len(data) < HEAD.size + TAIL.size:
        raise FirebrickError("not a compressed firebrick network")
    _, text_bytes, number_bytes = HEAD.unpack_from(data)
    if data[3] != MAGIC[3]:
        raise FirebrickError(f"version {data[3]} of the format, but this one reads {MAGIC[3]}")
    if zlib.crc32(data[: -TAIL.size]) != TAIL.unpack(data[-TAIL.size :])[0]:
        raise FirebrickError("damaged (its checksum is wrong); copy or export it again")
    body = data[HEAD.size : -TAIL.size]
    about = json.loads(unpacked(body[:text_bytes]))
    numbers = unpacked(body[text_bytes : text_bytes + number_bytes])
    arrays = _read_numbers(numbers, about["numbers"])
    arrays |= _read_weights(body[text_bytes + number_bytes :], about["weights"])
    for entry in about["network"]["ops"]:
        if entry["kind"] == Conv.__name__:
            name = entry["name"].replace("/", "__")
            arrays.setdefault(f"{name}.weight_scale", np.zeros(0))
    network = unflatten(about["network"], arrays)
    ops = (
        replace(op, weight_scale=_scale(network, op))
        if isinstance(op, Conv) and not len(op.weight_scale)
        else op
        for op in network.ops
    )
    network = replace(network, ops=tuple(ops))
    check(network)
    if network.digest.hex() != about["digest"]:
        raise FirebrickError("its weights come out differently than they went in; export it again")
    return network


def _key(op: Conv, field: str) -> str:
    return f"{op.name.replace('/', '__')}.{field}"


def _scale(network: QuantizedNetwork, op: Conv) -> np.ndarray:
    x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
    return real_scale(op.multiplier, op.shift, x, y)


def _model(counts: np.ndarray) -> Any:
    part = counts / counts.sum()
    return constriction.stream.model.Categorical(part.astype(np.float64), perfect=False)


def _write_weights(convs: Sequence[Conv]) -> tuple[dict[str, Any], bytes]:
    """By layer its shape, the values of its weights and their counts; and all weights, coded."""
    tables: dict[str, Any] = {}
    coder = constriction.stream.stack.AnsCoder()
    for op in reversed(convs):  # what is written last is read first
        values, indices, counts = np.unique(op.weights, return_inverse=True, return_counts=True)
        counts = np.maximum(counts * RESOLUTION // op.weights.size, 1)
        tables[_key(op, "weights")] = [list(op.weights.shape), values.tolist(), counts.tolist()]
        if len(values) > 1:
            coder.encode_reverse(indices.reshape(-1).astype(np.int32), _model(counts))
    words = coder.get_compressed().astype("<u4").tobytes()
    return dict(reversed(tables.items())), words


def _read_weights(data: bytes, tables: Mapping[str, Any]) -> dict[str, np.ndarray]:
    words = np.frombuffer(data, "<u4").astype(np.uint32)
    coder = constriction.stream.stack.AnsCoder(words)
    arrays = {}
    for key, (shape, values, counts) in tables.items():
        size = _size(shape)
        indices = np.zeros(size, np.int32)
        if len(values) > 1:
            if len(values) != len(counts) or not all(0 < n <= 2 * RESOLUTION for n in counts):
                raise FirebrickError(f"{key}: {len(values)} values, but counts {counts}")
            indices = coder.decode(_model(np.array(counts)), size)
        arrays[key] = np.array(values, np.int8)[indices].reshape(shape)
    if not coder.is_empty():
        raise FirebrickError("holds more weights than its header says; export it again")
    return arrays


def _size(shape: list[int]) -> int:
    size = 1
    for side in shape:
        size *= side
        if not (isinstance(side, int) and 0 < side and size <= LIMIT):
            raise FirebrickError(f"holds an array of shape {shape}; export it again")
    return size


def _groups(kinds: Mapping[str, Any]) -> list[list[str]]:
    """Keys of arrays of one field and type: what is alike is compressed together."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key, (dtype, _) in kinds.items():
        groups.setdefault((key.rpartition(".")[2], dtype), []).append(key)
    return list(groups.values())


def _planes(arrays: Mapping[str, np.ndarray], keys: list[str]) -> bytes:
    """All first bytes, all second bytes, and so on; signed integers have their sign at the end."""
    flat = np.concatenate([arrays[key].reshape(-1) for key in keys])
    if flat.dtype.kind == "i":
        bits = 8 * flat.dtype.itemsize
        flat = ((flat << 1) ^ (flat >> (bits - 1))).view(f"<u{flat.dtype.itemsize}")
    flat = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
    return flat.view(np.uint8).reshape(-1, flat.dtype.itemsize).T.tobytes()


def _read_numbers(data: bytes, kinds: Mapping[str, Any]) -> dict[str, np.ndarray]:
    arrays, start = {}, 0
    for keys in _groups(kinds):
        dtype = np.dtype(kinds[keys[0]][0])
        if dtype.kind not in "iuf":
            raise FirebrickError(f"{keys[0]}: of type {dtype}; export it again")
        sizes = [_size(kinds[key][1]) for key in keys]
        stop = start + sum(sizes) * dtype.itemsize
        planes = np.frombuffer(data[start:stop], np.uint8).reshape(dtype.itemsize, -1)
        flat = np.ascontiguousarray(planes.T).view(f"<{dtype.kind}{dtype.itemsize}").reshape(-1)
        if dtype.kind == "i":
            code = flat.view(f"<u{dtype.itemsize}")
            flat = ((code >> 1) ^ (0 - (code & 1))).view(f"<i{dtype.itemsize}")
        start = stop
        ends = np.cumsum(sizes)
        for key, size, end in zip(keys, sizes, ends, strict=True):
            array = flat[end - size : end].reshape(kinds[key][1])
            arrays[key] = array.astype(dtype.newbyteorder("="))
    return arrays


def packed(data: bytes) -> bytes:
    """Header or numbers as they are in a file."""
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=_LZMA)


def unpacked(data: bytes) -> bytes:
    """What :func:`packed` was given.

    Raises
    ------
    FirebrickError
        If there is no end to it.
    lzma.LZMAError
        If it is damaged.
    """
    reader = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_LZMA)
    found = reader.decompress(data, max_length=LIMIT)
    if not reader.eof:
        raise FirebrickError("a part of it is cut off, or far too large; export it again")
    return found
