"""SqueezeNets as three publishers on the Hugging Face hub write them, rebuilt small and by hand.

The files themselves are not at hand; each builder's docstring says what is known of them, from
where, and what is assumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gen.ir.preprocessing import PRESETS
from tests.gen.formats.statically import quantised
from tests.gen.onnx_models import CLASSES, HEIGHT, WIDTH, OnnxBuilder

UNIT, IMAGENET = PRESETS["unit"], PRESETS["imagenet"]
MEAN, STD = (np.array(v, np.float32) / 255 for v in (IMAGENET.mean, IMAGENET.std))


def body(net: OnnxBuilder, x: str) -> str:
    """Both ends of SqueezeNet v1.1, and a Fire module."""
    x = net.relu(net.conv(x, "features.0", 3, 8, 3, stride=2), "features.1")
    x = net.node("MaxPool", [x], "features.2", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = net.fire(x, "features.3", 8, 4, 6)
    return net.relu(net.conv(x, "classifier.1", 12, CLASSES), "classifier.2")


# qualcomm/SqueezeNet-1.1


def normalising(net: OnnxBuilder) -> str:
    """Pixels of 0 to 1, of which the graph subtracts the mean and divides by the deviation."""
    mean, std = (net.constant(name, v.reshape(1, 3, 1, 1)) for name, v in (("m", MEAN), ("s", STD)))
    return net.node("Div", [net.node("Sub", ["data", mean], "Sub"), std], "Div")


def qualcomm() -> onnx.ModelProto:
    """The float file of ``qualcomm/SqueezeNet-1.1``.

    Known, from ``quic/ai-hub-models`` (``models/squeezenet1_1``, ``_shared/imagenet_classifier``):
    torchvision's ``squeezenet1_1`` behind ``(image - mean) / std`` in the graph, the input
    ``image_tensor`` of 0 to 1, channels first, logits of 1000 classes; and, from the repository,
    that weights are in ``model.data`` beside ``model.onnx``. Assumed: Sub and Div as torch's
    exporter writes them.
    """
    net = OnnxBuilder(13, torch_names=True)
    x = body(net, normalising(net))
    return net.model(net.node("Flatten", [net.node("GlobalAveragePool", [x], "pool")], "flat"))


def qualcomm_w8a8(folder: Path) -> onnx.ModelProto:
    """The ``w8a8`` file of ``qualcomm/SqueezeNet-1.1``.

    Known: 8-bit weights and activations by minimum and maximum (``--range_scheme min_max``).
    Assumed: QuantizeLinear and DequantizeLinear around every operator, those that normalise
    included; asymmetric unsigned activations; one weight scale an output channel.
    """
    model = quantised(qualcomm(), folder, activations="QUInt8", normalisation=UNIT)
    sub, div = (next(n for n in model.graph.node if n.op_type == kind) for kind in ("Sub", "Div"))
    requantise(model, sub, 1 / 255, 0)
    requantise(model, div, 1 / 255, 124)
    return model


def requantise(model: onnx.ModelProto, node: onnx.NodeProto, step: float, zero: int) -> None:
    """Round what a node reads to codes and back."""
    name, given = node.input[0], (f"{node.name}/s", f"{node.name}/z")
    for key, value in zip(given, (np.float32(step), np.uint8(zero)), strict=True):
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), key))
    node.input[0] = f"{node.name}/real"
    at = list(model.graph.node).index(node)
    for kind, x, y in (("DequantizeLinear", f"{node.name}/codes", node.input[0]),
                       ("QuantizeLinear", name, f"{node.name}/codes")):  # fmt: skip
        model.graph.node.insert(at, helper.make_node(kind, [x, *given], [y], y))


# amd/squeezenet


def amd(folder: Path, *, activations: str = "QInt8", last: bool = False) -> onnx.ModelProto:
    """The file of ``amd/squeezenet``.

    Known, from the documentation of ``optimum.amd.ryzenai``, whose list of models it is on: QDQ by
    the Vitis AI quantiser for its DPU, scales that are powers of two, symmetric weights of 8 bits
    with one scale a layer, symmetric activations. Assumed: that biases have 8 bits and a power of
    two of their own, that channels may come last with a Transpose in front, that activations may be
    signed or unsigned, and that the DPU's average is a product with a constant close to 1.
    """
    net = OnnxBuilder(17)
    x = body(net, net.node("Transpose", ["data"], "turn", perm=[0, 3, 1, 2]) if last else "data")
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x], "pool")], "flat")
    model = net.model(x, shape=(1, HEIGHT, WIDTH, 3) if last else (1, 3, HEIGHT, WIDTH))
    model = quantised(
        model, folder, activations=activations, normalisation=IMAGENET, per_channel=False,
        ActivationSymmetric=True, WeightSymmetric=True,
    )  # fmt: skip
    for tensor in model.graph.initializer:
        if tensor.name.endswith("_scale") and "bias" not in tensor.name:
            narrower = "weight" in tensor.name  # so that sums stay in the range of activations
            tensor.CopyFrom(power_of_two(tensor, np.floor if narrower else np.ceil))
    narrow_biases(model)
    multiply_average(model)
    return model


def power_of_two(tensor: onnx.TensorProto, rounded: Any) -> onnx.TensorProto:
    values = numpy_helper.to_array(tensor)
    return numpy_helper.from_array(np.exp2(rounded(np.log2(values))).astype("f4"), tensor.name)


def narrow_biases(model: onnx.ModelProto) -> None:
    """Biases as 8 bits with a power of two."""
    parts = {tensor.name: tensor for tensor in model.graph.initializer}
    for name in [name for name in parts if name.endswith(".bias_quantized")]:
        scale = numpy_helper.to_array(parts[f"{name}_scale"])
        real = numpy_helper.to_array(parts[name]) * scale
        step = np.exp2(np.ceil(np.log2(np.abs(real).max() / 127)))
        for key, value in {
            name: np.rint(real / step).astype(np.int8),
            f"{name}_scale": np.full(scale.shape, step, np.float32),
            f"{name}_zero_point": np.zeros(scale.shape, np.int8),
        }.items():
            parts[key].CopyFrom(numpy_helper.from_array(value, key))


def multiply_average(model: onnx.ModelProto, factor: float = 0.998046875) -> None:
    """A product with a constant between the global average and what quantises it."""
    pool = next(n for n in model.graph.node if n.op_type == "GlobalAveragePool")
    model.graph.initializer.append(
        numpy_helper.from_array(np.array(factor, np.float32), "dpu_factor")
    )
    given, pool.output[0] = pool.output[0], "pool/whole"
    made = helper.make_node("Mul", ["pool/whole", "dpu_factor"], [given], "dpu_mul")
    model.graph.node.insert(list(model.graph.node).index(pool) + 1, made)


# Kalray/squeezenet


def kalray(half: bool = False) -> onnx.ModelProto:
    """The float file of ``Kalray/squeezenet``.

    Known, from ``kalray/kann-models-zoo`` (``networks/classifiers/squeezenet/onnx``): the input
    ``data_0`` of 224x224 and the output ``softmaxout_1``, which are the names of the ONNX zoo's
    files by Caffe2; 1.23 million parameters and 0.714 GFLOP, which are SqueezeNet v1.1's. Assumed:
    opset 9, pixels normalised as ImageNet's usually are; and that there may be a file of 16 bits.
    """
    net = OnnxBuilder(9)
    x = net.relu(net.conv("data_0", "conv1", 3, 8, 3, stride=2), "conv1")
    x = net.node("MaxPool", [x], "pool1", kernel_shape=[3, 3], strides=[2, 2], pads=[0] * 4)
    x = net.dropout(net.fire(x, "fire2", 8, 4, 6))
    x = net.relu(net.conv(x, "conv10", 12, CLASSES), "conv10")
    x = net.node("Softmax", [net.node("GlobalAveragePool", [x], "pool10")], "prob", axis=1)
    net.nodes[-1].output[0] = "softmaxout_1"
    model = net.model("softmaxout_1")
    model.graph.input[0].name = "data_0"
    return in_16_bits(model) if half else model


def in_16_bits(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights and arithmetic in float16, between Casts."""
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    model.graph.node[0].input[0], model.graph.node[-1].output[0] = "narrow", "narrow_out"
    ends = (("data_0", "narrow", TensorProto.FLOAT16),
            ("narrow_out", "softmaxout_1", TensorProto.FLOAT))  # fmt: skip
    first, last = (helper.make_node("Cast", [x], [y], y, to=kind) for x, y, kind in ends)
    model.graph.node.insert(0, first)
    model.graph.node.append(last)
    return model
