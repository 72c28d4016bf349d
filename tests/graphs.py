"""Small networks of many shapes, each from an ONNX file through the real importer and quantiser.

A frame of each takes some ten thousand multiply-accumulates, so that its hardware is simulated
quickly. They are quantised on random frames and not trained, but their activations use their range.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import onnx

from gen.formats.onnx_float import import_float
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from gen.quantise.post_training import quantise
from tests.gen.onnx_models import OnnxBuilder

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))
"""What all of the float networks expect of their pixels."""
CALIBRATION_FRAMES = 8
CLASSES = 5

Build = Callable[["Net"], str]
"""Adds all layers of a network, whose input is ``data``; gives the name of its output."""


class Net(OnnxBuilder):
    """Adds layers with their ReLUs to an ONNX graph, and a usual first and last layer.

    Parameters
    ----------
    size : tuple of int
        Height and width of the input.
    seed : int
    """

    def __init__(self, size: tuple[int, int], seed: int):
        super().__init__(13, seed=seed)
        self.size = size

    def layer(
        self,
        x: str,
        name: str,
        cin: int,
        cout: int,
        kernel: int | tuple[int, int] = 1,
        *,
        stride: int = 1,
        act: str = "Relu",
        group: int = 1,
        gain: float = 1.4,
    ) -> str:
        """A convolution that keeps its map's size but for the stride, and what follows it."""
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        fan = cin // group * rows * columns
        shape = (cout, cin // group, rows, columns)
        weight = self.rng.normal(0, gain / np.sqrt(fan), shape).astype(np.float32)
        bias = self.rng.normal(0, 0.3, cout).astype(np.float32)
        inputs = [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        pads = [rows // 2, columns // 2] * 2
        y = self.node("Conv", inputs, name, strides=[stride] * 2, pads=pads, group=group)
        return self.act(y, name, act)

    def act(self, x: str, name: str, kind: str = "Relu") -> str:
        """A Relu, a Relu6, or nothing."""
        if kind == "Relu6":
            return self.clip(x, f"{name}_relu6", 6.0)
        return self.relu(x, name) if kind else x

    def clip(self, x: str, name: str, ceiling: float) -> str:
        limits = [
            self.constant(f"{name}.{end}", np.array(value, np.float32))
            for end, value in (("min", 0.0), ("max", ceiling))
        ]
        return self.node("Clip", [x, *limits], name)

    def pool(
        self, x: str, name: str, kernel: int, stride: int, pad: int = 0, *, kind: str = "MaxPool"
    ) -> str:
        window: dict[str, Any] = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        if kind == "AveragePool":
            window["count_include_pad"] = 1
        return self.node(kind, [x], name, pads=[pad] * 4, **window)

    def cat(self, name: str, *parts: str) -> str:
        return self.node("Concat", list(parts), name, axis=1)

    def plus(self, name: str, a: str, b: str, act: str = "") -> str:
        return self.act(self.node("Add", [a, b], name), name, act)

    def gemm(self, x: str, name: str, inputs: int, outputs: int) -> str:
        weight = self.rng.normal(0, 1.4 / np.sqrt(inputs), (outputs, inputs)).astype(np.float32)
        bias = self.rng.normal(0, 0.3, outputs).astype(np.float32)
        values = [self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        return self.node("Gemm", [x, *values], name, transB=1)

    def classify(self, x: str, channels: int) -> str:
        """A 1x1 convolution to the classes, and their average."""
        return self.average(self.layer(x, "conv10", channels, CLASSES, act=""))

    def average(self, x: str) -> str:
        return self.node("Flatten", [self.node("GlobalAveragePool", [x], "sums")], "flatten")


def complex_bypass(net: Net) -> str:
    """A Fire module with a 1x1 convolution on the way around it."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    y = net.fire(x, "fire2", 6, 4, 5)
    around = net.layer(x, "fire2_bypass1x1", 6, 10, act="")
    return net.classify(net.plus("fire2_add", around, y), 10)


def bypass_two_modules(net: Net) -> str:
    """A way around two Fire modules at once."""
    x = net.layer("data", "conv1", 3, 8, 3, stride=2)
    y = net.fire(net.fire(x, "fire2", 8, 3, 5), "fire3", 10, 3, 4)
    return net.classify(net.plus("add", x, y), 8)


def relu_after_add(net: Net) -> str:
    """Signed values are added, and the sum goes through a ReLU."""
    x = net.layer("data", "conv1", 3, 8, 3, stride=2)
    a = net.layer(x, "a", 8, 8, 3, act="")
    b = net.layer(x, "b", 8, 8, act="")
    x = net.plus("add", a, b, "Relu")
    return net.classify(net.plus("add2", net.layer(x, "c", 8, 8, act=""), x, "Relu"), 8)


def concat_three(net: Net) -> str:
    """Branches of 1x1, 3x3 and 5x5, joined in another order."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    one, three, five = (net.layer(x, f"b{k}x{k}", 6, c, k) for k, c in ((1, 5), (3, 4), (5, 3)))
    return net.classify(net.cat("cat", five, one, three), 12)


def concat_split_head(net: Net) -> str:
    """Two 1x1 convolutions read one concatenation; theirs is averaged, as in ZynqNet."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    x = net.fire(x, "fire2", 6, 4, 5)
    halves = [net.layer(x, f"conv10_{half}", 10, 4) for half in (1, 2)]
    return net.average(net.cat("conv10", *halves))


def no_squeeze(net: Net) -> str:
    """Two branches read a pool, with no squeeze layer in front of them."""
    x = net.pool(net.layer("data", "conv1", 3, 6, 3), "pool1", 2, 2)
    x = net.cat("cat", net.layer(x, "one", 6, 5), net.layer(x, "three", 6, 7, 3))
    return net.classify(x, 12)


def plain_chain(net: Net) -> str:
    """Convolutions and pools, one behind the other."""
    x = net.layer("data", "conv1", 3, 6, 3)
    x = net.layer(net.pool(x, "pool1", 2, 2), "conv2", 6, 8, 3)
    x = net.layer(net.pool(x, "pool2", 3, 2), "conv3", 8, 8, 5, act="")
    return net.classify(x, 8)


def resnet_stride(net: Net) -> str:
    """A residual block of stride 2, with a 1x1 convolution of stride 2 around it."""
    x = net.layer("data", "conv1", 3, 4, 3)
    y = net.layer(net.layer(x, "a", 4, 6, 3, stride=2), "b", 6, 6, 3, act="")
    x = net.plus("add1", net.layer(x, "around", 4, 6, stride=2, act=""), y, "Relu")
    y = net.layer(net.layer(x, "c", 6, 6, 3), "d", 6, 6, 3, act="")
    return net.classify(net.plus("add2", y, x, "Relu"), 6)


def zynqnet_small(net: Net) -> str:
    """Fire modules whose squeeze layers shrink the map, no pools, and a split head."""
    x, cin = net.layer("data", "conv1", 3, 6, 3, stride=2), 6
    for name, squeeze, expand, kernel, stride in (
        ("fire2", 4, 6, 3, 2),
        ("fire3", 4, 6, 1, 1),
        ("fire4", 6, 8, 3, 2),
    ):
        s = net.layer(x, f"{name}_squeeze", cin, squeeze, kernel, stride=stride)
        parts = [net.layer(s, f"{name}_expand{k}x{k}", squeeze, expand, k) for k in (1, 3)]
        x, cin = net.cat(f"{name}_concat", *parts), 2 * expand
    halves = [net.layer(x, f"conv10_{half}", cin, 4, act="") for half in (1, 2)]
    return net.average(net.cat("conv10", *halves))


def average_pool(net: Net) -> str:
    """Average pools: of stride 2, of stride 1 with padding, and of signed values."""
    x = net.layer("data", "conv1", 3, 6, 3)
    x = net.layer(net.pool(x, "pool1", 2, 2, kind="AveragePool"), "conv2", 6, 8, 3, act="")
    x = net.layer(net.pool(x, "pool2", 3, 1, 1, kind="AveragePool"), "conv3", 8, 8)
    return net.classify(net.pool(x, "pool3", 3, 2, 1, kind="AveragePool"), 8)


def padded_pool(net: Net) -> str:
    """Max pools 3x3 that pad by a pixel, of stride 1 and 2, the latter of signed values."""
    x = net.pool(net.layer("data", "conv1", 3, 4, 3), "pool1", 3, 1, 1)
    x = net.layer(x, "conv2", 4, 6, 3, act="")
    return net.classify(net.pool(x, "pool2", 3, 2, 1), 6)


def fc_head(net: Net) -> str:
    """A map is flattened for two fully connected layers."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    x = net.layer(x, "conv2", 6, 4, 3, stride=2)
    height, width = ((size + 3) // 4 for size in net.size)
    x = net.node("Flatten", [x], "flatten")
    x = net.relu(net.gemm(x, "fc1", 4 * height * width, 12), "fc1")
    return net.gemm(x, "fc2", 12, CLASSES)


def fc_global(net: Net) -> str:
    """A fully connected layer behind the global average, and the probabilities."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    x = net.average(net.layer(x, "conv2", 6, 8, 3))
    return net.node("Softmax", [net.gemm(x, "fc", 8, CLASSES)], "softmax", axis=1)


def fc_average(net: Net) -> str:
    """A global average in the middle, of a square map, in front of two fully connected layers."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    x = net.average(net.layer(x, "conv2", 6, 8, 3))
    return net.gemm(net.relu(net.gemm(x, "fc1", 8, 10), "fc1"), "fc2", 10, CLASSES)


def depthwise(net: Net) -> str:
    """MobileNet's blocks: depthwise 3x3 and 1x1, each with a ReLU6, of stride 1 and 2."""
    x, cin = net.layer("data", "conv1", 3, 6, 3, stride=2, act="Relu6", gain=6), 6
    for name, cout, stride in (("block2", 8, 1), ("block3", 10, 2)):
        x = net.layer(x, f"{name}_dw", cin, cin, 3, stride=stride, act="Relu6", group=cin)
        x, cin = net.layer(x, f"{name}_pw", cin, cout, act="Relu6"), cout
    return net.classify(x, cin)


def rectangular(net: Net) -> str:
    """Kernels of 1x3 and 3x1, one behind the other and side by side."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    x = net.layer(net.layer(x, "row", 6, 6, (1, 3)), "column", 6, 8, (3, 1))
    parts = [net.layer(x, "wide", 8, 5, (1, 3)), net.layer(x, "tall", 8, 5, (3, 1))]
    return net.classify(net.cat("cat", *parts), 10)


def inception(net: Net) -> str:
    """Convolutions beside a max pool and an average pool of the same map."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    parts = [
        net.layer(x, "one", 6, 4),
        net.layer(net.layer(x, "reduce", 6, 3), "three", 3, 4, 3),
        net.layer(net.pool(x, "pool", 3, 1, 1), "projection", 6, 3),
        net.pool(x, "passed", 3, 1, 1),
        net.pool(x, "mean", 3, 1, 1, kind="AveragePool"),
    ]
    return net.classify(net.cat("cat", *parts), 23)


def relu6_beside_relu(net: Net) -> str:
    """A ReLU6 at the scale of the ReLU that it is joined with, so that it clamps below 255."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    parts = [
        net.layer(x, "six", 6, 5, 3, act="Relu6", gain=6),
        net.layer(x, "free", 6, 5, gain=8),
    ]
    return net.classify(net.cat("cat", *parts), 10)


def double_add(net: Net) -> str:
    """A tensor that two sums read, and a sum that another reads, of inputs at their own scales."""
    x = net.layer("data", "conv1", 3, 6, 3, stride=2)
    a = net.layer(x, "a", 6, 6, 3, act="")
    both = net.plus("add1", a, x)
    return net.classify(net.plus("add2", net.layer(both, "b", 6, 6), a, "Relu"), 6)


BUILDS: dict[str, tuple[Build, tuple[int, int]]] = {
    "complex_bypass": (complex_bypass, (13, 12)),
    "bypass_two_modules": (bypass_two_modules, (12, 13)),
    "relu_after_add": (relu_after_add, (12, 12)),
    "concat_three": (concat_three, (12, 14)),
    "concat_split_head": (concat_split_head, (13, 13)),
    "no_squeeze": (no_squeeze, (12, 12)),
    "plain_chain": (plain_chain, (14, 12)),
    "resnet_stride": (resnet_stride, (12, 12)),
    "zynqnet_small": (zynqnet_small, (16, 16)),
    "average_pool": (average_pool, (12, 12)),
    "padded_pool": (padded_pool, (12, 13)),
    "fc_head": (fc_head, (12, 14)),
    "fc_global": (fc_global, (12, 12)),
    "depthwise": (depthwise, (14, 13)),
    "rectangular": (rectangular, (12, 13)),
    "inception": (inception, (12, 12)),
    "relu6_beside_relu": (relu6_beside_relu, (13, 12)),
    "fc_average": (fc_average, (12, 12)),
    "double_add": (double_add, (12, 12)),
}
"""What adds each network's layers, and the size of its frames."""


def model(name: str) -> onnx.ModelProto:
    """The ONNX file of one of the networks."""
    build, (height, width) = BUILDS[name]
    net = Net((height, width), seed=20 + list(BUILDS).index(name))
    return net.model(build(net), shape=(1, 3, height, width))


def float_graph(name: str) -> FloatGraph:
    """One of the networks as it is imported."""
    return import_float(model(name), name)


def pictures(size: tuple[int, int], count: int, seed: int = 5) -> np.ndarray:
    """Smooth random frames of so many pixels, down and across, uint8 (count, H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 4, 4, 3)).astype(np.float64)
    fine = coarse.repeat(4, axis=1).repeat(4, axis=2)[:, : size[0], : size[1]]
    return np.clip(fine + rng.normal(0, 25, fine.shape), 0, 255).astype(np.uint8)


@cache
def quantised(name: str) -> QuantizedNetwork:
    """One of the networks in integers of 8 bits."""
    frames = pictures(BUILDS[name][1], CALIBRATION_FRAMES)
    return quantise(float_graph(name), frames, normalisation=NORMALISATION)


GRAPHS: dict[str, Callable[[], QuantizedNetwork]] = {
    name: partial(quantised, name) for name in BUILDS
}
"""The quantised networks, by the shape that each one is a case of."""
