from dataclasses import replace

import numpy as np
import pytest

from gen.ir.ops import Add, Conv, GlobalSum, MaxPool, pool_size
from tests.networks import random_frames, tiny_network, with_op


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
