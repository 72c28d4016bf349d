import numpy as np
import pytest

from gen.ir.ops import Concat, FloatAdd, FloatAveragePool, FloatConv, GlobalSum, MaxPool
from gen.quantise.backward import conv_back, patches_back
from gen.quantise.kinds import float_layer, layer_back
from gen.quantise.layers import before_relu, patches


@pytest.mark.parametrize(
    ("kernel", "stride", "pad"),
    [
        ((1, 1), 1, (0,) * 4),
        ((3, 3), 1, (1,) * 4),
        ((3, 3), 2, (0, 0, 1, 1)),
        ((1, 1), 1, (1,) * 4),
        ((1, 1), 2, (0,) * 4),
        ((1, 3), 1, (0, 1, 0, 1)),
        ((3, 2), 2, (1, 0, 1, 0)),
    ],
)
def test_windows_and_their_gradients_are_adjoint(kernel, stride, pad):
    rng = np.random.default_rng(sum(kernel) + stride)
    weights = np.zeros((2, *kernel, 3), np.float32)
    op = FloatConv("c", ("x",), weights, np.zeros(2, np.float32), stride, pad)
    x = rng.integers(-9, 10, (2, 7, 6, 3)).astype(np.float32)
    windows = patches(op, x, ())
    slope = rng.integers(-9, 10, windows.shape).astype(np.float32)
    assert (patches_back(op, slope, x.shape) * x).sum() == (slope * windows).sum()


@pytest.mark.parametrize(
    "op",
    [
        MaxPool("p", ("a",), 3, 2, ceil=True),
        MaxPool("p", ("a",), 2, 2),
        MaxPool("p", ("a",), 3, 1, pad=(1, 1, 1, 1)),
        MaxPool("p", ("a",), 3, 2, pad=(1, 0, 1, 2)),
        FloatAveragePool("m", ("a",), 2, 2),
        FloatAveragePool("m", ("a",), 3, 2, (1, 0, 1, 2), relu=True, ceiling=20.0),
        FloatAdd("s", ("a", "b"), relu=True, ceiling=20.0),
        Concat("c", ("a", "b")),
        FloatAdd("s", ("a", "b"), relu=True),
        GlobalSum("g", ("a",)),
    ],
    ids=lambda op: type(op).__name__,
)
def test_gradients_are_differences(op):
    rng = np.random.default_rng(1)
    values = rng.permutation(2 * 6 * 5 * 4 * len(op.inputs)) - 100.25
    inputs = list(values.reshape(len(op.inputs), 2, 6, 5, 4).astype(np.float32))
    y = float_layer(op, inputs)
    slope = rng.integers(-5, 6, y.shape).astype(np.float32)
    back = layer_back(op, inputs, y, slope)
    for number, gradient in enumerate(back):
        direction = rng.choice((-0.125, 0.125), inputs[number].shape).astype(np.float32)
        moved = [x + direction * (k == number) for k, x in enumerate(inputs)]
        change = ((float_layer(op, moved) - y).astype(float) * slope).sum()
        assert change == pytest.approx((gradient.astype(float) * direction).sum(), rel=1e-4)


@pytest.mark.parametrize("groups", [1, 3])
def test_gradients_of_convolutions_are_differences(groups):
    rng = np.random.default_rng(groups)
    weights = rng.integers(-4, 5, (3, 3, 2, 3 // groups)).astype(np.float32)
    op = FloatConv("c", ("x",), weights, np.ones(3, np.float32), 2, (1, 0, 1, 1), groups=groups)
    x, direction = (rng.integers(-9, 10, (2, 7, 6, 3)).astype(np.float32) for _ in range(2))
    y = before_relu(op, x)
    slope = rng.integers(-5, 6, y.shape).astype(np.float32)
    change = ((before_relu(op, x + direction) - y) * slope).sum()
    assert change == (conv_back(op, slope, x.shape) * direction).sum()


def test_equal_pixels_share_no_gradient():
    op = MaxPool("p", ("a",), 2, 2)
    x = np.ones((1, 2, 2, 1), np.float32)
    (back,) = layer_back(op, [x], float_layer(op, [x]), np.full((1, 1, 1, 1), 3, np.float32))
    assert back.reshape(-1).tolist() == [3, 0, 0, 0]
