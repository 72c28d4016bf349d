import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gen.common.errors import FirebrickError
from gen.formats import fbz
from gen.formats.default import default_network
from gen.formats.fbz import decode, encode, load_fbz, save_fbz
from gen.ir.network import QuantizedNetwork, flatten
from tests.networks import tiny_network


def assert_same(a: QuantizedNetwork, b: QuantizedNetwork) -> None:
    """Every field is equal, types included."""
    (header_a, arrays_a), (header_b, arrays_b) = flatten(a), flatten(b)
    assert header_a == header_b
    assert arrays_a.keys() == arrays_b.keys()
    for key, array in arrays_a.items():
        np.testing.assert_array_equal(array, arrays_b[key])
        assert array.dtype == arrays_b[key].dtype


@pytest.mark.parametrize("code_bits", [None, 3])
def test_everything_comes_back(tmp_path, code_bits):
    network = tiny_network(3, weight_bits=5, code_bits=code_bits)
    size = save_fbz(network, tmp_path / "a.fbz")
    assert size == (tmp_path / "a.fbz").stat().st_size
    back = load_fbz(tmp_path / "a.fbz")
    assert_same(network, back)
    assert encode(back) == encode(network)
    assert [path.name for path in tmp_path.iterdir()] == ["a.fbz"]


def test_the_default_network_comes_back_smaller():
    network = default_network()
    data = encode(network)
    assert_same(network, decode(data))
    assert 8 * len(data) < network.weight_bit_count + 40 * sum(c.channels for c in network.convs)


def test_weights_take_about_their_entropy():
    network = tiny_network(1)
    rng = np.random.default_rng(1)
    conv = network.convs[-1]
    part = np.array([0.7, 0.2, 0.1])
    weights = rng.choice(np.array([0, 1, -5], np.int8), (5, 1, 1, 12 * 1000), p=part)
    entropy = -(part * np.log2(part)).sum() * weights.size / 8
    sizes = []
    for values in (np.zeros_like(weights), weights):
        tables, coder = fbz._write_weights([replace(conv, weights=values)])
        assert list(tables) == [f"{conv.name}.weights"]
        sizes.append(len(coder))
    assert sizes[0] <= 8
    assert entropy * 0.99 < sizes[1] < entropy * 1.02 + 8


def test_scales_that_follow_from_multipliers_take_no_room():
    network = tiny_network(1)
    ops = [
        replace(op, weight_scale=fbz._scale(network, op)) if op in network.convs else op
        for op in network.ops
    ]
    derived = replace(network, ops=tuple(ops))
    assert_same(derived, decode(encode(derived)))
    saved = len(encode(network)) - len(encode(derived))
    assert saved > 4 * sum(op.channels for op in network.convs)


GOOD = encode(tiny_network(2))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_files_are_refused(data):
    damaged = bytearray(GOOD)
    kind = data.draw(st.sampled_from(["flip", "cut", "swap", "append", "garbage"]))
    if kind == "flip":
        bit = data.draw(st.integers(0, 8 * len(GOOD) - 1))
        damaged[bit // 8] ^= 1 << bit % 8
    elif kind == "cut":
        del damaged[data.draw(st.integers(0, len(GOOD) - 1)) :]
    elif kind == "swap":
        start = data.draw(st.integers(0, len(GOOD) - 1))
        part = data.draw(st.binary(min_size=1, max_size=40))
        damaged[start : start + len(part)] = part
    elif kind == "append":
        damaged += data.draw(st.binary(min_size=1, max_size=40))
    else:
        damaged = bytearray(data.draw(st.binary(max_size=300)))
    if bytes(damaged) == GOOD:
        return
    with pytest.raises(FirebrickError):
        decode(bytes(damaged))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_forged_files_with_a_right_checksum_are_refused_or_a_network(tmp_path_factory, data):
    body = bytearray(GOOD[:-4])
    start = data.draw(st.integers(4, len(body) - 1))
    body[start : start + 8] = data.draw(st.binary(min_size=8, max_size=8))
    path = tmp_path_factory.mktemp("forged") / "x.fbz"
    path.write_bytes(bytes(body) + struct.pack("<I", zlib.crc32(bytes(body))))
    message = "none"
    try:
        assert len(load_fbz(path).digest) == 8  # it is a network, whole
    except FirebrickError as error:
        message = str(error)
    assert message == "none" or (message.startswith(str(path)) and "\n" not in message)


def forged(change) -> bytes:
    """The good file with its header changed."""
    _, text, numbers = fbz.HEAD.unpack_from(GOOD)
    start = fbz.HEAD.size
    header = fbz.packed(change(fbz.unpacked(GOOD[start : start + text])))
    rest = GOOD[start + text : -4]
    data = fbz.HEAD.pack(fbz.MAGIC, len(header), numbers) + header + rest
    return data + struct.pack("<I", zlib.crc32(data))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"weights":{"conv1.weights":[[8,3,3,3]', b'"weights":{"conv1.weights":[[8,3,3,9999999]'),
        (b'"weights":{"conv1.weights":[[8,3,3,3]', b'"weights":{"conv1.weights":[[8,3,3,-3]'),
        (b'"weights":{"conv1.weights":[[8,3,3,3]', b'"weights":{"conv1.weights":[[7,3,3,3]'),
        (b'"labels":["class 0"', b'"labels":[7'),
        (b'"kind":"Conv"', b'"kind":"Exec"'),
        (b'"shift":', b'"shift":1'),
        (b'["<i4"', b'["|O8"'),
        (b'["<i4"', b'["<f8"'),
        (b'"digest":"', b'"digest":"0'),
        (b'{"network"', b'{"netwrk"'),
    ],
)
def test_forged_headers_are_refused(tmp_path, old, new):
    def change(text: bytes) -> bytes:
        assert old in text
        return text.replace(old, new)

    (tmp_path / "x.fbz").write_bytes(forged(change))
    with pytest.raises(FirebrickError, match=r"x\.fbz"):
        load_fbz(tmp_path / "x.fbz")


def test_huge_parts_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(fbz, "LIMIT", 1000)
    with pytest.raises(FirebrickError, match="far too large"):
        decode(GOOD)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a compressed firebrick network"),
        (b"PK\x03\x04" + bytes(100), "not a compressed firebrick network"),
        (b"FBZ\x02" + bytes(100), "version 2 of the format"),
        (GOOD[:-1], "damaged"),
    ],
)
def test_what_is_no_such_file(tmp_path, data, message):
    (tmp_path / "x.fbz").write_bytes(data)
    with pytest.raises(FirebrickError, match=message):
        load_fbz(tmp_path / "x.fbz")


def test_no_file(tmp_path):
    with pytest.raises(FirebrickError, match="no such network file"):
        load_fbz(tmp_path / "none.fbz")


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "a.fbz"
    path.write_bytes(b"before")

    def full(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="no room"):
        save_fbz(tiny_network(1), path)
    assert path.read_bytes() == b"before"
    assert [found.name for found in tmp_path.iterdir()] == ["a.fbz"]
