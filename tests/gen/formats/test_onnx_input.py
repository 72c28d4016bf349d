"""The one input of a model."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from gen.formats.onnx_input import MOST_PIXELS, MOST_SIDE
from gen.formats.onnx_nodes import Nodes
from tests.gen.formats.single_nodes import nodes, refusal
from tests.gen.onnx_models import OnnxBuilder


def test_the_one_input():
    net = OnnxBuilder()
    net.constant("weights", np.ones(3, np.float32))
    model = net.model("y", shape=(4, 3, 8, 9))
    # Old exporters list initialisers among the inputs.
    old = helper.make_tensor_value_info("weights", TensorProto.FLOAT, (3,))
    model.graph.input.insert(0, old)
    found = Nodes(model).input
    assert (found.name, found.batch, found.shape()) == ("data", 4, (8, 9, 3))
    other = helper.make_tensor_value_info("mask", TensorProto.FLOAT, (3,))
    model.graph.input.append(other)
    expected = "node 'data, mask' (input): is not the only one, there are 2; export one input"
    assert refusal(lambda: Nodes(model).input) == expected
    assert refusal(lambda: Nodes(model).input) == expected
    del model.graph.input[:]
    expected = "node 'none' (input): is not the only one, there are 0; export one input"
    assert refusal(lambda: Nodes(model).input) == expected


@pytest.mark.parametrize("batch", ["N", None, 0, 1])
def test_one_frame_at_once_where_the_batch_is_open(batch):
    assert nodes(OnnxBuilder(), (batch, 3, 8, 9)).input.batch == 1


@pytest.mark.parametrize(("shape", "message"), [
    ((1, 10), "node 'data' (input): has 2 dimensions; a network on images has four"),
    ((1, 3, 8, 8, 8), "node 'data' (input): has 5 dimensions; a network on images has four"),
    ((1, 2, 8, 9), "node 'data' (input): has shape [1, 2, 8, 9]; it must be (batch, channels, "
                   "height, width) or (batch, height, width, channels), with 1, 3 or 4 channels"),
    ((1, 3, "H", 9), "node 'data' (input): has no fixed height and width; give them with "
                     "--input-size H,W"),
    ((1, 3, 8, "W"), "has no fixed height and width; give them with --input-size H,W"),
    ((1, 3, MOST_SIDE + 1, 1), f"sides of {MOST_SIDE} pixels: export the model with smaller ones"),
    ((1, 3, 1, MOST_SIDE + 1), f"sides of {MOST_SIDE} pixels: export the model with smaller ones"),
    ((1, 3, MOST_PIXELS // 3 // 4096 + 1, 4096), f"a frame may have {MOST_PIXELS} bytes and"),
])  # fmt: skip
def test_inputs_that_are_no_pictures(shape, message: str):
    assert message in refusal(nodes(OnnxBuilder(), shape).input.shape)


def test_colours_last():
    found = nodes(OnnxBuilder(), (1, 8, 9, 3)).input
    assert (found.layout, found.shape()) == ("NHWC", (8, 9, 3))
    both = nodes(OnnxBuilder(), (1, 3, 9, 3)).input
    assert (both.layout, both.shape()) == ("NCHW", (9, 3, 3))


@pytest.mark.parametrize(("shape", "expected"), [
    ((1, 1, 8, 9), ("NCHW", (8, 9, 1))), ((1, 4, 8, 9), ("NCHW", (8, 9, 4))),
    ((1, 8, 9, 1), ("NHWC", (8, 9, 1))), ((1, 8, 9, 4), ("NHWC", (8, 9, 4))),
    ((1, 4, 8, 3), ("NHWC", (4, 8, 3))), ((1, 1, 8, 1), ("NCHW", (8, 1, 1))),
])  # fmt: skip
def test_grey_and_four_channels(shape, expected):
    found = nodes(OnnxBuilder(), shape).input
    assert (found.layout, found.shape()) == expected


@pytest.mark.parametrize("shape", [
    (1, 1, 3), (MOST_SIDE, 1, 3), (1, MOST_SIDE, 3), (MOST_PIXELS // 3 // 4096, 4096, 3),
])  # fmt: skip
def test_the_largest_and_smallest_inputs(shape):
    height, width, channels = shape
    assert nodes(OnnxBuilder(), (1, channels, height, width)).input.shape() == shape
