"""Random graphs of random layers: the same from ONNX Runtime through integers to QDQ again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.fbz import decode, encode
from gen.formats.onnx_float import import_float
from gen.formats.onnx_qdq import import_qdq
from gen.formats.onnx_windows import read_average_pool, read_max_pool
from gen.formats.qdq_export import to_qdq
from gen.ir.ops import MaxPool, window_counts
from gen.quantise.calibrate import float_logits
from gen.quantise.kinds import integer_layer
from gen.quantise.post_training import quantise
from sim import golden
from tests.graphs import CLASSES, NORMALISATION, Net, pictures
from tests.networks import random_frames

KERNELS = ((1, 1), (3, 3), (1, 3), (3, 1), (5, 5), (2, 2))
MOST_CHANNELS = 24
Map = tuple[str, tuple[int, int, int]]
"""A tensor's name in ONNX, and its height, width and channels."""


class RandomNet:
    """Grows a network by layers that its seed picks; ``maps`` are all that it has."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        height, width = (int(side) for side in self.rng.integers(8, 15, 2))
        self.size = (height, height if seed % 2 else width)
        self.net = Net(self.size, seed)
        self.maps: list[Map] = [("data", (*self.size, 3))]
        while len(self.maps) < 2:
            self.conv(*self.maps[0])
        del self.maps[0]

    def grow(self) -> None:
        """Add a layer behind the last map, or any other, if the one that is picked fits."""
        x = self.maps[-1 if self.rng.random() < 0.6 else self.rng.integers(len(self.maps))]
        (self.conv, self.conv, self.pool, self.add, self.concat)[self.rng.integers(5)](*x)

    def name(self, kind: str) -> str:
        return f"{kind}{len(self.net.nodes)}"

    def act(self, x: str, name: str) -> str:
        return self.net.act(x, name, str(self.rng.choice(["Relu", "Relu", "Relu6", ""])))

    def pads(self, kernel: tuple[int, int]) -> tuple[int, int, int, int]:
        most = self.rng.integers(0, (*kernel, *kernel)) * (self.rng.random(4) < 0.5)
        top, left, bottom, right = (int(pad) for pad in most)
        return top, left, bottom, right

    def conv(self, x: str, shape: tuple[int, int, int]) -> None:
        height, width, cin = shape
        kernel, stride = KERNELS[self.rng.integers(len(KERNELS))], int(self.rng.choice([1, 1, 2]))
        group = cin if x != "data" and self.rng.random() < 0.25 else 1
        cout, pads = cin if group > 1 else int(self.rng.integers(1, 9)), self.pads(kernel)
        rows, columns = window_counts((height, width), kernel, stride, pads)
        if min(rows, columns) < 1:
            return
        name = self.name("conv")
        spread = 1.4 / np.sqrt(cin // group * kernel[0] * kernel[1])
        weight = self.rng.normal(0, spread, (cout, cin // group, *kernel)).astype(np.float32)
        inputs = [x, self.net.constant(f"{name}.weight", weight)]
        y = self.net.node("Conv", inputs, name, strides=[stride] * 2, pads=pads, group=group)
        y = self.net.batch_norm(y, f"{name}_bn", cout)
        self.maps.append((self.act(y, name), (rows, columns, cout)))

    def pool(self, x: str, shape: tuple[int, int, int]) -> None:
        kind, read = (("MaxPool", read_max_pool), ("AveragePool", read_average_pool))[
            self.rng.integers(2)
        ]
        kernel, stride = (int(n) for n in self.rng.integers(1, 4, 2))
        pads = self.pads((kernel, kernel))
        # ONNX Runtime's shapes and its results differ on windows of nothing but padding
        ceil = not any(pads) and kernel >= stride and self.rng.random() < 0.5
        values: dict[str, Any] = {"ceil_mode": int(ceil), "pads": pads}
        if kind == "AveragePool":
            values["count_include_pad"] = 1
        values |= {"kernel_shape": [kernel] * 2, "strides": [stride] * 2}
        y = self.net.node(kind, [x], self.name("pool"), **values)
        try:
            pool = read(self.net.nodes[-1], shape)
        except FirebrickError:
            self.net.nodes.pop()
            return
        windows = MaxPool("", (), pool.kernel, pool.stride, pool.ceil, pool.pad)
        rows, columns = windows.counts(shape[:2])
        self.maps.append((y, (rows, columns, shape[2])))

    def add(self, x: str, shape: tuple[int, int, int]) -> None:
        alike = [name for name, other in self.maps if other == shape]
        name = self.name("add")
        y = self.net.node("Add", [x, alike[self.rng.integers(len(alike))]], name)
        self.maps.append((self.act(y, name), shape))

    def concat(self, x: str, shape: tuple[int, int, int]) -> None:
        alike = [(name, other[2]) for name, other in self.maps if other[:2] == shape[:2]]
        picked = [alike[k] for k in self.rng.integers(len(alike), size=self.rng.integers(1, 5))]
        channels = sum(own for _, own in picked)
        if channels <= MOST_CHANNELS:
            y = self.net.cat(self.name("cat"), *(name for name, _ in picked))
            self.maps.append((y, (*shape[:2], channels)))

    def end(self) -> str:
        """One of several heads on the last map."""
        x, (height, width, channels) = self.maps[-1]
        kind = self.rng.integers(4)
        if kind == 0:
            return self.net.average(x)
        if kind == 1:
            return self.net.gemm(self.net.average(x), "fc", channels, CLASSES)
        flat = self.net.node("Flatten", [x], "flat")
        y = self.net.gemm(flat, "fc", height * width * channels, CLASSES)
        if kind == 2:
            return y
        return self.net.gemm(self.net.relu(y, "fc"), "fc2", CLASSES, 4)


@pytest.mark.parametrize("seed", range(12))
def test_all_forms_of_a_random_graph_agree(seed):
    reference = pytest.importorskip("sim.reference")
    made = RandomNet(seed)
    for _ in range(made.rng.integers(3, 10)):
        made.grow()
    model = made.net.model(made.end(), shape=(1, 3, *made.size))
    graph, frames = import_float(model, "random"), pictures(made.size, 6, seed)
    expected = reference.logits(reference.session(model), frames, NORMALISATION)
    got = float_logits(graph.fold_input(NORMALISATION), frames)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())

    bits = 8 if seed % 2 else 4
    network = quantise(
        graph, frames, normalisation=NORMALISATION, weight_bits=bits, rounding="gptq"
    )
    pixels = random_frames(network, 3, seed)
    tensors = golden.run(network, pixels)
    for op in network.ops[:-1]:
        x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
        codes = integer_layer(op, [tensors[source] for source in op.inputs], x, y)
        np.testing.assert_array_equal(codes, tensors[op.name], err_msg=op.name)
    assert decode(encode(network)).digest == network.digest
    again = import_qdq(to_qdq(network), "again")
    np.testing.assert_array_equal(
        golden.class_sums(again, pixels), golden.class_sums(network, pixels)
    )
