"""The forms of the files that firebrick reads, to take them apart and put them together."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from google.protobuf import json_format
from onnx import ModelProto

from bench.fuzz.mutation import Form
from gen.formats.fbz import HEAD, MAGIC, TAIL, packed, unpacked
from protocol.framing import Deframer, frame
from protocol.packets import CHECK_BYTES, check

PNG = b"\x89PNG\r\n\x1a\n"
_LENGTH = struct.Struct(">I")
_END = b"\0\0"
"""Between an archive's entry's name and what it holds."""


def _fbz_parts(data: bytes) -> list[bytes]:
    """Header and numbers, decompressed, and the coded weights."""
    _, text, numbers = HEAD.unpack_from(data)
    body = data[HEAD.size : -TAIL.size]
    return [unpacked(body[:text]), unpacked(body[text : text + numbers]), body[text + numbers :]]


def _fbz(parts: list[bytes]) -> bytes:
    header, numbers, words = parts
    text, planes = packed(header), packed(numbers)
    data = HEAD.pack(MAGIC, len(text), len(planes)) + text + planes + words
    return data + TAIL.pack(zlib.crc32(data))


def _zip_parts(data: bytes) -> list[bytes]:
    """JSON as it is; other entries with their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = [(name, archive.read(name)) for name in archive.namelist()]
    return [
        held if name.endswith(".json") else name.encode() + _END + held for name, held in entries
    ]


def _zip(parts: list[bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in parts:
            name, _, held = part.partition(_END) if _END in part else (b"", b"", part)
            archive.writestr(name.decode(errors="replace") or "network.json", held)
    return file.getvalue()


def _packets(data: bytes) -> list[bytes]:
    """Packets without their checksums."""
    return [packet[:-CHECK_BYTES] for packet in Deframer().feed(data)]


def _line(parts: list[bytes]) -> bytes:
    return b"".join(frame(check(part)) for part in parts)


def _png_parts(data: bytes) -> list[bytes]:
    """Which reader, and the chunks of a PNG file: their kinds and what they hold.

    Raises
    ------
    ValueError
        If it is none.
    """
    if data[1 : 1 + len(PNG)] != PNG:
        raise ValueError("no PNG file")
    parts, at = [data[:1]], 1 + len(PNG)
    while at + _LENGTH.size <= len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        parts.append(data[at + 4 : at + 8 + length])
        at += 12 + length
    return parts


def _png(parts: list[bytes]) -> bytes:
    reader, *chunks = parts
    return b"".join((reader[:1], PNG, *(_chunk(chunk) for chunk in chunks)))


def _chunk(chunk: bytes) -> bytes:
    length = max(len(chunk) - 4, 0)
    return _LENGTH.pack(length) + chunk + _LENGTH.pack(zlib.crc32(chunk))


def _fields(data: bytes) -> list[bytes]:
    """An ONNX model as JSON, which holds fields to their types."""
    return [json_format.MessageToJson(ModelProto.FromString(data)).encode()]


def _message(parts: list[bytes]) -> bytes:
    return json_format.Parse(b"".join(parts), ModelProto()).SerializeToString()


COMPRESSED = Form(_fbz_parts, _fbz)
ARCHIVE = Form(_zip_parts, _zip)
LINE = Form(_packets, _line)
CHUNKS = Form(_png_parts, _png)
MESSAGE = Form(_fields, _message)
