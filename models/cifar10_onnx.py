"""ONNX of the CIFAR-10 network, batch norm folded into the convolutions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from gen.common.files import replacing
from models.cifar10_data import LABELS, SIDE
from models.cifar10_net import CLASSES, ConvBNReLU, Fire, SqueezeNetCifar

OPSET = 13
METADATA = {
    "labels": json.dumps(LABELS),
    "mean": "128,128,128",
    "std": "64,64,64",
    "channel_order": "RGB",
}


class _Graph:
    """Nodes and initialisers in the order they are added; each method returns its output's name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def node(self, kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name: str, x: str, weight: torch.Tensor, bias: torch.Tensor) -> str:
        names = [f"{name}.weight", f"{name}.bias"]
        for tensor_name, tensor in zip(names, (weight, bias), strict=True):
            array = tensor.detach().contiguous().numpy()
            self.tensors.append(numpy_helper.from_array(array, tensor_name))
        kernel = weight.shape[2]
        return self.node(
            "Conv",
            name,
            [x, *names],
            kernel_shape=[kernel, kernel],
            strides=[1, 1],
            pads=[kernel // 2] * 4,
        )

    def conv_relu(self, name: str, x: str, layer: ConvBNReLU) -> str:
        return self.node("Relu", f"{name}/relu", [self.conv(name, x, *layer.folded())])

    def fire(self, name: str, x: str, fire: Fire) -> str:
        squeezed = self.conv_relu(f"{name}/squeeze1x1", x, fire.squeeze1x1)
        branches = [
            self.conv_relu(f"{name}/expand1x1", squeezed, fire.expand1x1),
            self.conv_relu(f"{name}/expand3x3", squeezed, fire.expand3x3),
        ]
        y = self.node("Concat", f"{name}/concat", branches, axis=1)
        return self.node("Add", f"{name}/add", [y, x]) if fire.bypass else y


def build_onnx(net: SqueezeNetCifar) -> onnx.ModelProto:
    """Build the model: input ``data`` (1, 3, 32, 32) of (code - 128) / 64, output ``logits``."""
    graph = _Graph()
    x, last = graph.conv_relu("conv1", "data", net.conv1), 1
    for name in net.order:
        if name == "pool":
            x = graph.node(
                "MaxPool", f"pool{last}", [x], kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1
            )
        else:
            x, last = graph.fire(name, x, getattr(net, name)), int(name.removeprefix("fire"))
    x = graph.conv("conv10", x, net.conv10_weight(), net.conv10.bias)
    x = graph.node("GlobalAveragePool", "pool10", [x])
    graph.node("Flatten", "logits", [x], axis=1)
    proto = helper.make_graph(
        graph.nodes,
        "squeezenet_cifar10",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, CLASSES])],
        graph.tensors,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="firebrick"
    )
    model.ir_version = 8
    helper.set_model_props(model, METADATA | {"weight_bits": json.dumps(net.weight_bits())})
    onnx.checker.check_model(model, full_check=True)
    return model


def export_onnx(net: SqueezeNetCifar, path: Path, sample: torch.Tensor) -> float:
    """Write the network to `path` in one step, once it has been compared with torch.

    Parameters
    ----------
    net
        Network in evaluation mode.
    path
        File to write or replace.
    sample
        One normalised image, (1, 3, 32, 32).

    Returns
    -------
    float
        Largest difference between the logits of the ONNX model and torch's.

    Raises
    ------
    RuntimeError
        If that difference is more than a thousandth of torch's largest logit, or of 1 where that is
        more; nothing is written then.
    """
    model = build_onnx(net)
    with torch.no_grad():
        expected = net(sample)
    feed = {"data": sample.contiguous().numpy()}
    (logits,) = ReferenceEvaluator(model).run(None, feed)
    difference = float((torch.from_numpy(logits) - expected).abs().max())
    if difference > 1e-3 * max(1.0, float(expected.abs().max())):
        raise RuntimeError(f"{path}: ONNX logits differ from torch's by {difference}")
    with replacing(path) as file:
        file.write(model.SerializeToString())
    return difference
