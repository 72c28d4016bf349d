import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from PIL import Image

from gen import quantise_to_size as compress
from gen.cli import app
from gen.formats.default import default_network
from gen.formats.fbz import encode, load_fbz, save_fbz
from gen.formats.onnx_float import import_float
from gen.formats.read import read_quantised
from gen.ir.envelope import with_envelope
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network, save_network
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import CLIPPED
from sim import golden
from tests.gen.onnx_models import frames, squeezenet
from tests.generated import run_command
from tests.networks import tiny_network


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run ``export`` in an empty folder; gives exit status, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str):
        status = run_command(monkeypatch, app, "export", *arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def float_file(tmp_path):
    onnx.save(squeezenet(), tmp_path / "float.onnx")
    (tmp_path / "photos").mkdir()
    for index, pixels in enumerate(frames(6, seed=5)):
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{index}.png")
    return ("--model", "float.onnx", "--calibrate", "photos", "--preprocess", "raw")


def sums(network: QuantizedNetwork) -> np.ndarray:
    rng = np.random.default_rng(1)
    return golden.class_sums(network, rng.integers(0, 256, (3, *network.input.shape), np.uint8))


def test_the_default_in_all_forms(call, tmp_path):
    files = ("--qdq", "a.onnx", "--fbz", "a.fbz", "--npz", "a.npz")
    status, out, err = call(*files)
    assert (status, err) == (0, "")
    default = default_network()
    for name in ("a.onnx", "a.fbz", "a.npz"):
        assert name in out
        np.testing.assert_array_equal(sums(read_quantised(tmp_path / name)), sums(default))
    assert read_quantised(tmp_path / "a.fbz").digest == default.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fbz", "a.npz", "a.onnx"]


def test_what_was_written_for_programs(call, tmp_path):
    status, out, err = call("--fbz", "a.fbz", "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert told["classes"] == 10
    [entry] = told["files"]
    assert (entry["file"], entry["bytes"]) == ("a.fbz", (tmp_path / "a.fbz").stat().st_size)
    assert entry["bits_a_parameter"] == round(8 * entry["bytes"] / told["parameters"], 2)


def test_a_compressed_network_is_a_model_again(call, tmp_path):
    network = tiny_network(4)
    save_network(network, tmp_path / "a.npz")
    assert call("--model", "a.npz", "--fbz", "a.fbz")[0] == 0
    assert call("--model", "a.fbz", "--npz", "b.npz")[0] == 0
    assert load_network(tmp_path / "b.npz").digest == network.digest
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_float_model_is_quantised_first(call, tmp_path, float_file):
    files = ("--qdq", "a.onnx", "--npz", "a.npz")
    status, _, err = call(*float_file, *files, "--weight-bits", "6")
    assert (status, err) == (0, "")
    network = load_network(tmp_path / "a.npz")
    assert {op.weight_bits for op in network.convs} == {6}
    np.testing.assert_array_equal(sums(read_quantised(tmp_path / "a.onnx")), sums(network))


def test_complex_bypasses_can_be_exported(call, tmp_path, float_file):
    family = "size=40,classes=3,base_e=8,incr_e=8,sr=0.25,bypass=complex"
    files = ("--qdq", "a.onnx", "--fbz", "a.fbz", "--npz", "a.npz")
    status, _, err = call("--family", family, *float_file[2:], *files)
    assert (status, err) == (0, "")
    network = load_network(tmp_path / "a.npz")
    assert network.op("fire2_bypass1x1").low < 0
    assert network.source["pixels"] == "RGB, mean 0, deviation 1; given"
    for name in ("a.onnx", "a.fbz"):
        np.testing.assert_array_equal(sums(read_quantised(tmp_path / name)), sums(network))


def test_a_size_is_kept_to(call, tmp_path, float_file):
    sizes = {}
    for size in (1900, 2300):
        status, _, err = call(*float_file, "--size", str(size), "--fbz", f"{size}.fbz")
        assert (status, err) == (0, "")
        sizes[size] = (tmp_path / f"{size}.fbz").stat().st_size
        assert 0.97 * size < sizes[size] <= size
    network = load_fbz(tmp_path / "2300.fbz")
    assert "entropy coded" in network.source["widths"]
    assert all(op.weight_bits <= 8 for op in network.convs)


def test_more_bytes_bring_the_integers_nearer():
    graph = import_float(squeezenet(), "test")
    errors = []
    pictures = frames(16)

    expected = float_logits(graph.fold_input(Normalisation()), pictures)
    for size in (1750, 2500):
        network = compress.quantise_to_size(
            graph,
            frames(24, seed=5),
            size,
            normalisation=Normalisation(),
        )
        assert len(encode(network)) <= size
        got = golden.class_sums(network, pictures) * network.output.scale
        errors.append(float(np.sqrt(np.mean((got - expected) ** 2))))
    assert errors[0] > errors[1]


def test_pruning_makes_zeros(call, tmp_path, float_file):
    options = ("--size", "2600", "--prune", "0.5", "--fbz", "a.fbz")
    assert call(*float_file, *options)[0] == 0
    convs = load_fbz(tmp_path / "a.fbz").convs
    assert all(np.mean(op.weights == 0) >= 0.5 for op in convs[1:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say what to write"),
        (["--fbz", "none/a.fbz"], "no such folder"),
        (["--npz", "photos"], "is a folder"),
        (["--fbz", "a", "--npz", "a"], "named for two files"),
        (["--fbz", "a", "--npz", "photos/../a"], "named for two files"),
        (["--npz", "/dev/null"], "is a device"),
        (["--npz", "bad.fbz", "--model", "bad.fbz"], "bad.fbz: is read by the same command"),
        (["--npz", "bad.fbz", "--weights", "link.fbz"], "bad.fbz: is read by the same command"),
        (["--npz", "link.fbz", "--labels", "bad.fbz"], "link.fbz: is read by the same command"),
        (["--npz", "photos/0.png", "--calibrate", "photos"], "0.png: is read by the same command"),
        (["--fbz", "a", "--size", "9"], "leave out --size"),
        (["--fbz", "a", "--prune", "0.5"], "goes with --size"),
        (["--fbz", "a", "--size", "0"], "--size"),
        (["--fbz", "a", "--model", "none.fbz"], "none.fbz: no such network file"),
        (["--fbz", "a", "--model", "bad.fbz"], "bad.fbz: not a compressed firebrick network"),
        (["--fbz", "a", "--model", "bad.fbz", "--labels", "x"], "cannot read class names"),
        (["--fbz", "a", "--model", "float.onnx"], "needs photographs"),
    ],
)
def test_bad_input(call, tmp_path, float_file, arguments, message):
    (tmp_path / "bad.fbz").write_text("hello")
    (tmp_path / "link.fbz").symlink_to("bad.fbz")
    before = sorted(path.name for path in tmp_path.iterdir())
    status, out, err = call(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "300"], "--size 300: not reached"),
        (["--size", "3000", "--weight-bits", "4"], "leave out --weight-bits"),
        (["--size", "3000", "--prune", "1.5"], "--prune 1.5"),
    ],
)
def test_sizes_that_cannot_be(call, tmp_path, float_file, arguments, message):
    status, _, err = call(*float_file, "--fbz", "a.fbz", *arguments)
    assert status == 2
    assert message in err
    assert not (tmp_path / "a.fbz").exists()


@pytest.fixture
def build(call, tmp_path, float_file):
    """A build folder, as far as it is read, of a board that may get other weights; how to."""
    assert call(*float_file, "--weight-bits", "5", "--npz", "built.npz")[0] == 0
    (tmp_path / "build").mkdir()
    network = with_envelope(load_network(tmp_path / "built.npz"), 3)
    save_network(network, tmp_path / "build" / "network.npz")
    onnx.save(nudged(squeezenet()), tmp_path / "tuned.onnx")
    return ("--for", "build", "--calibrate", "photos", "--preprocess", "raw")


def nudged(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with other weights."""
    rng = np.random.default_rng(2)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            changed = (values * rng.normal(1, 0.1, values.shape)).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(changed, tensor.name))
    return model


def test_a_float_model_is_quantised_for_a_board_that_is_built(call, tmp_path, build):
    files = ("--fbz", "a.fbz", "--npz", "a.npz")
    status, out, err = call(*build, "--model", "tuned.onnx", *files)
    assert (status, err) == (0, "")
    board = load_network(tmp_path / "build" / "network.npz")
    network = load_network(tmp_path / "a.npz")
    assert network.structure == board.structure
    assert network.digest == load_fbz(tmp_path / "a.fbz").digest != board.digest
    assert network.source["widths"] == "5 bits, conv1 8"
    assert network.labels == board.labels
    assert f"fits build, structure {board.structure.hex()}\n" in out
    decibels = network.activations.decibels[network.output.name]
    assert decibels > 20
    assert f"class sums: {decibels} dB above" in out
    assert "clipped" not in out


def test_what_fits_is_told_programs(call, tmp_path, build):
    status, out, _ = call(*build, "--model", "tuned.onnx", "--npz", "a.npz", "--json")
    told = json.loads(out)["for"]
    network = load_network(tmp_path / "a.npz")
    assert status == 0
    assert told == {
        "build": "build",
        "structure": network.structure.hex(),
        "clipped": None,
        "decibels": network.activations.decibels[network.output.name],
    }


def test_a_network_that_was_cut_off_to_fit_says_so(call, tmp_path, build):
    board = load_network(tmp_path / "build" / "network.npz")
    cut = replace(board, source={CLIPPED: "2 weights"}, activations=None)
    save_network(cut, tmp_path / "cut.npz")
    status, out, _ = call("--for", "build", "--model", "cut.npz", "--npz", "a.npz")
    assert status == 0
    assert out.endswith("\nclipped: 2 weights\n")
    told = call("--for", "build", "--model", "cut.npz", "--npz", "a.npz", "--json")[1]
    assert json.loads(told)["for"]["clipped"] == "2 weights"
    assert json.loads(told)["for"]["decibels"] is None


def test_what_is_quantised_already_is_held_against_the_board(call, tmp_path, build):
    """With or without an envelope of its own, and never changed."""
    board = load_network(tmp_path / "build" / "network.npz")
    status, out, err = call("--for", "build", "--model", "built.npz", "--fbz", "a.fbz")
    assert (status, err) == (0, "")
    assert "fits build" in out
    assert load_fbz(tmp_path / "a.fbz").digest == board.digest
    assert call("--qdq", "a.onnx", "--model", "built.npz")[0] == 0
    status, out, err = call("--for", "build", "--model", "a.onnx", "--fbz", "b.fbz")
    assert (status, err) == (0, "")
    status, out, err = call("--for", "build", "--fbz", "b.fbz")
    assert (status, out) == (2, "")
    assert "is built for 'float'" in err
    assert "give the float model with --calibrate DIR" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--weight-bits", "4"],
            "--for build: its hardware has widths for the weights; leave out --w",
        ),
        (["--memory-budget", "9000"], "leave out --memory-budget"),
        (["--size", "3000"], "leave out --size"),
        (["--for", "photos"], "photos: no generated board (network.npz is missing)"),
        (["--for", "none"], "none: no such folder"),
        (["--for", "fixed"], "fixed: its board keeps the weights that it is built with"),
        (["--npz", "build/network.npz"], "build/network.npz: is read by the same command"),
        (["--model", "plain.onnx"], "layer 11, pool3: is MaxPool, the board's Add"),
        (["--labels", "names.txt"], "names.txt: 1 class names for a network of 7"),
    ],
)
def test_what_does_not_go_with_a_build(call, tmp_path, build, arguments, message):
    (tmp_path / "fixed").mkdir()
    (tmp_path / "built.npz").rename(tmp_path / "fixed" / "network.npz")
    (tmp_path / "names.txt").write_text("only")
    onnx.save(squeezenet(bypass=False), tmp_path / "plain.onnx")
    given = [*build, "--model", "tuned.onnx", *arguments]
    status, out, err = call(*given, *([] if "--npz" in arguments else ["--npz", "a.npz"]))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "a.npz").exists()


def test_differences_are_told_before_photographs_are_read(call, tmp_path, build):
    onnx.save(squeezenet(bypass=False), tmp_path / "plain.onnx")
    (tmp_path / "photos" / "0.png").write_text("no picture")
    _, _, err = call(*build, "--model", "plain.onnx", "--npz", "a.npz")
    assert "is MaxPool" in err


def test_photographs_become_frames_as_they_do_for_the_build(call, tmp_path, build):
    board = load_network(tmp_path / "build" / "network.npz")
    odd = replace(board.preprocessing, resize=27)
    save_network(replace(board, preprocessing=odd), tmp_path / "build" / "network.npz")
    assert call(*build, "--model", "tuned.onnx", "--npz", "a.npz")[0] == 0
    assert load_network(tmp_path / "a.npz").preprocessing == odd
    assert call(*build, "--model", "tuned.onnx", "--npz", "a.npz", "--resize", "30")[0] == 0
    assert load_network(tmp_path / "a.npz").preprocessing.resize == 30


def test_help_teaches(call):
    status, out, _ = call("--help")
    assert status == 0
    for word in ("--qdq", "--fbz", "--size", "python -m gen export"):
        assert word in out


def test_a_board_is_generated_from_a_compressed_network(monkeypatch, tmp_path):
    network = tiny_network(4)
    save_fbz(network, tmp_path / "tiny.fbz")
    options = ("--board", "arty_a7_35", "--model", tmp_path / "tiny.fbz", "--out", tmp_path / "b")
    assert run_command(monkeypatch, app, *options) == 0
    assert load_network(tmp_path / "b" / "network.npz").digest == network.digest
