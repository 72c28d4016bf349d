"""``--input-size``: the size of pictures, for models that leave it open."""

import numpy as np
import onnx
import pytest
from PIL import Image

from gen.cli import app
from gen.common.errors import FirebrickError
from gen.explore.options import with_input_size
from gen.formats.family import Family
from gen.formats.input_size import fix_size, parse_size
from gen.formats.onnx_float import load_onnx
from gen.formats.read import read_model
from gen.ir.network_file import load_network, save_network
from tests.gen.onnx_models import squeezenet
from tests.generated import run_command
from tests.networks import tiny_network

SMALL = "classes=3,base_e=8,incr_e=0,sr=0.5"


def of_any_size() -> onnx.ModelProto:
    """A network that leaves batch, height and width open."""
    model = squeezenet()
    sides = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, name in zip(sides, "NCHW", strict=True):
        if name != "C":
            dimension.dim_param = name
    return model


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """Run a command in a folder of models and photographs; gives exit status and errors."""
    monkeypatch.chdir(tmp_path)
    onnx.save(of_any_size(), "open.onnx")
    onnx.save(squeezenet(), "fixed.onnx")
    save_network(tiny_network(1), "ours.npz")
    (tmp_path / "authors.net").write_bytes(b"any")
    (tmp_path / "photos").mkdir()
    pixels = np.random.default_rng(2).integers(0, 256, (3, 60, 50, 3), dtype=np.uint8)
    for index, picture in enumerate(pixels):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{index}.png")

    def run(*arguments: str):
        status = run_command(monkeypatch, app, *arguments)
        return status, capsys.readouterr().err

    return run


@pytest.mark.parametrize(("text", "size"), [("8,9", (8, 9)), ("8", (8, 8)), (" 8, 9", (8, 9))])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "8,", "8,9,10", "-1", "8x9", "½"])
def test_other_sizes_are_refused(text):
    with pytest.raises(FirebrickError, match="say 224,224"):
        parse_size(text)


def test_a_size_for_a_model_that_leaves_it_open(tmp_path):
    path = tmp_path / "net.onnx"
    onnx.save(of_any_size(), path)
    with pytest.raises(FirebrickError, match="give them with --input-size H,W"):
        load_onnx(path)
    assert load_onnx(path, size=(31, 27)).input_shape == (31, 27, 3)
    fixed = squeezenet()
    fix_size(fixed, (25, 21))
    with pytest.raises(FirebrickError, match=r"'data' \(input\): has the size 25,21; leave"):
        fix_size(fixed, (24, 24))


def test_a_size_for_others():
    assert read_model(None, family=Family(), size=(100, 120)).input_shape == (100, 120, 3)
    with pytest.raises(FirebrickError, match="has a size already"):
        read_model(None, size=(32, 32))
    assert with_input_size(None, None) is None
    assert with_input_size("sr=0.5", "96") == "sr=0.5,size=96"
    assert with_input_size(None, "96,96") == "size=96"
    with pytest.raises(FirebrickError, match="is square"):
        with_input_size(None, "96,97")


# The command line


@pytest.mark.parametrize(("given", "shape"), [
    (("--model", "open.onnx", "--input-size", "33,29"), (33, 29, 3)),
    (("--model", "open.onnx", "--input-size", "31"), (31, 31, 3)),
    (("--model", "fixed.onnx", "--input-size", "25,21"), (25, 21, 3)),  # its own size, once more
    (("--family", SMALL, "--input-size", "48,40"), (48, 40, 3)),
])  # fmt: skip
def test_a_size_from_the_command_line(call, given, shape):
    status, err = call("export", *given, "--calibrate", "photos", "--npz", "out.npz")
    assert (status, err) == (0, "")
    network = load_network("out.npz")
    assert network.input.shape == shape
    assert network.preprocessing.crop == shape[:2]


@pytest.mark.parametrize("command", [("--board", "arty_a7"), ("export", "--npz", "out.npz")])
@pytest.mark.parametrize(("given", "message"), [
    (("--model", "open.onnx"), "open.onnx: node 'data' (input): has no fixed height and width; "
                               "give them with --input-size H,W"),
    (("--model", "open.onnx", "--input-size", "24x24"), "--input-size 24x24: give height and width "
                                                        "of the input, say 224,224"),
    (("--model", "open.onnx", "--input-size", "0,9"), "--input-size 0,9: give height and width"),
    (("--model", "open.onnx", "--input-size", "70000,9"), "a frame may have"),
    (("--model", "open.onnx", "--input-size", "1,1"), "the input of (1, 1, 3) is too small; give"),
    (("--model", "fixed.onnx", "--input-size", "24"), "has the size 25,21; leave --input-size out"),
    (("--model", "ours.npz", "--input-size", "24"), "ours.npz: has a size already; leave out "
                                                    "--input-size"),
    (("--model", "authors.net", "--input-size", "24"), "authors.net: has a size already; leave"),
    (("--input-size", "24"), "the default: has a size already; leave out --input-size"),
    (("--family", SMALL, "--calibrate", "photos", "--input-size", "1"),
     "the input of (1, 1, 3) is too small; give a larger one"),
])  # fmt: skip
def test_sizes_that_are_refused(call, command, given, message):
    status, err = call(*command, *given)
    assert (status, err.count("\n")) == (2, 1)
    assert message in err


def test_sweeps_are_of_square_pictures(call):
    status, err = call("explore", "--board", "arty_a7", "--input-size", "32,24")
    assert (status, err.count("\n")) == (2, 1)
    assert "--input-size 32,24: the family's input is square; give one number" in err
