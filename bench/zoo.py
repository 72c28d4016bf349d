"""A zoo of ONNX networks in the forms that exporters and versions give them, built by code.

Each is a small network; what differs is how the file says it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper

from bench.onnx_writer import CLASSES, Writer

SIZE = 20
MODERN = 17
OLDEST_THAT_RUNS = 7
"""The oldest version of which ONNX Runtime has all operators."""
Build = Callable[[Writer], str]
"""Writes a network whose input is ``data``; gives the name of its output."""


def whole(net: Writer) -> str:
    """A SqueezeNet with all operators whose form has changed over the versions."""
    x = net.normed(net.conv("data", "conv1", 3, 6, 3, bias=False, stride=2), 6)
    x = net.node_of("MaxPool", [net.relu(x, "conv1")], kernel_shape=[3, 3], strides=[2, 2])
    x = net.fire(x, "fire2", 6, 4, 3)
    x = net.conv(net.pad(x, 0, 0, 1, 1, 0, 0, 1, 1), "fire3", 6, 6, 3, bias=False)
    x = net.clip(net.arithmetic("Add", x, 1, 2, 3, 1, 2, 3), 0.0, 6.0)
    x = net.conv(net.dropped(x), "conv10", 6, CLASSES)
    x = net.mean(x, 2, 3)
    x = net.said("Squeeze", x, "axes", [2, 3], 13)
    x = net.node_of("Softmax", [x], axis=1)
    return net.reshape(net.node_of("Identity", [x]), 1, CLASSES)


def caffe2(net: Writer) -> str:
    """As Caffe2 wrote the zoo's ``squeezenet1.0`` of version 3: tensors named by their layers."""
    x = net.relu(net.conv("data", "conv1", 3, 6, 3, stride=2), "conv1")
    x = net.node_of("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[0] * 4)
    x = net.dropped(net.fire(x, "fire2", 6, 4, 3))
    x = net.relu(net.conv(x, "conv10", 6, CLASSES, pad=1), "conv10")
    return net.node_of("Softmax", [net.node_of("GlobalAveragePool", [x])], axis=1)


def torchscript(net: Writer) -> str:
    """A shape that is followed through Shape, Gather, Unsqueeze and Concat to flatten."""
    x = net.node_of("GlobalAveragePool", [net.conv(net.stem(), "conv10", 6, CLASSES)])
    first = net.node_of("Gather", [net.node_of("Shape", [x]), net.numbers(0, shape=())], axis=0)
    first = net.said("Unsqueeze", first, "axes", [0], 13)
    return net.node_of("Reshape", [x, net.node_of("Concat", [first, net.numbers(-1)], axis=0)])


def resnet(net: Writer) -> str:
    """Pre-activation: maps are read before and after their batch norms."""
    x = net.bare()
    y = net.relu(net.normed(x, 6), "pre1")
    x = net.node_of("Add", [x, net.conv(y, "conv2", 6, 6, 3, pad=1)])
    y = net.relu(net.normed(x, 6), "pre2")
    x = net.node_of("Add", [x, net.conv(y, "conv3", 6, 6, 3, pad=1)])
    return net.head(net.relu(net.normed(x, 6), "end"))


def densenet(net: Writer) -> str:
    """Batch norms behind concatenations."""
    x = net.stem()
    for name in ("a", "b"):
        y = net.conv(net.relu(net.normed(x, 6), name), f"conv{name}", 6, 6, 3, pad=1)
        x = net.layer(net.node_of("Concat", [x, y], axis=1), f"mix{name}", 12, 6, 1)
    return net.head(x)


def mobilenet(net: Writer) -> str:
    """Depthwise convolutions, ReLU6 and a fully connected layer."""
    x = net.clip(net.bare(), 0.0, 6.0)
    x = net.clip(net.normed(net.conv(x, "dw", 1, 6, 3, pad=1, bias=False, group=6), 6), 0.0, 6.0)
    x = net.clip(net.conv(x, "pw", 6, 8), 0.0, 6.0)
    return net.dense(net.node_of("Flatten", [net.node_of("GlobalAveragePool", [x])]), 8, CLASSES)


def last(net: Writer) -> str:
    """Channels last around every layer, as TensorFlow's converters do."""
    x = net.node_of("Transpose", [net.stem()], perm=[0, 2, 3, 1])
    x = net.node_of("Transpose", [x], perm=[0, 3, 1, 2])
    x = net.conv(x, "conv10", 6, CLASSES)
    x = net.node_of("Transpose", [x], perm=[0, 2, 3, 1])
    return net.mean(x, 1, 2, keepdims=0)


def matmul(net: Writer) -> str:
    """A fully connected layer as MatMul and Add."""
    x = net.reshape(net.node_of("GlobalAveragePool", [net.stem()]), -1, 6)
    weight = net.constant("w", net.rng.normal(0, 1, (6, CLASSES)).astype(np.float32))
    return net.node_of("Add", [net.node_of("MatMul", [x, weight]),
                               net.numbers(1, 2, 3, 4, 5, kind=np.float32)])  # fmt: skip


def flat(net: Writer) -> str:
    """A fully connected layer of a map."""
    x = net.node_of("MaxPool", [net.stem()], kernel_shape=[2, 2], strides=[2, 2])
    return net.dense(net.node_of("Flatten", [x]), 6 * 25, CLASSES, alpha=0.5)


def coloured(colours: int, net: Writer, last: bool = False) -> str:
    """Pixels that are not RGB.

    Parameters
    ----------
    colours : int
        Channels.
    net : Writer
    last : bool
        Whether these come last.
    """
    x = net.node_of("Transpose", ["data"], perm=[0, 3, 1, 2]) if last else "data"
    return net.head(net.layer(x, "conv1", colours, 6, stride=2))


def branches(net: Writer) -> str:
    """An If that a constant decides; both branches read an outer tensor."""
    x, graphs = net.bare(), {}
    for name, kind in (("then_branch", "Relu"), ("else_branch", "Sigmoid")):
        end = helper.make_tensor_value_info("inner", TensorProto.FLOAT, None)
        graphs[name] = helper.make_graph([helper.make_node(kind, [x], ["inner"])], name, [], [end])
    return net.head(net.node_of("If", [net.numbers(1, shape=(), kind=bool)], **graphs))


def _activation(write: Callable[[Writer, str], str]) -> Build:
    """A form of what stands between two convolutions."""
    return lambda net: net.head(write(net, net.bare()))


def _weights(write: Callable[[Writer, np.ndarray], str]) -> Build:
    """A form of a convolution's weights."""

    def build(net: Writer) -> str:
        weight = net.rng.normal(0, 0.4, (6, 3, 3, 3)).astype(np.float32)
        x = net.node_of("Conv", ["data", write(net, weight)], strides=[2, 2])
        return net.head(net.relu(x, "conv1"))

    return build


def _front(write: Callable[[Writer, str], str]) -> Build:
    """A form of what a graph does to its pixels."""

    def build(net: Writer) -> str:
        return net.head(net.layer(write(net, "data"), "conv1", 3, 6))

    return build


def _tail(write: Callable[[Writer, str], str]) -> Build:
    """A form of what follows the last convolution."""
    return lambda net: write(net, net.conv(net.stem(), "conv10", 6, CLASSES))


def _cast(net: Writer, weight: np.ndarray, kind: int) -> str:
    tensor = helper.make_tensor("half", kind, weight.shape, weight.ravel())
    net.tensors.append(tensor)
    return net.node_of("Cast", ["half"], to=TensorProto.FLOAT)


SIX = (0.5, 1.5, 1.0, 2.0, 0.7, 1.2)
ACTIVATIONS: dict[str, Callable[[Writer, str], str]] = {
    "max": lambda n, x: n.node_of("Max", [x, n.scalar(0)]),
    "max_first": lambda n, x: n.node_of("Max", [n.scalar(0), x]),
    "min_of_max": lambda n, x: n.node_of("Min", [n.node_of("Max", [x, n.scalar(0)]), n.scalar(6)]),
    "max_of_min": lambda n, x: n.node_of("Max", [n.node_of("Min", [x, n.scalar(6)]), n.scalar(0)]),
    "clip_open": lambda n, x: n.clip(x, 0.0, None),
    "clip_of_relu": lambda n, x: n.clip(n.relu(x, "r"), -3.0, 2.0),
    "leaky_relu_0": lambda n, x: n.node_of("LeakyRelu", [x], alpha=0.0),
    "leaky_relu_1": lambda n, x: n.node_of("LeakyRelu", [x], alpha=1.0),
    "prelu_0": lambda n, x: n.node_of("PRelu", [x, n.channels(*[0] * 6)]),
    "thresholded_relu": lambda n, x: n.node_of("ThresholdedRelu", [x], alpha=0.0),
    "elu_0": lambda n, x: n.node_of("Elu", [x], alpha=0.0),
    "bias_as_add": lambda n, x: n.relu(n.arithmetic("Add", x, *SIX), "r"),
    "norm_as_mul_add": lambda n, x: n.relu(
        n.arithmetic("Add", n.arithmetic("Mul", x, *SIX), *SIX), "r"),
    "norm_as_sub_div": lambda n, x: n.relu(
        n.arithmetic("Div", n.arithmetic("Sub", x, *SIX), *SIX), "r"),
    "two_norms": lambda n, x: n.relu(n.normed(n.normed(x, 6), 6), "r"),
    "mul_behind_relu": lambda n, x: n.arithmetic("Mul", n.relu(x, "r"), *SIX),
    "norm_behind_relu": lambda n, x: n.normed(n.relu(x, "r"), 6),
    "norm_behind_pool": lambda n, x: n.normed(
        n.node_of("MaxPool", [n.relu(x, "r")], kernel_shape=[2, 2], strides=[2, 2]), 6),
    "negative": lambda n, x: n.node_of("Neg", [n.relu(n.node_of("Neg", [x]), "r")]),
    "constant_less_map": lambda n, x: n.node_of("Sub", [n.scalar(1), n.relu(x, "r")]),
    "difference": lambda n, x: n.node_of("Sub", [n.relu(x, "r"), n.conv(x, "other", 6, 6)]),
    "twice": lambda n, x: n.node_of("Add", [x, x]),
    "sum_of_three": lambda n, x: n.node_of("Sum", [n.conv(x, c, 6, 6) for c in "abc"]),
    "mean_of_two": lambda n, x: n.node_of("Mean", [n.conv(x, c, 6, 6) for c in "ab"]),
    "sum_of_one": lambda n, x: n.node_of("Sum", [n.node_of("Mean", [x])]),
    "concat_of_one": lambda n, x: n.node_of("Concat", [n.relu(x, "r")], axis=1),
    "relu_behind_concat": lambda n, x: n.conv(n.relu(
        n.node_of("Concat", [x, n.conv(x, "more", 6, 6)], axis=1), "r"), "less", 12, 6),
    "before_and_after_relu": lambda n, x: n.node_of("Add", [n.relu(x, "r"), x]),
    "identity_chain": lambda n, x: n.node_of("Identity", [n.dropped(n.node_of("Identity", [x]))]),
    "casts": lambda n, x: n.node_of("Cast", [n.node_of("Cast", [x], to=11)], to=1),
    "asymmetric_pad": lambda n, x: n.conv(n.pad(x, 0, 0, 0, 0, 0, 0, 1, 1), "padded", 6, 6, 3),
    "same_upper": lambda n, x: n.conv(x, "same", 6, 6, 3, auto_pad="SAME_UPPER", stride=2),
    "same_lower": lambda n, x: n.conv(x, "same", 6, 6, 3, auto_pad="SAME_LOWER", stride=2),
    "average_pool": lambda n, x: n.node_of("AveragePool", [n.relu(x, "r")], kernel_shape=[2, 2],
                                           strides=[2, 2]),
}  # fmt: skip
WEIGHTS: dict[str, Callable[[Writer, np.ndarray], str]] = {
    "constant_node": lambda n, w: n.node_of("Constant", [], value=numpy_helper.from_array(w)),
    "float16": lambda n, w: _cast(n, w, TensorProto.FLOAT16),
    "bfloat16": lambda n, w: _cast(n, w, TensorProto.BFLOAT16),
    "double": lambda n, w: _cast(n, w, TensorProto.DOUBLE),
    "transposed": lambda n, w: n.node_of(
        "Transpose", [n.constant("w", w.transpose(3, 2, 1, 0))], perm=[3, 2, 1, 0]),
    "reshaped": lambda n, w: n.node_of(
        "Reshape", [n.constant("w", w.reshape(6, -1)), n.numbers(6, 3, 3, 3)]),
    "weight_norm": lambda n, w: n.node_of("Mul", [n.constant("w", w), n.node_of("Div", [
        n.scalar(2), n.said("ReduceL2", n.constant("v", w), "axes", [1, 2, 3], 18)])]),
    "split": lambda n, w: n.node_of("Concat", [
        n.node_of("Split", [n.constant("w", np.concatenate([w, w]))], axis=0, outputs=2)], axis=0),
    "filled": lambda n, w: n.node_of("Add", [n.constant("w", w), n.node_of(
        "ConstantOfShape", [n.numbers(6, 3, 3, 3)],
        value=numpy_helper.from_array(np.array([0.1], np.float32)))]),
    "value_float": lambda n, w: n.node_of(
        "Mul", [n.constant("w", w), n.node_of("Constant", [], value_float=0.5)]),
}  # fmt: skip
FRONTS: dict[str, Callable[[Writer, str], str]] = {
    "subtracted": lambda n, x: n.arithmetic("Sub", x, 104, 117, 123),
    "normalised": lambda n, x: n.arithmetic("Div", n.arithmetic("Sub", n.node_of(
        "Div", [x, n.scalar(255)]), 0.485, 0.456, 0.406), 0.229, 0.224, 0.225),
    "normed_pixels": lambda n, x: n.normed(x, 3),
    "padded_pixels": lambda n, x: n.pad(x, 0, 0, 1, 1, 0, 0, 1, 1),
    "blue_first": lambda n, x: n.node_of("Gather", [x, n.numbers(2, 1, 0)], axis=1),
    "pool_of_pixels": lambda n, x: n.node_of("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2]),
}  # fmt: skip
TAILS: dict[str, Callable[[Writer, str], str]] = {
    "mean_negative_axes": lambda n, x: n.mean(x, -1, -2, keepdims=0),
    "sum_over_map": lambda n, x: n.mean(x, 2, 3, keepdims=0, kind="ReduceSum"),
    "whole_average_pool": lambda n, x: n.node_of(
        "Flatten", [n.node_of("AveragePool", [x], kernel_shape=[10, 10])]),
    "softmax_of_map": lambda n, x: n.node_of(
        "Softmax", [n.node_of("GlobalAveragePool", [x])], axis=1),
    "log_softmax": lambda n, x: n.node_of("LogSoftmax", [n.mean(x, 2, 3, keepdims=0)], axis=1),
    "scaled_logits": lambda n, x: n.node_of("Mul", [n.mean(x, 2, 3, keepdims=0), n.scalar(0.1)]),
    "norm_behind_average": lambda n, x: n.normed(n.mean(x, 2, 3, keepdims=0), CLASSES),
    "squeezed": lambda n, x: n.said(
        "Squeeze", n.node_of("GlobalAveragePool", [x]), "axes", [2, 3], 13),
}  # fmt: skip
NETWORKS: dict[str, Build] = {
    build.__name__: build
    for build in (torchscript, resnet, densenet, mobilenet, last, matmul, flat, branches)
}


@dataclass(frozen=True, eq=False)
class Specimen:
    """A network, and what ONNX Runtime can be asked about it.

    Attributes
    ----------
    model : onnx.ModelProto
    twin : onnx.ModelProto
        The same in a form that ONNX Runtime takes; itself, if it does.
    """

    model: onnx.ModelProto
    twin: onnx.ModelProto


def _model(
    build: Build, opset: int = MODERN, shape: tuple[int | str, ...] = (1, 3, SIZE, SIZE)
) -> onnx.ModelProto:
    net = Writer(opset)
    return net.model(build(net), shape=shape)


def _specimen(build: Build, opset: int = MODERN, old: bool = False) -> Specimen:
    """A network in a version, whose weights are the same in all of them."""
    model = _model(build, opset)
    twin = _model(build) if opset < OLDEST_THAT_RUNS else model
    return Specimen(_old(model) if old else model, twin)


def _alone(make: Callable[..., onnx.ModelProto], *arguments: Any, **options: Any) -> Specimen:
    model = make(*arguments, **options)
    return Specimen(model, model)


def _old(model: onnx.ModelProto) -> onnx.ModelProto:
    """With all initialisers among the inputs, as files had it before version 4 of the format."""
    values = [
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in model.graph.initializer
    ]
    model.graph.input.extend(values)
    model.ir_version = 3
    return model


def _function() -> onnx.ModelProto:
    """A layer that is a function of the file's own."""
    net = Writer(MODERN)
    x = net.node_of("Layer", [net.bare()])
    net.nodes[-1].domain = "own"
    model = net.model(net.head(x), shape=(1, 3, SIZE, SIZE))
    inner = [helper.make_node("Relu", ["x"], ["y"])]
    versions = [helper.make_opsetid("", MODERN)]
    model.functions.append(helper.make_function("own", "Layer", ["x"], ["y"], inner, versions))
    model.opset_import.append(helper.make_opsetid("own", 1))
    return model


def zoo() -> dict[str, Callable[[], Specimen]]:
    """All networks by name: each version, and each form in one."""
    found: dict[str, Callable[[], Specimen]] = {
        f"opset{opset:02}": partial(_specimen, whole, opset)
        for opset in range(1, defs.onnx_opset_version() + 1)
    }
    for opset in (3, 6, 7, 8, 9, 12):
        found[f"caffe2_{opset:02}"] = partial(_specimen, caffe2, opset, old=True)
    builds = {
        **{name: _activation(write) for name, write in ACTIVATIONS.items()},
        **{name: _weights(form) for name, form in WEIGHTS.items()},
        **{name: _front(write) for name, write in FRONTS.items()},
        **{name: _tail(write) for name, write in TAILS.items()},
        **NETWORKS,
    }
    found |= {name: partial(_specimen, build) for name, build in builds.items()}
    found["function"] = partial(_alone, _function)
    for colours in (1, 4):
        build = partial(coloured, colours)
        found[f"channels_{colours}"] = partial(
            _alone, _model, build, shape=(1, colours, SIZE, SIZE)
        )
        build = partial(coloured, colours, last=True)
        found[f"channels_last_{colours}"] = partial(
            _alone, _model, build, shape=(1, SIZE, SIZE, colours)
        )
    found["batch_of_4"] = partial(_alone, _model, mobilenet, shape=(4, 3, SIZE, SIZE))
    found["batch_open"] = partial(_alone, _model, mobilenet, shape=("N", 3, SIZE, SIZE))
    return found
