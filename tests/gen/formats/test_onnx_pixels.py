"""What graphs do to pixels in front of the first convolution, against ONNX Runtime."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.frames.pixel_options import PixelOptions
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from tests.gen.onnx_models import HEIGHT, WIDTH, OnnxBuilder, frames

MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
STD = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
COLOUR = np.array([104, 117, 123], np.float32).reshape(1, 3, 1, 1)


def integers(net, name, *values):
    return net.constant(name, np.array(values, np.int64))


def unit(net, x):
    """0 to 1, less the mean, over the deviation, as many write it."""
    x = net.node("Div", [x, net.constant("255", np.array(255, np.float32))], "unit")
    x = net.node("Sub", [x, net.constant("mean", MEAN)], "centred")
    return net.node("Div", [x, net.constant("std", STD)], "normal")


def caffe(net, x):
    """Channels swapped by slices and a Concat, then less the mean."""
    ends = [
        (integers(net, f"from{c}", c), integers(net, f"to{c}", c + 1), integers(net, f"axis{c}", 1))
        for c in range(3)
    ]
    parts = [net.node("Slice", [x, *end], f"channel{c}") for c, end in enumerate(ends)]
    x = net.node("Concat", parts[::-1], "bgr", axis=1)
    return net.node("Sub", [x, net.constant("colour", COLOUR)], "centred")


def gathered(net, x):
    x = net.node("Gather", [x, integers(net, "order", 2, 1, 0)], "swapped", axis=1)
    return net.node("Mul", [x, net.constant("k", np.array([1 / 127.5], np.float32))], "scaled")


def batch_norm(net, x):
    parts = {"scale": [2.0, 1.5, 0.5], "b": [1.0, -1.0, 0.0], "mean": [100, 50, 128]}
    names = [net.constant(key, np.array(value, np.float32)) for key, value in parts.items()]
    names.append(net.constant("var", np.array([900, 400, 2500], np.float32)))
    return net.node("BatchNormalization", [x, *names], "norm")


def padded(net, x):
    """Mean pixels around the frame, then less the mean."""
    pads = integers(net, "pads", 0, 0, 1, 2, 0, 0, 3, 0)
    x = net.node("Pad", [x, pads, net.constant("fill", np.array(120, np.float32))], "around")
    return net.node("Sub", [x, net.constant("grey", np.array(100, np.float32))], "centred")


def padded_behind(net, x):
    x = net.node("Sub", [x, net.constant("colour", COLOUR)], "centred")
    return net.node("Pad", [x, integers(net, "pads", 0, 0, 1, 1, 0, 0, 1, 1)], "around")


def grey(net, x):
    """One channel of three, by a sum."""
    weights = np.array([0.299, 0.587, 0.114], np.float32).reshape(1, 3, 1, 1)
    x = net.node("Mul", [x, net.constant("luma", weights)], "weighted")
    parts = [net.node("Gather", [x, integers(net, f"c{c}", c)], f"c{c}", axis=1) for c in range(3)]
    return net.node("Sum", parts, "grey")


def network(front, pad=0, channels=3):
    net = OnnxBuilder(13)
    x = net.relu(net.conv(front(net, "data"), "conv1", channels, 6, 3, pad=pad), "conv1")
    return net.model(net.node("GlobalAveragePool", [net.conv(x, "conv2", 6, 5)], "mean"))


def compare(model, normalisation=None):
    reference = pytest.importorskip("sim.reference")
    graph = import_float(model, "net")
    found, told = PixelOptions().normalisation(graph)
    assert "the model normalises pixels" in told
    pictures = frames(4)
    expected = reference.logits(reference.session(model), pictures, found)
    got = float_logits(graph.fold_input(found), pictures)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())
    return graph


@pytest.mark.parametrize(
    ("front", "pad", "channels", "white"),
    [
        (unit, 0, 3, 255),
        (unit, 1, 3, 255),
        (caffe, 0, 3, 255),
        (caffe, 1, 3, 255),
        (gathered, 2, 3, 255),
        (batch_norm, 0, 3, 255),
        (padded, 0, 3, 255),
        (padded_behind, 0, 3, 255),
        (padded_behind, 1, 3, 255),
        (grey, 0, 1, 1),
    ],
)
def test_it_is_folded_into_the_first_layer(front, pad, channels, white):
    graph = compare(network(front, pad, channels))
    assert graph.white == white
    assert [type(op).__name__ for op in graph.ops] == ["FloatConv", "FloatConv", "GlobalSum"]


def test_pixels_of_0_to_1_are_known_by_what_is_subtracted():
    def front(net, x):
        x = net.node("Sub", [x, net.constant("mean", MEAN)], "centred")
        return net.node("Div", [x, net.constant("std", STD)], "normal")

    graph = compare(network(front, pad=1))
    assert graph.white == 1
    assert PixelOptions().normalisation(graph)[0] == Normalisation(std=(255.0,) * 3)


def test_bytes_channels_last_are_taken():
    def front(net, x):
        x = net.node("Cast", [x], "float", to=TensorProto.FLOAT)
        x = net.node("Transpose", [x], "first", perm=[0, 3, 1, 2])
        return unit(net, x)

    model = network(front)
    (fed,) = model.graph.input
    model.graph.input.remove(fed)
    shape = (1, HEIGHT, WIDTH, 3)
    model.graph.input.append(onnx.helper.make_tensor_value_info("data", TensorProto.UINT8, shape))
    expected = import_float(network(unit), "net")
    (first, *_), (op, *_) = expected.ops, import_float(model, "net").ops
    np.testing.assert_array_equal(first.weights, op.weights)
    np.testing.assert_array_equal(first.bias, op.bias)


def test_two_layers_may_read_the_pixels():
    net = OnnxBuilder(13)
    x = unit(net, "data")
    parts = [net.conv(x, f"conv{n}", 3, 4, n, pad=n // 2) for n in (1, 3)]
    x = net.relu(net.node("Concat", parts, "cat", axis=1), "cat")
    compare(net.model(net.node("GlobalAveragePool", [net.conv(x, "last", 8, 5)], "mean")))


def curve(net, x):
    return net.node("Mul", [x, x], "squared")


def places(net, x):
    values = np.random.default_rng(1).normal(size=(1, 3, HEIGHT, WIDTH)).astype(np.float32)
    return net.node("Sub", [x, net.constant("image", values)], "mean_image")


def cropped(net, x):
    ends = [integers(net, name, value) for name, value in (("a", 1), ("b", 20), ("c", 2))]
    x = net.node("Slice", [x, *ends], "cropped")
    return net.node("Sub", [x, net.constant("colour", COLOUR)], "centred")


@pytest.mark.parametrize(
    ("front", "message"),
    [
        (curve, r"'squared' \(Mul\): what the graph does to pixels.*is no affine function"),
        (places, r"'mean_image' \(Sub\): .*is no affine function, the same for every pixel"),
        (cropped, r"'centred' \(Sub\): .*does not leave every pixel in its place"),
    ],
)
def test_what_is_no_affine_function_of_each_pixel_is_refused(front, message):
    with pytest.raises(FirebrickError, match=message + ".*do it before the network"):
        import_float(network(front), "net")


def test_padding_of_another_colour_than_the_border_is_refused():
    with pytest.raises(FirebrickError, match="beside a border of another colour"):
        import_float(network(padded, pad=1), "net")


def test_a_pool_of_normalised_pixels_is_refused():
    net = OnnxBuilder(13)
    x = net.node("MaxPool", [unit(net, "data")], "pool", kernel_shape=[2, 2])
    model = net.model(net.node("GlobalAveragePool", [net.conv(x, "conv", 3, 5)], "mean"))
    with pytest.raises(FirebrickError, match=r"'pool' \(MaxPool\): reads pixels that the"):
        import_float(model, "net")


def test_metadata_goes_before_what_the_graph_seems_to_expect():
    graph = import_float(network(unit), "net")
    said = replace(graph, metadata={"mean": "0", "std": "255"})
    assert PixelOptions().normalisation(said)[0] == Normalisation(std=(255.0,) * 3)
