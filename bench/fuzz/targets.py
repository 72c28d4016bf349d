"""What is fuzzed: a function of bytes for each reader, and good input to start from.

Each lets out our own errors only; any other is a fault.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from ipaddress import IPv4Address
from pathlib import Path

import numpy as np
from PIL import Image

from bench.fuzz.forms import ARCHIVE, CHUNKS, COMPRESSED, LINE, MESSAGE
from bench.fuzz.mutation import ONE_PART, Form
from bench.zoo import zoo
from bench.zoo_quantised import quantised_zoo
from gen.common.errors import FirebrickError
from gen.common.manifest import EthernetLink, Manifest, UartLink
from gen.formats.fbz import SUFFIX, load_fbz, save_fbz
from gen.formats.onnx_float import load_onnx
from gen.formats.qdq_export import export_qdq
from gen.frames.images import load_frame
from gen.ir.labels import choose_labels, read_labels
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network, save_network
from gen.ir.preprocessing import CHANNELS, default_preprocessing
from protocol.device import Device
from protocol.framing import Deframer, frame
from protocol.messages import DeviceInfo, ProtocolError
from protocol.session import Session
from tests.graphs import GRAPHS
from tests.networks import tiny_network

SIDE = 16
LARGEST = 1 << 20
"""Bytes of the frames that are sent to a board, which may say that it wants more."""
SHAPES = ("average_pool", "depthwise", "fc_head", "inception", "padded_pool", "resnet_stride")
"""Networks that together have all kinds of layers."""
FORMS = ("caffe2_03", "opset01", "opset17", "branches", "function", "normalised", "resnet")
CODED = ("qoperator_u8u8", "qonnx_w2a2", "qualcomm_w8a8")
"""Networks of the zoo that the importer starts from, float and quantised."""


@dataclass(frozen=True, eq=False)
class Target:
    """A reader.

    Attributes
    ----------
    read : callable
        Reads bytes; returns whether they were taken, not refused as they should be.
    seeds : callable
        Gives good input.
    form : Form
        What mutations keep.
    words : callable
        What such input has in it that chance would not find.
    """

    read: Callable[[bytes], bool]
    seeds: Callable[[], Iterator[bytes]]
    form: Form = ONE_PART
    words: Callable[[], tuple[bytes, ...]] = tuple


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
            _assert_one_line(error)
            return False
    return True


def _assert_one_line(error: FirebrickError) -> None:
    assert "\n" not in str(error), str(error)


def _saved(save: Callable[[Path], object], suffix: str) -> bytes:
    with _file(b"", suffix) as path:
        save(path)
        return path.read_bytes()


def _onnx() -> Iterator[bytes]:
    for name in FORMS:
        yield zoo()[name]().model.SerializeToString()
    for name in CODED:
        yield quantised_zoo()[name]().model.SerializeToString()
    yield _saved(partial(export_qdq, tiny_network(1)), ".onnx")


def _operators() -> tuple[bytes, ...]:
    """Names of operators and attributes that the importer knows, as a file has them."""
    nodes = (node for make in zoo().values() for node in make().model.graph.node)
    names = {name for node in nodes for name in (node.op_type, *(a.name for a in node.attribute))}
    return tuple(sorted(bytes([len(name)]) + name.encode() for name in names))


def _networks() -> Iterator[QuantizedNetwork]:
    """Networks with all that a file may say."""
    yield tiny_network(2, weight_bits=5)
    tiny = tiny_network(3, weight_bits=6, code_bits=3)
    tables = (tuple(reversed(range(256))),) * 3
    yield replace(tiny, preprocessing=replace(tiny.preprocessing, tables=tables, stretch=True))
    for name in SHAPES:
        yield GRAPHS[name]()


def _fbz() -> Iterator[bytes]:
    for network in _networks():
        yield _saved(partial(save_fbz, network), SUFFIX)


def _npz() -> Iterator[bytes]:
    for network in _networks():
        yield _saved(partial(save_network, network), ".npz")


def _label(data: bytes) -> bool:
    """Read class names from a file, and the same text as a model's metadata has them."""
    named = _reading(read_labels, ".txt", data)
    for classes in (1, 4):
        try:
            choose_labels(classes, {"labels": data.decode(errors="replace")})
        except FirebrickError as error:
            _assert_one_line(error)
    return named


def _labels() -> Iterator[bytes]:
    text = "tench, Tinca tinca\nn01443537 goldfish\n\ngrüßen\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"):
        mark = "\ufeff" if encoding == "utf-16-be" else ""
        yield (mark + text).encode(encoding)
    yield text.replace("\n", "\r\n").encode() + b" \t\r\n"
    yield text.replace("\n", "\r").encode()
    yield json.dumps(text.split("\n")).encode()
    yield b"".join(b"n%08d name %d\n" % (at, at) for at in range(1000))


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
    plain = Manifest(
        "1", "net", bytes(8), "arty_a7", "part", "arty", 1, 10**8, UartLink(10**6), ("top.il",)
    )
    fetched = replace(plain, link=address, coded=True, model="hf://a/b, SHA-256 0", files=())
    for made in (plain, fetched, replace(fetched, files=tuple("abc"), network="grün")):
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
    """Bytes as a host hears them, which sends frames whenever it may, if they are not huge."""
    session, deframer = Session(_info().digest, 0), Deframer()
    try:
        for start in range(0, len(data), 64):
            list(session.packets())
            for packet in deframer.feed(data[start : start + 64]):
                session.receive(packet)
            if session.may_submit and session.info and session.info.frame_bytes <= LARGEST:
                session.submit(bytes(session.info.frame_bytes))
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


BREAKS = (
    b"\n",
    b"\r\n",
    b"\r",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b"n01440764 ",
    b'["a", 1]',
)
TARGETS = {
    "onnx": Target(partial(_reading, load_onnx, ".onnx"), _onnx, MESSAGE, words=_operators),
    "fbz": Target(partial(_reading, load_fbz, SUFFIX), _fbz, COMPRESSED),
    "npz": Target(partial(_reading, load_network, ".npz"), _npz, ARCHIVE),
    "labels": Target(_label, _labels, words=lambda: BREAKS),
    "images": Target(_image, _images, CHUNKS),
    "manifest": Target(_manifest, _manifests),
    "packets": Target(_packets, _answers, LINE),
}
