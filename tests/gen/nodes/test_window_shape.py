"""Windows over padded maps: the memory that they are read from, its waits, and what each needs."""

from dataclasses import replace

import numpy as np
import pytest

from gen.ir.ops import INPUT
from hw.layers.folding import EnginePlan
from tests.gen.nodes.shapes import shape_of
from tests.gen.squeezenets import squeezenet1_1
from tests.networks import NetworkBuilder


def test_window_pixels_cover_a_window_and_the_longest_jump():
    shape = shape_of(squeezenet1_1(), "conv1")  # 224 x 224, 3 x 3, stride 2, no padding
    starts = np.array([[r * 2 * 224 + c * 2 for c in range(111)] for r in range(111)]).ravel()
    jumps = np.diff(np.append(starts, 224 * 224))
    assert shape.window_pixels == 2 * 224 + 3 + jumps.max()
    assert shape_of(squeezenet1_1(), "conv10").window_pixels == 4


def test_a_smaller_window_memory_makes_the_engine_wait_between_frames():
    shape = shape_of(squeezenet1_1(), "fire2/expand3x3")  # 55 x 55 with a border of 1
    plan = EnginePlan(8, 1, 1, "lut", "lut", "lut", shape.window_pixels)
    busy = shape.compute_cycles(8, 1)
    assert shape.window_pixels == 2 * (2 * 57 + 3)
    assert shape.engine_cycles(plan) == busy
    # The first window ends in the third row and column, the second ones of the frame.
    assert shape.wait_pixels(shape.window_pixels - 5) == 5
    assert shape.wait_pixels(shape.fewest_pixels) == 55 + 2
    assert shape.fewest_pixels == 2 * 57 + 3 + 3
    short = replace(plan, window_pixels=shape.fewest_pixels)
    assert shape.engine_cycles(short) == busy + -(-busy * 57 // 55**2)
    small = shape_of(squeezenet1_1(), "fire9/expand3x3")
    assert small.wait_pixels(small.fewest_pixels) <= 0.02 * 13 * 13


@pytest.mark.parametrize(("kernel", "stride", "pad"), [
    (3, 1, 1), (3, 2, (0, 0, 1, 1)), (5, 2, (3, 1, 2, 4)), (2, 3, 0), (1, 2, 0), (1, 1, 2),
    (4, 1, (3, 3, 3, 3)),
])  # fmt: skip
def test_the_last_pixel_of_each_window(kernel, stride, pad):
    net = NetworkBuilder((7, 9, 3), 1)
    x = net.conv("conv", INPUT, 2, kernel, stride=stride, pad=pad)
    shape = shape_of(net.finish("net", x), "conv")
    top, left = shape.origin
    inside = np.full((shape.height, shape.width), -1)
    inside[top : top + 7, left : left + 9] = np.arange(63).reshape(7, 9)
    windows = [
        inside[r * stride : r * stride + kernel, c * stride : c * stride + kernel].max()
        for r in range(shape.rows)
        for c in range(shape.columns)
    ]
    real = np.array(windows) >= 0  # a window of padding alone needs nothing
    assert (shape.last_pixels[real] == np.array(windows)[real]).all()
    # Behind the last pixel of a frame and before the first of the next one.
    flat = inside.ravel()
    assert shape.border == np.argmax(flat == 0) + len(flat) - 1 - np.argmax(flat == 62)
