"""Operators that compute on codes (QOperator), written as QuantizeLinear and DequantizeLinear.

ONNX's ``QLinearConv`` and ``QLinearMatMul`` and ONNX Runtime's operators of domain
``com.microsoft`` are defined as what they compute on real numbers between the two: each is replaced
by that, so that one reader does for both forms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx
from onnx import helper

from gen.formats.onnx_node import MICROSOFT, attributes, refuse

DYNAMIC = {"ConvInteger", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "MatMulInteger"}
OWN_ATTRIBUTES = {"channels_last", "opset"}
"""Attributes of ONNX Runtime's operators that those on real numbers do not have."""


class _Expansion:
    """Nodes in the place of one, with names of tensors of their own."""

    def __init__(self, node: onnx.NodeProto):
        self._node = node
        self._name = node.name or node.output[0]
        self.nodes: list[onnx.NodeProto] = []

    def inputs(self, start: int) -> list[str]:
        """Three inputs: codes, scale and zero point."""
        given = [*self._node.input, "", "", ""]
        return given[start : start + 3]

    def decode(self, start: int, axis: int = 1) -> str:
        """The real numbers of codes that have their scale and zero point behind them."""
        return self.node("DequantizeLinear", self.inputs(start), f"input{start}", axis=axis)

    def bias(self, at: int, scales: tuple[str, str], axis: int = 0) -> list[str]:
        """Real numbers of a bias, whose scale is the product of two others; none if left out."""
        if at >= len(self._node.input) or not self._node.input[at]:
            return []
        unit = self.node("Mul", list(scales), "bias_scale")
        codes = self._node.input[at]
        return [self.node("DequantizeLinear", [codes, unit], "bias", axis=axis)]

    def compute(self, kind: str, inputs: Sequence[str], **more: int) -> str:
        """The operator on real numbers, with the node's attributes."""
        values = {k: v for k, v in attributes(self._node).items() if k not in OWN_ATTRIBUTES}
        return self.node(kind, list(inputs), "real", **{**values, **more})

    def encode(self, real: str, scale: str, zero: str) -> None:
        """The node's output: codes of real numbers, or these themselves without a scale."""
        if scale:
            kind, inputs = "QuantizeLinear", [real, scale, *([zero] if zero else [])]
        else:
            kind, inputs = "Identity", [real]
        self.nodes.append(
            helper.make_node(kind, inputs, list(self._node.output), f"{self._name}/codes")
        )

    def node(self, kind: str, inputs: list[str], part: str, **values: Any) -> str:
        """A node; gives its output's name."""
        inputs = inputs[:-1] if not inputs[-1] else inputs
        name, made = f"{self._name}/{part}", f"{self._node.output[0]}/{part}"
        # what stands for the node itself keeps its name
        title = self._name if part == "real" else name
        self.nodes.append(helper.make_node(kind, inputs, [made], title, **values))
        return made


def _conv(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """``QLinearConv``: x, w and y with scale and zero point each, bias."""
    made = _Expansion(node)
    real = [made.decode(0), made.decode(3, axis=0)]
    real += made.bias(8, (node.input[1], node.input[4]))
    made.encode(made.compute("Conv", real), node.input[6], node.input[7])
    return made.nodes


def _matmul(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """``QLinearMatMul``: a, b and y with scale and zero point each."""
    made = _Expansion(node)
    real = made.compute("MatMul", [made.decode(0), made.decode(3)])
    made.encode(real, node.input[6], node.input[7])
    return made.nodes


def _gemm(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """``QGemm``: a and b with scale and zero point each, bias, scale and zero point of y."""
    made = _Expansion(node)
    turned = attributes(node).get("transB", 0)
    real = [made.decode(0), made.decode(3, axis=1 - turned)]
    real += made.bias(6, (node.input[1], node.input[4]))
    scale, zero = [*node.input[7:], "", ""][:2]
    made.encode(made.compute("Gemm", real), scale, zero)
    return made.nodes


def _add(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """``QLinearAdd``: a and b with scale and zero point each, scale and zero point of y."""
    made = _Expansion(node)
    real = made.compute("Add", [made.decode(0), made.decode(3)])
    made.encode(real, node.input[6], made.inputs(6)[1])
    return made.nodes


def _concat(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """``QLinearConcat``: scale and zero point of y, then inputs with scale and zero point each."""
    made = _Expansion(node)
    real = [made.decode(start) for start in range(2, len(node.input), 3)]
    made.encode(made.compute("Concat", real), node.input[0], node.input[1])
    return made.nodes


def _of_one(kind: str) -> Callable[[onnx.NodeProto], list[onnx.NodeProto]]:
    """Operators of one input: x with scale and zero point, scale and zero point of y."""

    def expand(node: onnx.NodeProto) -> list[onnx.NodeProto]:
        if attributes(node).get("channels_last", 0):
            refuse(node, "has channels last; export the model with channels first (NCHW)")
        made = _Expansion(node)
        real = made.compute(kind, [made.decode(0)])
        made.encode(real, node.input[3], made.inputs(3)[1])
        return made.nodes

    return expand


_FORMS: dict[str, Callable[[onnx.NodeProto], list[onnx.NodeProto]]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QGemm": _gemm,
    "QLinearAdd": _add,
    "QLinearConcat": _concat,
    "QLinearGlobalAveragePool": _of_one("GlobalAveragePool"),
    "QLinearAveragePool": _of_one("AveragePool"),
    "QLinearReduceMean": _of_one("ReduceMean"),
    "QLinearSoftmax": _of_one("Softmax"),
    "QLinearLeakyRelu": _of_one("LeakyRelu"),
    "QLinearSigmoid": _of_one("Sigmoid"),
}
QOPERATORS = {*_FORMS, *DYNAMIC}


def without_qoperator(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """The nodes on real numbers that stand for an operator on codes; any other one as it is.

    Raises
    ------
    FirebrickError
        If its scales are computed for each frame.
    """
    if node.domain not in MICROSOFT:
        return [node]
    if node.op_type in DYNAMIC:
        refuse(
            node,
            "computes its scales for each frame (dynamic quantisation), but a board has fixed "
            "ones; quantise statically, with photographs (quantize_static), or give the float "
            "model",
        )
    return _FORMS[node.op_type](node) if node.op_type in _FORMS else [node]
