import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.ir.network import Add, Conv, GlobalSum, MaxPool, QuantizedNetwork, pool_size
from tests.networks import NetworkBuilder, random_frames, tiny_network, with_op


def test_file_round_trip(tmp_path):
    network = tiny_network()
    path = tmp_path / "net.npz"
    network.save(path)
    again = QuantizedNetwork.load(path)
    assert again.tensors == network.tensors
    assert (again.name, again.labels, again.source) == (
        network.name,
        network.labels,
        network.source,
    )
    assert again.preprocessing == network.preprocessing
    for a, b in zip(again.ops, network.ops, strict=True):
        assert type(a) is type(b)
        for key, value in vars(b).items():
            np.testing.assert_array_equal(getattr(a, key), value, err_msg=f"{b.name}.{key}")
    assert list(tmp_path.iterdir()) == [path]


def test_equal_networks_make_equal_files(tmp_path):
    for name in "ab":
        tiny_network().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_digest_follows_the_numbers_only():
    network = tiny_network()
    renamed = replace(network, name="other", labels=("x",) * 5, source={})
    assert renamed.digest == network.digest
    assert tiny_network(2).digest != network.digest
    bias = network.convs[0].bias.copy()
    bias[0] += 1
    assert with_op(network, "conv1", bias=bias).digest != network.digest


def test_queries():
    network = tiny_network()
    assert network.input.shape == (12, 10, 3)
    assert network.output.shape == (1, 1, 5)
    assert [op.name for op in network.consumers("fire3/squeeze")] == [
        "fire3/expand1x1",
        "fire3/expand3x3",
    ]
    assert network.weight_count == sum(op.weights.size for op in network.convs)
    assert network.weight_bit_count == 8 * network.weight_count
    conv1 = network.convs[0]
    rows, columns, _ = network.tensors["conv1"].shape
    assert network.macs > rows * columns * conv1.weights.size
    assert isinstance(network.op("sums"), GlobalSum)
    with pytest.raises(KeyError):
        network.op("none")


def test_accumulator_bounds_hold_and_are_reached():
    network = tiny_network()
    conv, x = network.convs[0], network.input
    low, high = conv.accumulator_bounds(x)
    weights = conv.weights.reshape(conv.channels, -1).astype(int)
    frames = random_frames(network, 50).reshape(50, -1)[:, : weights.shape[1]].astype(int)
    sums = frames @ weights.T
    assert low <= sums.min()
    assert sums.max() <= high
    assert high == max((np.where(w > 0, 255, 0) @ w) for w in weights)
    assert low == min((np.where(w < 0, 255, 0) @ w) for w in weights)


def test_codebooks_keep_codes(tmp_path):
    network = tiny_network(weight_bits=5, code_bits=3)
    fire = network.op("fire2/squeeze")
    assert isinstance(fire, Conv)
    assert (fire.code_bits, fire.weight_bits, fire.codebook.shape) == (3, 5, (8,))
    np.testing.assert_array_equal(fire.codebook[fire.codes], fire.weights)
    conv1 = network.convs[0]
    assert (conv1.code_bits, conv1.codebook) == (8, None)
    np.testing.assert_array_equal(conv1.codes, conv1.weights)
    assert network.weight_bit_count == 3 * network.weight_count + 5 * conv1.weights.size
    path = tmp_path / "net.npz"
    network.save(path)
    again = QuantizedNetwork.load(path)
    for a, b in zip(again.convs, network.convs, strict=True):
        np.testing.assert_array_equal(a.codebook, b.codebook)
        np.testing.assert_array_equal(a.weights, b.weights)
    assert again.digest == network.digest
    spread = with_op(network, "fire2/squeeze", codebook=np.append(fire.codebook, [15] * 8))
    assert spread.digest != network.digest


def test_files_without_codebooks_stay_readable_by_format_1(tmp_path):
    for network, version in ((tiny_network(), 1), (tiny_network(weight_bits=4, code_bits=2), 2)):
        network.save(tmp_path / "net.npz")
        with zipfile.ZipFile(tmp_path / "net.npz") as archive:
            header = json.loads(archive.read("network.json"))
        assert header["format"] == version


def test_files_that_are_no_networks(tmp_path):
    with pytest.raises(FirebrickError, match="no such network file"):
        QuantizedNetwork.load(tmp_path / "none.npz")
    path = tmp_path / "bad.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(FirebrickError, match="not a firebrick network file"):
        QuantizedNetwork.load(path)
    tiny_network().save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FirebrickError, match="not a firebrick network file"):
        QuantizedNetwork.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.json", json.dumps({"format": 99}))
    with pytest.raises(FirebrickError, match="format 99"):
        QuantizedNetwork.load(path)


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("tensors", "bits", "x"),
        ("tensors", "bits", 1000),
        ("tensors", "signed", 2),
        ("tensors", "shape", [1, 2]),
        ("tensors", "shape", None),
        ("tensors", "scale", -1.0),
        ("ops", "inputs", None),
        ("ops", "kind", "Deconv"),
        ("ops", "name", 7),
        ("ops", "stride", 1.5),
        ("ops", "low", True),
        ("ops", "pad", [0, 0]),
    ],
)
def test_headers_that_say_nonsense(tmp_path, part, field, value):
    path = tmp_path / "net.npz"
    tiny_network().save(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(entries["network.json"])
    header[part][0][field] = value
    entries["network.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(FirebrickError):
        QuantizedNetwork.load(path)


def test_layers_that_would_share_an_entry_are_refused(tmp_path):
    builder = NetworkBuilder((4, 4, 3), 1)
    x = builder.conv("a__b", builder.conv("a/b", "input", 4, 1), 4, 1)
    network = builder.finish("alike", x)
    with pytest.raises(FirebrickError, match="differ only in slashes"):
        network.save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


def test_failed_save_leaves_nothing(tmp_path):
    network = replace(tiny_network(), source={"bad": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        network.save(tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", range(3, 12))
@pytest.mark.parametrize(("kernel", "stride"), [(3, 2), (2, 2), (3, 3)])
def test_pool_size(size, kernel, stride):
    floor = len([s for s in range(0, size, stride) if s + kernel <= size])
    last = (floor - 1) * stride + kernel
    assert pool_size(size, MaxPool("p", ("x",), kernel, stride)) == floor
    ceil = floor if last == size else floor + 1
    assert pool_size(size, MaxPool("p", ("x",), kernel, stride, ceil=True)) == ceil


def test_kinds_are_plain_data():
    network = tiny_network()
    add = network.op("fire3/add")
    assert isinstance(add, Add)
    assert replace(add) == add
    assert isinstance(network.op("conv10"), Conv)
