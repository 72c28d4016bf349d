"""What is fuzzed: a function of bytes for each reader, and good input to start from.

Each lets out our own errors only; any other is a fault.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
from PIL import Image

from bench.zoo import zoo
from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, Manifest, UartLink
from gen.formats.fbz import SUFFIX, load_fbz, save_fbz
from gen.formats.onnx_float import load_onnx
from gen.formats.qdq_export import export_qdq
from gen.frames.images import load_frame
from gen.ir.labels import read_labels
from gen.ir.network_file import load_network, save_network
from gen.ir.preprocessing import CHANNELS, default_preprocessing
from protocol.device import Device
from protocol.framing import Deframer, frame
from protocol.messages import DeviceInfo, ProtocolError
from protocol.session import Session
from tests.networks import tiny_network

SIDE = 16
FORMS = ("caffe2_03", "opset01", "opset17", "branches", "function", "normalised", "resnet")
"""Networks of the zoo that the importer starts from."""


@dataclass(frozen=True, eq=False)
class Target:
    """A reader.

    Attributes
    ----------
    read : callable
        Reads bytes; returns whether they were taken, not refused as they should be.
    seeds : callable
        Gives good input.
    """

    read: Callable[[bytes], bool]
    seeds: Callable[[], Iterator[bytes]]


@contextmanager
def _file(data: bytes, suffix: str) -> Iterator[Path]:
    """A file that holds some bytes."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        yield Path(file.name)


def _reading(reader: Callable[[Path], object], suffix: str, data: bytes) -> bool:
    """Read a file, if it is not refused; refusals are one line, which names it.

    Raises
    ------
    AssertionError
        If one is otherwise.
    """
    with _file(data, suffix) as path:
        try:
            reader(path)
        except FirebrickError as error:
            message = str(error)
            assert message.startswith(str(path)), message
            assert "\n" not in message, message
            return False
    return True


def _saved(save: Callable[[Path], object], suffix: str) -> bytes:
    with _file(b"", suffix) as path:
        save(path)
        return path.read_bytes()


def _onnx() -> Iterator[bytes]:
    for name in FORMS:
        yield zoo()[name]().model.SerializeToString()
    yield _saved(partial(export_qdq, tiny_network(1)), ".onnx")


def _fbz() -> Iterator[bytes]:
    yield _saved(partial(save_fbz, tiny_network(2, weight_bits=5)), SUFFIX)


def _npz() -> Iterator[bytes]:
    yield _saved(partial(save_network, tiny_network(2, weight_bits=5)), ".npz")


def _labels() -> Iterator[bytes]:
    text = "tench, Tinca tinca\nn01443537 goldfish\n\ngrüßen\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        yield text.encode(encoding)


def _image(data: bytes) -> bool:
    """Read an image as one of each number of channels; the first byte says which."""
    channels = CHANNELS[data[0] % len(CHANNELS)] if data else 3
    suffix = ".npy" if data[1:].startswith(b"\x93NUMPY") else ".png"
    reader = partial(load_frame, preprocessing=default_preprocessing(SIDE, SIDE, channels))
    return _reading(reader, suffix, data[1:])


def _images() -> Iterator[bytes]:
    pixels = np.arange(SIDE * SIDE * 3, dtype=np.uint8).reshape(SIDE, SIDE, 3)
    image = Image.fromarray(pixels)
    for number, (kind, mode) in enumerate([
        ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("GIF", "P"),
        ("BMP", "RGB"), ("PPM", "L"), ("TIFF", "F"), ("TIFF", "I;16"), ("WEBP", "RGB"),
    ]):  # fmt: skip
        file = io.BytesIO()
        image.convert("L" if mode == "I;16" else mode).convert(mode).save(file, kind)
        yield bytes([number]) + file.getvalue()
    array = io.BytesIO()
    np.save(array, pixels)
    yield b"\x01" + array.getvalue()


def _manifest(data: bytes) -> bool:
    """Read a manifest, which must stay what it is when it is written again."""
    try:
        manifest = Manifest.from_json(data)
    except ValueError:
        return False
    assert Manifest.from_json(manifest.to_json()) == manifest
    return True


def _manifests() -> Iterator[bytes]:
    address = EthernetLink(IPv4Address("192.168.1.50"), 0x02_00_00_00_00_01, 4096)
    for link in (UartLink(1_000_000), address):
        made = Manifest(
            "1", "net", bytes(8), "arty_a7", "part", "arty", 1, 10**8, link, ("top.il",)
        )
        yield made.to_json().encode()


@cache
def _info() -> DeviceInfo:
    """Of a board with a small network."""
    network = tiny_network(1)
    height, width, channels = network.input.shape
    return DeviceInfo(
        digest=network.digest, height=height, width=width, channels=channels,
        classes=network.output.shape[2], clock_hz=10**8, streams=3,
    )  # fmt: skip


def _packets(data: bytes) -> bool:
    """Bytes as a host hears them, which sends frames whenever it may."""
    session, deframer = Session(_info().digest, 0), Deframer()
    try:
        for start in range(0, len(data), 64):
            list(session.packets())
            for packet in deframer.feed(data[start : start + 64]):
                session.receive(packet)
            if session.may_submit:
                session.submit(bytes(_info().frame_bytes))
    except ProtocolError:
        return False
    return True


def _answers() -> Iterator[bytes]:
    yield b""
    yield b"".join(frame(packet) for packet in _said_by_a_board())


def _said_by_a_board() -> Iterator[bytes]:
    """What a board answers to a frame."""
    info = _info()
    device = Device(info, lambda pixels: np.arange(info.classes, dtype=np.int64))
    session = Session(info.digest, 0)
    for _ in range(4):
        for packet in list(session.packets()):
            for answer in device.receive(packet):
                yield answer
                session.receive(answer)
        if session.may_submit:
            session.submit(bytes(info.frame_bytes))


TARGETS = {
    "onnx": Target(partial(_reading, load_onnx, ".onnx"), _onnx),
    "fbz": Target(partial(_reading, load_fbz, SUFFIX), _fbz),
    "npz": Target(partial(_reading, load_network, ".npz"), _npz),
    "labels": Target(partial(_reading, read_labels, ".txt"), _labels),
    "images": Target(_image, _images),
    "manifest": Target(_manifest, _manifests),
    "packets": Target(_packets, _answers),
}
