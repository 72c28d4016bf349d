"""Networks in QONNX, as Brevitas exports them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.gen.onnx_models import CLASSES, OnnxBuilder

DOMAIN = "qonnx.custom_op.general"


class Net(OnnxBuilder):
    """Layers of a Brevitas network."""

    def quant(self, x: str, name: str, scale: Any, bits: float, zero: int = 0, **said: Any) -> str:
        parts = [
            self.constant(f"{name}_{part}", np.asarray(value, np.float32))
            for part, value in (("s", scale), ("z", zero), ("bits", bits))
        ]
        values: dict[str, Any] = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **said}
        return self.node("Quant", [x, *parts], name, domain=DOMAIN, **values)

    def layer(
        self, x: str, name: str, cin: int, cout: int, *, kernel: int = 1, bits: int = 4,
        act_bits: int = 8, step: float = 0.02, norm: bool = False, **values: Any,
    ) -> str:  # fmt: skip
        spread = 1.4 / np.sqrt(cin * kernel**2)
        weight = self.rng.normal(0, spread, (cout, cin, kernel, kernel)).astype(np.float32)
        scale = np.abs(weight).max(axis=(1, 2, 3), keepdims=True) / (2 ** (bits - 1) - 1)
        given = self.constant(f"{name}.weight", weight)
        parts = [self.quant(given, f"{name}_weight_quant", scale, bits, narrow=1)]
        bias = self.constant(f"{name}.bias", self.rng.normal(0, 0.2, cout).astype("f4"))
        if norm:
            unit = np.full(cout, 0.001, np.float32)
            parts.append(self.quant(bias, f"{name}_bias_quant", unit, 16))
            y = self.batch_norm(self.node("Conv", [x, *parts], name, **values), name, cout)
        else:
            y = self.node("Conv", [x, *parts, bias], name, **values)
        return self.quant(self.relu(y, name), f"{name}_act", step, act_bits, signed=0)


def network(**options: Any) -> onnx.ModelProto:
    net = Net(17)
    x = net.quant("data", "input", 1 / 255, 8, signed=0)
    x = net.layer(x, "conv1", 3, 8, kernel=3, bits=8, strides=[2, 2])
    s = net.layer(x, "squeeze", 8, 6, **options)
    a = net.layer(s, "expand1", 6, 4, **options)
    b = net.layer(s, "expand3", 6, 4, kernel=3, pads=[1] * 4, **options)
    x = net.node("Concat", [a, b], "cat", axis=1)
    x = net.node("MaxPool", [x], "pool", kernel_shape=[3, 3], strides=[2, 2])
    x = net.layer(x, "conv10", 8, CLASSES, bits=8, step=0.01)
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x], "mean")], "flat")
    model = net.model(x)
    model.opset_import.append(helper.make_opsetid(DOMAIN, 2))
    return model
