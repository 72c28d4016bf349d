"""Small SqueezeNets written as ONNX in the ways exporters write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 25, 21
CLASSES = 7


class OnnxBuilder:
    """Nodes and initialisers in the order they are added; methods return their output's name.

    Parameters
    ----------
    opset : int
    torch_names : bool
        Name nodes and tensors as torch's exporter does.
    """

    def __init__(self, opset: int = 13, torch_names: bool = False, seed: int = 1):
        self.opset = opset
        self.torch_names = torch_names
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._count = 0

    def constant(self, name: str, value: np.ndarray) -> str:
        self.tensors.append(numpy_helper.from_array(value, name))
        return name

    def node(
        self, kind: str, inputs: list[str], name: str = "", outputs: int = 1, **attributes: Any
    ) -> str:
        self._count += 1
        label = f"/features/{name}/{kind}" if self.torch_names else name
        names = [
            f"{label}_output_{i}" if self.torch_names else f"t{self._count}_{i}"
            for i in range(outputs)
        ]
        self.nodes.append(helper.make_node(kind, inputs, names, name=label, **attributes))
        return names[0]

    def conv(
        self,
        x: str,
        name: str,
        cin: int,
        cout: int,
        kernel: int = 1,
        *,
        bias: bool = True,
        stride: int = 1,
        pad: int = 0,
        **attributes: Any,
    ) -> str:
        spread = 1.4 / np.sqrt(cin * kernel * kernel)
        weight = self.rng.normal(0, spread, (cout, cin, kernel, kernel)).astype(np.float32)
        inputs = [x, self.constant(f"{name}.weight", weight)]
        if bias:
            values = self.rng.normal(0, 0.3, cout).astype(np.float32)
            inputs.append(self.constant(f"{name}.bias", values))
        if "auto_pad" not in attributes:
            attributes["pads"] = [pad] * 4
        return self.node("Conv", inputs, name, strides=[stride] * 2, **attributes)

    def batch_norm(self, x: str, name: str, channels: int) -> str:
        inputs = [x]
        for part, low, high in (
            ("scale", 0.5, 1.5),
            ("b", -0.2, 0.2),
            ("mean", -0.3, 0.3),
            ("var", 0.4, 2.0),
        ):
            values = self.rng.uniform(low, high, channels).astype(np.float32)
            inputs.append(self.constant(f"{name}.{part}", values))
        return self.node("BatchNormalization", inputs, name, epsilon=1e-3)

    def relu(self, x: str, name: str) -> str:
        return self.node("Relu", [x], f"{name}_relu")

    def fire(
        self,
        x: str,
        name: str,
        cin: int,
        squeeze: int,
        expand: int,
        *,
        batch_norm: bool = False,
        bypass: bool = False,
    ) -> str:
        def layer(x: str, part: str, cin: int, cout: int, kernel: int) -> str:
            label = f"{name}.{part}"
            y = self.conv(x, label, cin, cout, kernel, pad=kernel // 2, bias=not batch_norm)
            if batch_norm:
                y = self.batch_norm(y, f"{label}_bn", cout)
            return self.relu(y, label)

        s = layer(x, "squeeze", cin, squeeze, 1)
        parts = [
            layer(s, "expand1x1", squeeze, expand, 1),
            layer(s, "expand3x3", squeeze, expand, 3),
        ]
        y = self.node("Concat", parts, f"{name}_cat", axis=1)
        return self.node("Add", [y, x], f"{name}_add") if bypass else y

    def dropout(self, x: str) -> str:
        if self.opset >= 12:
            ratio = self.constant("ratio", np.array(0.5, np.float32))
            training = self.constant("training", np.array(False))
            return self.node("Dropout", [x, ratio, training], "drop", outputs=2)
        return self.node("Dropout", [x], "drop", outputs=2, ratio=0.5)

    def model(
        self,
        y: str,
        outputs: list[int] | None = None,
        metadata: dict[str, str] | None = None,
        shape: tuple[int | str, ...] = (1, 3, HEIGHT, WIDTH),
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info("data", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(y, TensorProto.FLOAT, outputs)],
            self.tensors,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 8
        if metadata:
            helper.set_model_props(model, metadata)
        return model


def squeezenet(
    opset: int = 13,
    *,
    torch_names: bool = False,
    batch_norm: bool = False,
    bypass: bool = True,
    first_pad: int = 0,
    ceil: bool = True,
    tail: str = "flatten",
    last_relu: bool = True,
    metadata: dict[str, str] | None = None,
    seed: int = 1,
) -> onnx.ModelProto:
    """Two Fire modules between two pools, a classifier, and one of several tails."""
    net = OnnxBuilder(opset, torch_names, seed)
    x = net.relu(net.conv("data", "conv1", 3, 8, 3, stride=2, pad=first_pad), "conv1")
    x = _pool(net, x, "pool1", ceil)
    x = net.fire(x, "fire2", 8, 4, 6, batch_norm=batch_norm)
    x = net.fire(x, "fire3", 12, 5, 6, batch_norm=batch_norm, bypass=bypass)
    x = _pool(net, x, "pool3", ceil)
    x = net.dropout(x)
    x = net.conv(x, "conv10", 12, CLASSES)
    if last_relu:
        x = net.relu(x, "conv10")
    return net.model(_tail(net, x, tail), metadata=metadata)


def _pool(net: OnnxBuilder, x: str, name: str, ceil: bool) -> str:
    window: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2]}
    if not ceil:
        return net.node("MaxPool", [x], name, **window)
    if net.opset < 10:  # no ceil mode yet: exporters pad the end instead
        return net.node("MaxPool", [x], name, pads=[0, 0, 1, 1], **window)
    return net.node("MaxPool", [x], name, ceil_mode=1, **window)


def _tail(net: OnnxBuilder, x: str, tail: str) -> str:
    if tail == "mean":
        if net.opset < 18:
            return net.node("ReduceMean", [x], "mean", axes=[-1, -2], keepdims=0)
        axes = net.constant("axes", np.array([-1, -2], np.int64))
        return net.node("ReduceMean", [x, axes], "mean", keepdims=0)
    x = net.node("GlobalAveragePool", [x], "pool10")
    if tail == "softmax":
        return net.node("Softmax", [x], "prob", axis=1)
    if tail == "reshape":
        shape = net.node("Shape", [x], "shape")
        first = net.node("Gather", [shape, net.constant("zero", np.array(0, np.int64))], "gather")
        axis = net.constant("axis", np.array([0], np.int64))
        first = net.node("Unsqueeze", [first, axis], "unsqueeze")
        rest = net.constant("rest", np.array([-1], np.int64))
        x = net.node("Reshape", [x, net.node("Concat", [first, rest], "shape_cat", axis=0)], "view")
        return net.node("LogSoftmax", [x], "prob", axis=1)
    return net.node("Flatten", [x], "flatten", axis=1)


class QdqBuilder:
    """Write a QDQ model by hand, with a choice of zero points and of branch scales."""

    def __init__(self, signed_codes: bool = False):
        self.net = OnnxBuilder(13)
        self.codes: dict[str, str] = {}
        self.unsigned_zero = np.int8(-128) if signed_codes else np.uint8(0)
        self.symmetric_zero = np.int8(0) if signed_codes else np.uint8(128)

    def quantise(self, x: str, name: str, scale: float, zero: np.generic) -> str:
        net = self.net
        inputs = [net.constant(f"{name}_s", np.array(scale, np.float32)),
                  net.constant(f"{name}_z", np.asarray(zero))]  # fmt: skip
        self.codes[name] = net.node("QuantizeLinear", [x, *inputs], f"{name}_q")
        return net.node("DequantizeLinear", [self.codes[name], *inputs], f"{name}_dq")

    def conv(
        self, x: str, name: str, cin: int, cout: int, kernel: int, unit: float, **pads: Any
    ) -> str:
        net, rng = self.net, self.net.rng
        codes = rng.integers(-127, 128, (cout, cin, kernel, kernel)).astype(np.int8)
        scale = rng.uniform(0.5, 1.0, cout).astype(np.float32) * 0.02
        bias = rng.integers(-3000, 3000, cout).astype(np.int32)
        inputs = [
            net.node("DequantizeLinear", [
                net.constant(f"{name}_{part}", values), net.constant(f"{name}_{part}_s", scales),
            ], f"{name}_{part}_dq", axis=0)
            for part, values, scales in (("w", codes, scale), ("b", bias, scale * np.float32(unit)))
        ]  # fmt: skip
        return net.node("Conv", [x, *inputs], name, **pads)


def qdq_squeezenet(signed_codes: bool = False) -> tuple[onnx.ModelProto, dict[str, str]]:
    """A Fire module with bypass, branches with scales of their own, a linear classifier."""
    q = QdqBuilder(signed_codes)
    zero = q.unsigned_zero
    x = q.quantise("data", "data", 1.0, zero)
    x = q.quantise(q.net.relu(q.conv(x, "conv1", 3, 8, 3, 1.0, strides=[2, 2]), "conv1"),
                   "conv1", 5.0, zero)  # fmt: skip
    x = q.net.node("MaxPool", [x], "pool1", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = q.quantise(x, "pool1", 5.0, zero)
    s = q.quantise(q.conv(x, "squeeze", 8, 5, 1, 5.0), "squeeze", 6.0, zero)
    e1 = q.quantise(q.conv(s, "expand1x1", 5, 4, 1, 6.0), "expand1x1", 8.0, zero)
    e3 = q.quantise(q.conv(s, "expand3x3", 5, 4, 3, 6.0, pads=[1] * 4), "expand3x3", 20.0, zero)
    y = q.quantise(q.net.node("Concat", [e1, e3], "cat", axis=1), "cat", 20.0, zero)
    y = q.quantise(q.net.node("Add", [y, x], "add"), "add", 22.7, zero)
    y = q.quantise(q.conv(y, "conv10", 8, CLASSES, 1, 22.7), "conv10", 60.0, q.symmetric_zero)
    y = q.quantise(q.net.node("GlobalAveragePool", [y], "pool10"), "pool10", 10.0, zero)
    return q.net.model(q.net.node("Flatten", [y], "flat")), q.codes


def frames(count: int, seed: int = 3) -> np.ndarray:
    """Smooth random pictures, so that the layers have something to tell apart."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 6, 6, 3)).astype(np.float64)
    fine = coarse.repeat(5, axis=1).repeat(5, axis=2)[:, :HEIGHT, :WIDTH]
    noisy = fine + rng.normal(0, 12, fine.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)
