import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.ir.network_file import load_network, save_network
from gen.ir.ops import Conv
from tests.networks import NetworkBuilder, measured_activations, tiny_network, with_op


def test_file_round_trip(tmp_path):
    network = tiny_network()
    path = tmp_path / "net.npz"
    save_network(network, path)
    again = load_network(path)
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
        save_network(tiny_network(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


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
    save_network(network, path)
    again = load_network(path)
    for a, b in zip(again.convs, network.convs, strict=True):
        np.testing.assert_array_equal(a.codebook, b.codebook)
        np.testing.assert_array_equal(a.weights, b.weights)
    assert again.digest == network.digest
    spread = with_op(network, "fire2/squeeze", codebook=np.append(fire.codebook, [15] * 8))
    assert spread.digest != network.digest


def test_files_without_codebooks_stay_readable_by_format_1(tmp_path):
    for network, version in ((tiny_network(), 1), (tiny_network(weight_bits=4, code_bits=2), 2)):
        save_network(network, tmp_path / "net.npz")
        with zipfile.ZipFile(tmp_path / "net.npz") as archive:
            header = json.loads(archive.read("network.json"))
        assert header["format"] == version


def test_what_was_measured_is_kept_and_decides_nothing(tmp_path):
    network = tiny_network()
    save_network(network, tmp_path / "without.npz")
    assert load_network(tmp_path / "without.npz").activations is None
    measured = replace(network, activations=measured_activations(network))
    save_network(measured, tmp_path / "with.npz")
    again = load_network(tmp_path / "with.npz")
    assert again.activations == measured.activations
    assert again.digest == network.digest
    entries = []
    for name in ("without.npz", "with.npz"):
        with zipfile.ZipFile(tmp_path / name) as archive:
            entries.append({entry: archive.read(entry) for entry in archive.namelist()})
    without, given = entries
    assert given.keys() - without.keys() == {"activations.json"}
    assert all(given[name] == data for name, data in without.items())
    text = given["activations.json"].decode()
    assert json.loads(text, parse_constant=pytest.fail)["decibels"]["pool1"] is None


@pytest.mark.parametrize(
    "measured", ["[]", "{}", '{"frames": 1, "counts": {}, "decibels": {}}', "{"]
)
def test_what_was_measured_of_another_network_is_refused(tmp_path, measured):
    path = tmp_path / "net.npz"
    save_network(tiny_network(), path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("activations.json", measured)
    with pytest.raises(FirebrickError, match=r"net\.npz: "):
        load_network(path)


def test_files_that_are_no_networks(tmp_path):
    with pytest.raises(FirebrickError, match="no such network file"):
        load_network(tmp_path / "none.npz")
    path = tmp_path / "bad.npz"
    path.write_bytes(b"nonsense")
    with pytest.raises(FirebrickError, match="not a firebrick network file"):
        load_network(path)
    save_network(tiny_network(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FirebrickError, match="not a firebrick network file"):
        load_network(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("network.json", json.dumps({"format": 99}))
    with pytest.raises(FirebrickError, match="format 99"):
        load_network(path)


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
    save_network(tiny_network(), path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(entries["network.json"])
    header[part][0][field] = value
    entries["network.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    with pytest.raises(FirebrickError):
        load_network(path)


def test_layers_that_would_share_an_entry_are_refused(tmp_path):
    builder = NetworkBuilder((4, 4, 3), 1)
    x = builder.conv("a__b", builder.conv("a/b", "input", 4, 1), 4, 1)
    network = builder.finish("alike", x)
    with pytest.raises(FirebrickError, match="differ only in slashes"):
        save_network(network, tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())


def test_failed_save_leaves_nothing(tmp_path):
    network = replace(tiny_network(), source={"bad": object()})  # type: ignore[dict-item]
    with pytest.raises(TypeError):
        save_network(network, tmp_path / "net.npz")
    assert not list(tmp_path.iterdir())
