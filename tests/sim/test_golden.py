"""The golden model against plain Python integers, one multiplication at a time."""

from collections.abc import Callable
from functools import partial
from itertools import chain

import numpy as np
import pytest

from gen.formats.read import read_quantised
from gen.frames.images import list_images, load_frames
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, AveragePool, Concat, Conv, MaxPool
from sim import golden
from tests.graphs import GRAPHS
from tests.networks import NetworkBuilder, conv_network, fire_network, random_frames, tiny_network
from tests.paths import SHARED

Map = list[list[list[int]]]


def slow_conv(op: Conv, x: Map) -> Map:
    top, left, bottom, right = op.pad
    padding = [int(code) for code in op.pad_code]
    wide = len(x[0]) + left + right
    rows = [[padding] * wide for _ in range(top)]
    rows += [[padding] * left + row + [padding] * right for row in x]
    rows += [[padding] * wide for _ in range(bottom)]
    weights = op.weights.tolist()
    tall_kernel, wide_kernel = op.kernel_size
    read = len(weights[0][0][0])
    y: Map = []
    for r in range(0, len(rows) - tall_kernel + 1, op.stride):
        y.append([])
        for c in range(0, wide - wide_kernel + 1, op.stride):
            pixel = []
            for o, kernel in enumerate(weights):
                acc = int(op.bias[o])
                first = o if op.groups > 1 else 0
                for dy, taps in enumerate(kernel):
                    for dx, tap in enumerate(taps):
                        pixel_read = rows[r + dy][c + dx][first : first + read]
                        for w, v in zip(tap, pixel_read, strict=True):
                            acc += w * v
                value = (acc * int(op.multiplier[o]) + 2 ** (op.shift - 1)) >> op.shift
                pixel.append(max(op.low, min(op.high, value)))
            y[-1].append(pixel)
    return y


def slow_pool(op: MaxPool | AveragePool, x: Map, shape: tuple[int, int, int]) -> Map:
    rows, columns, channels = shape
    top, left, _, _ = op.pad
    return [
        [
            [
                slow_window(op, [
                    x[i][j][k]
                    for i in range(r * op.stride - top, r * op.stride - top + op.kernel)
                    for j in range(c * op.stride - left, c * op.stride - left + op.kernel)
                    if 0 <= i < len(x) and 0 <= j < len(x[0])
                ])
                for k in range(channels)
            ]
            for c in range(columns)
        ]
        for r in range(rows)
    ]  # fmt: skip


def slow_window(op: MaxPool | AveragePool, codes: list[int]) -> int:
    if isinstance(op, MaxPool):
        return max(codes)
    value = (sum(codes) * op.multiplier + 2 ** (op.shift - 1)) >> op.shift
    return max(op.low, min(op.high, value))


def slow_run(network: QuantizedNetwork, frame: np.ndarray) -> dict[str, Map]:
    tensors: dict[str, Map] = {INPUT: frame.tolist()}
    for op in network.ops:
        inputs = [tensors[name] for name in op.inputs]
        shape = network.tensors[op.name].shape
        if isinstance(op, Conv):
            y = slow_conv(op, inputs[0])
        elif isinstance(op, MaxPool | AveragePool):
            y = slow_pool(op, inputs[0], shape)
        elif isinstance(op, Concat):
            y = pixelwise(lambda *pixels: list(chain(*pixels)), inputs)
        elif isinstance(op, Add):
            y = pixelwise(partial(slow_add, op), inputs)
        else:
            pixels = [pixel for row in inputs[0] for pixel in row]
            y = [[[sum(values) for values in zip(*pixels, strict=True)]]]
        tensors[op.name] = y
    return tensors


def pixelwise(function: Callable[..., list[int]], inputs: list[Map]) -> Map:
    return [
        [function(*pixels) for pixels in zip(*rows, strict=True)]
        for rows in zip(*inputs, strict=True)
    ]


def slow_add(op: Add, a: list[int], b: list[int]) -> list[int]:
    half = 2 ** (op.shift - 1)
    totals = [u * op.multiplier[0] + v * op.multiplier[1] + half for u, v in zip(a, b, strict=True)]
    return [max(op.low, min(op.high, total >> op.shift)) for total in totals]


def compare(network: QuantizedNetwork, count: int = 3) -> None:
    frames = random_frames(network, count)
    tensors = golden.run(network, frames)
    assert set(tensors) == set(network.tensors)
    for i, frame in enumerate(frames):
        for name, expected in slow_run(network, frame).items():
            np.testing.assert_array_equal(tensors[name][i], np.array(expected), err_msg=name)
    for name, array in tensors.items():
        signed = network.tensors[name].signed
        wide = network.tensors[name].bits > 8
        assert array.dtype == (np.int64 if wide else np.int8 if signed else np.uint8)
    sums = golden.class_sums(network, frames)
    np.testing.assert_array_equal(sums, tensors[network.output.name].reshape(count, -1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whole_network(seed):
    compare(tiny_network(seed, weight_bits=9 - 2 * seed))


@pytest.mark.parametrize(("kernel", "stride", "pad", "signed"), [
    (1, 1, 0, False),
    (1, 1, 1, True),
    (1, 2, 0, False),
    (3, 1, 1, True),
    (3, 2, (0, 0, 1, 1), False),
    (3, 3, (2, 1, 0, 1), False),
    (7, 2, 0, False),
    (7, 2, 3, True),
])  # fmt: skip
def test_convolution(kernel, stride, pad, signed):
    compare(conv_network(kernel, kernel=kernel, stride=stride, pad=pad, signed=signed))


@pytest.mark.parametrize("name", GRAPHS)
def test_networks_of_many_shapes(name):
    compare(GRAPHS[name](), count=2)


def test_signed_activations_inside():
    compare(fire_network(signed_squeeze=True))


@pytest.mark.parametrize(("kernel", "stride", "ceil"), [
    (3, 2, True), (3, 2, False), (2, 2, True), (2, 2, False), (2, 1, True),
])  # fmt: skip
@pytest.mark.parametrize("shape", [(8, 7, 3), (9, 9, 3)])
def test_max_pool(kernel, stride, ceil, shape):
    net = NetworkBuilder(shape, 5)
    x = net.conv("conv1", INPUT, 4, 1, signed=True)
    compare(net.finish("pool", net.max_pool("pool", x, kernel, stride, ceil=ceil)))


def test_wide_accumulators_stay_exact():
    """All weights and pixels at their extremes: sums far beyond float32's 2**24."""
    net = NetworkBuilder((6, 6, 3), 1)
    x = net.conv("conv1", INPUT, 64, 3, pad=1)
    network = net.finish("wide", net.conv("conv2", x, 4, 5))
    conv = network.convs[1]
    conv.weights[:2] = 127
    conv.weights[2:] = -128
    codes = np.full((1, 6, 6, 64), 255, np.uint8)
    codes[0, 0, 0, 0] = 254  # makes odd sums, which float32 would round
    accumulators = golden.accumulate(conv, network.tensors["conv1"], codes)
    expected = np.einsum("yxc,oyxc->o", codes[0, :5, :5].astype(np.int64), conv.weights.astype(int))
    np.testing.assert_array_equal(accumulators[0, 0, 0].astype(np.int64), expected)
    assert abs(expected[0]) > 1 << 24


def test_wrong_frames_are_refused():
    network = tiny_network()
    with pytest.raises(ValueError, match="frames of float64"):
        golden.run(network, np.zeros((1, *network.input.shape)))
    with pytest.raises(ValueError, match="expected uint8"):
        golden.class_sums(network, np.zeros((1, 5, 5, 3), np.uint8))
    assert golden.class_sums(network, random_frames(network, 0)).shape == (0, 5)


@pytest.mark.skipif(not (SHARED / "models").is_dir(), reason=f"real networks are not in {SHARED}")
def test_frames_of_a_full_network_are_independent():
    network = read_quantised(SHARED / "models" / "squeezenet1.1_u8in_int8_qdq.onnx")
    paths = list_images(SHARED / "imagenet" / "evaluation")[:5]
    frames = load_frames(paths, network.preprocessing)
    alone = [golden.class_sums(network, frame[None])[0] for frame in frames]
    np.testing.assert_array_equal(golden.class_sums(network, frames), alone)
