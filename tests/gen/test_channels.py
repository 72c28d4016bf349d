"""Networks of grey pixels, and of four channels: from the file and photographs to class sums."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from PIL import Image

from bench.zoo import zoo
from gen.common.errors import FirebrickError
from gen.compile import Request, compile_network
from gen.formats.fbz import load_fbz, save_fbz
from gen.frames.images import load_frame
from gen.frames.pixel_options import PixelOptions
from gen.ir.graph import FloatGraph
from gen.ir.network_file import load_network, save_network
from gen.ir.preprocessing import Normalisation, default_preprocessing
from gen.nodes.graph import Graph
from sim import reference
from sim.golden import class_sums

SIDE = 20


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    for number in range(4):
        pixels = rng.integers(0, 256, (5, 5, 4), dtype=np.uint8).repeat(5, axis=0).repeat(5, axis=1)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    np.save(folder / "plain.npy", pixels)
    return folder


@pytest.mark.parametrize("colours", [1, 4])
@pytest.mark.parametrize("last", ["", "last_"])
def test_from_photographs_to_class_sums(photographs, tmp_path, colours, last):
    path = tmp_path / "net.onnx"
    model = zoo()[f"channels_{last}{colours}"]().model
    onnx.save(model, path)
    if colours == 1:
        (photographs / "plain.npy").unlink(missing_ok=True)
    pixels = PixelOptions(mean="0.4", std="0.2")
    network = compile_network(Request(path, photographs, pixels=pixels))
    assert network.source["pixels"].startswith("grey" if colours == 1 else "RGBA")
    assert Graph.of(network).nodes
    save_network(network, tmp_path / "net.npz")
    save_fbz(network, tmp_path / "net.fbz")
    for again in (load_network(tmp_path / "net.npz"), load_fbz(tmp_path / "net.fbz")):
        assert again.preprocessing == network.preprocessing
    frames = np.stack(
        [load_frame(p, network.preprocessing) for p in sorted(photographs.glob("*.png"))]
    )
    assert frames.shape == (4, SIDE, SIDE, colours)
    sums = class_sums(network, frames) * network.output.scale
    session = reference.session(model)
    expected = reference.logits(session, frames, Normalisation((0.4 * 255,) * 3, (0.2 * 255,) * 3))
    assert np.abs(sums - expected).max() < 0.05 * np.abs(expected).max()


def test_colours_become_grey_and_grey_becomes_colours(tmp_path):
    Image.new("RGB", (SIDE, SIDE), (255, 0, 0)).save(tmp_path / "red.png")
    Image.new("L", (SIDE, SIDE), 7).save(tmp_path / "grey.png")
    one, three, four = (default_preprocessing(SIDE, SIDE, channels) for channels in (1, 3, 4))
    assert (load_frame(tmp_path / "red.png", one) == 76).all()  # ITU-R 601's part of red
    assert (load_frame(tmp_path / "grey.png", three) == 7).all()
    assert load_frame(tmp_path / "red.png", four)[0, 0].tolist() == [255, 0, 0, 255]


def test_a_fourth_channel_is_no_opacity(tmp_path):
    pixels = np.full((SIDE * 2, SIDE * 2, 4), 200, np.uint8)
    pixels[..., 3] = 0
    Image.fromarray(pixels).save(tmp_path / "clear.png")
    four = default_preprocessing(SIDE, SIDE, 4)
    expected = np.broadcast_to(np.array([200, 200, 200, 0]), (SIDE, SIDE, 4))
    np.testing.assert_array_equal(load_frame(tmp_path / "clear.png", four), expected)
    assert not load_frame(tmp_path / "clear.png", replace(four, channels=3)).any()


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (SIDE, SIDE, 1), (SIDE, SIDE, 3), (SIDE, SIDE, 4)])
def test_arrays_are_taken_as_they_are(tmp_path, shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "it.npy", pixels)
    channels = 1 if len(shape) == 2 else shape[2]
    frame = load_frame(tmp_path / "it.npy", default_preprocessing(SIDE, SIDE, channels))
    np.testing.assert_array_equal(frame, pixels.reshape(SIDE, SIDE, channels))


@pytest.mark.parametrize("pixels", [
    np.zeros((SIDE, SIDE, 4), np.uint8), np.zeros((SIDE, SIDE, 3)), np.zeros((0, 0, 3), np.uint8),
    np.zeros((1, SIDE, SIDE, 3), np.uint8), np.array([{}]), np.array(1, np.uint8),
], ids=str)  # fmt: skip
def test_other_arrays_are_refused(tmp_path, pixels):
    np.save(tmp_path / "it.npy", pixels)
    with pytest.raises(FirebrickError, match=r"it.npy: .*(this network wants uint8|save it again)"):
        load_frame(tmp_path / "it.npy", default_preprocessing(SIDE, SIDE))


def test_what_is_said_of_other_channels():
    grey = FloatGraph("g", (SIDE, SIDE, 1), ())
    four = replace(grey, input_shape=(SIDE, SIDE, 4))
    found, told = PixelOptions().normalisation(grey)
    assert (found.mean, found.std, found.order) == ((0.0,), (255.0,), [0])
    assert told.startswith("grey, mean 0, deviation 255; unit, assumed")
    found, told = PixelOptions(mean="1,2,3,4", channel_order="bgr").normalisation(four)
    assert (found.mean, found.std, found.order) == ((1, 2, 3, 4), (1,) * 4, [2, 1, 0, 3])
    assert told.startswith("BGRA, mean 1,2,3,4, deviation 1")
    for graph, options in (
        (grey, PixelOptions(preprocess="imagenet")),
        (four, PixelOptions(mean="1,2,3")),
    ):
        with pytest.raises(
            FirebrickError, match=r"but the network's pixels have [14]; give --mean"
        ):
            options.normalisation(graph)
