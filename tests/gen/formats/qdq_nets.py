"""QDQ networks put together by hand, imported, and held against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from gen.formats.onnx_qdq import import_qdq
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from sim import golden, reference
from tests.gen.onnx_models import OnnxBuilder, QdqBuilder
from tests.graphs import pictures

SIZE = (12, 12)
FRAMES = pictures(SIZE, 12)
RAW = Normalisation()


class QdqNet(QdqBuilder):
    """Quantised layers whose scales suit what they really give.

    ``channels_last`` feeds colours last; the first convolution wants a Transpose then.
    """

    def __init__(self, channels_last: bool = False):
        super().__init__()
        self.last = channels_last
        self.units: dict[str, float] = {}
        self.x = self.settle("data", "data", scale=1.0)

    def model(self, y: str) -> onnx.ModelProto:
        shape = (1, *SIZE, 3) if self.last else (1, 3, *SIZE)
        return self.net.model(y, shape=shape)

    def run(self, y: str) -> np.ndarray:
        return reference.logits(reference.session(self.model(y), optimise=False), FRAMES, RAW)

    def settle(self, x: str, name: str, *, signed: bool = False, scale: float | None = None) -> str:
        """Quantise a tensor, and give its real value again."""
        if scale is None:
            scale = float(np.abs(self.run(x)).max()) / (127 if signed else 255)
        y = self.quantise(x, name, scale, self.symmetric_zero if signed else self.unsigned_zero)
        self.units[y] = scale
        return y

    def pass_on(self, kind: str, x: str, name: str, *more: str, **values: Any) -> str:
        """A node that keeps numbers as they are."""
        y = self.net.node(kind, [x, *more], name, **values)
        self.units[y] = self.units[x]
        return y

    def layer(
        self,
        x: str,
        name: str,
        cin: int,
        cout: int,
        kernel: int = 1,
        *,
        signed: bool = False,
        **values: Any,
    ) -> str:
        y = self.conv(x, name, cin, cout, kernel, self.units[x], pads=[kernel // 2] * 4, **values)
        return self.settle(y if signed else self.net.relu(y, name), name, signed=signed)

    def weighed(
        self, x: str, name: str, inputs: int, outputs: int, *, axis: int = 0, bias: bool = True
    ) -> str:
        """A Gemm of weights (outputs, inputs), or with axis 1 the other way round, per channel."""
        net, rng = self.net, self.net.rng
        shape = (outputs, inputs) if axis == 0 else (inputs, outputs)
        codes = net.constant(f"{name}_w", rng.integers(-127, 128, shape).astype(np.int8))
        scale = rng.uniform(0.5, 1.0, outputs).astype(np.float32) * 0.02
        given = net.constant(f"{name}_ws", scale)
        parts = [x, net.node("DequantizeLinear", [codes, given], f"{name}_w_dq", axis=axis)]
        if not bias:
            if axis == 0:
                parts[1] = net.node("Transpose", [parts[1]], f"{name}_turn", perm=[1, 0])
            return net.node("MatMul", parts, name)
        values = rng.integers(-3000, 3000, outputs).astype(np.int32)
        unit = net.constant(f"{name}_u", scale * np.float32(self.units[x]))
        parts.append(
            net.node("DequantizeLinear", [net.constant(f"{name}_b", values), unit], axis=0)
        )
        return net.node("Gemm", parts, name, transB=1 - axis)

    def flat(self, x: str) -> str:
        return self.pass_on("Flatten", x, "flat")

    def imported(self, y: str) -> QuantizedNetwork:
        return import_qdq(self.model(y), "qdq")


def compare(net: QdqNet, y: str, most: float = 2.0) -> QuantizedNetwork:
    """The network of the file, whose sums of codes differ from the runtime's by at most so many."""
    network = net.imported(y)
    sums = golden.class_sums(network, FRAMES)
    away = np.abs(net.run(y) / network.output.scale - sums)
    assert away.max() <= most
    assert np.median(away) < 2.1
    return network


def clip(net: OnnxBuilder, x: str, low: float, high: float) -> str:
    limits = [
        net.constant(f"{end}", np.array(value, np.float32))
        for end, value in (("lowest", low), ("highest", high))
    ]
    return net.node("Clip", [x, *limits], "clip")
