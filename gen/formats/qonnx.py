"""QONNX's operators (Brevitas, QKeras, FINN), written as QuantizeLinear and DequantizeLinear.

``Quant`` rounds real numbers to so many bits and gives real numbers again. Of constants, which are
weights, it makes codes with a DequantizeLinear; of activations a QuantizeLinear, a Clip of its
codes where these are fewer than 8 bits have, and a DequantizeLinear. See
https://github.com/fastmachinelearning/qonnx, ``docs/qonnx-custom-ops``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np
import onnx
from onnx import helper

from gen.formats.onnx_nodes import Nodes, attributes, refuse

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
QUANTS = {"BipolarQuant", "Quant", "Trunc"}
WIDEST, WIDEST_BIAS = 8, 32
ROUNDINGS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "ROUND": np.rint,
    "HALF_EVEN": np.rint,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
}
NEAREST = ("ROUND", "HALF_EVEN", "HALF_UP", "HALF_DOWN")
"""Ways of rounding that differ in halves only: the hardware rounds to the nearest."""


def without_quants(nodes: Nodes, layers: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The same layers, QONNX's operators replaced by ONNX's.

    Parameters
    ----------
    nodes : Nodes
        The graph, whose constants get those of the new nodes.
    layers : iterable of onnx.NodeProto

    Raises
    ------
    FirebrickError
        If an operator does what a board does not.
    """
    for node in layers:
        if node.domain not in DOMAINS or node.op_type not in QUANTS:
            yield node
        elif node.op_type == "Trunc":
            refuse(
                node,
                "truncates codes; take the average pool before it without truncation "
                "(TruncAvgPool's bit widths), quantised by a Quant",
            )
        elif node.input[0] in nodes.constants:
            yield from _weights(nodes, node)
        else:
            yield from _activations(nodes, node)


def reads_activations(nodes: Iterable[onnx.NodeProto], constants: Iterable[str]) -> bool:
    """Whether any of QONNX's operators quantises something else than constants."""
    known = set(constants)
    return any(
        node.op_type in QUANTS and node.domain in DOMAINS and node.input[0] not in known
        for node in nodes
    )


def _limits(node: onnx.NodeProto, bits: int) -> tuple[int, int]:
    """Smallest and largest code of a Quant."""
    values = attributes(node)
    signed, narrow = bool(values.get("signed", 1)), bool(values.get("narrow", 0))
    if signed:
        return narrow - (1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - narrow


def _numbers(nodes: Nodes, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray, int]:
    """Scale, zero point and bits of a Quant."""
    scale, zero, bits = (nodes.constant(node, index) for index in (1, 2, 3))
    if scale is None or zero is None or bits is None:
        refuse(node, "needs a scale, a zero point and a bit width; export the model again")
    width = float(np.max(bits))
    if bits.size != 1 or width != int(width) or not 1 <= width <= WIDEST_BIAS:
        refuse(node, f"bit width {width:g} is not supported; whole ones from 1 to 8 are")
    if (zero != np.rint(zero)).any():
        refuse(node, "its zero point is no code (no integer); quantise with integer zero points")
    return np.asarray(scale, np.float32), np.asarray(zero, np.float32), int(width)


def _rounding(node: onnx.NodeProto) -> str:
    """How a Quant rounds."""
    given = attributes(node).get("rounding_mode", b"ROUND")
    name = (given.decode() if isinstance(given, bytes) else str(given)).upper()
    if name not in ROUNDINGS:
        refuse(node, f"rounding_mode {name} is not known; ROUND is")
    return name


def _weights(nodes: Nodes, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Constants as codes."""
    values = np.asarray(nodes.constants[node.input[0]], np.float32)
    if node.op_type == "BipolarQuant":
        scale = nodes.constant(node, 1)
        scale = np.ones((), np.float32) if scale is None else scale
        codes, zero = np.where(values >= 0, 1, -1), np.zeros((), np.float32)
        kind = np.dtype(np.int8)
    else:
        scale, zero, bits = _numbers(nodes, node)
        low, high = _limits(node, bits)
        codes = np.clip(ROUNDINGS[_rounding(node)](values / scale + zero), low, high)
        kind = _kind(low, bits)
    lined = [side for side, size in enumerate(scale.shape) if size > 1]
    if scale.size > 1 and (scale.ndim != values.ndim or len(lined) != 1):
        refuse(node, "weights must have one scale, or one an output channel")
    zero = zero if zero.size == 1 else np.broadcast_to(zero, scale.shape)
    parts = [codes.astype(kind), scale.reshape(-1), zero.astype(kind).reshape(-1)]
    parts = [parts[0], *(part if part.size > 1 else part.reshape(()) for part in parts[1:])]
    names = _constants(nodes, node, parts)
    axis = lined[0] if lined else 0
    return [helper.make_node("DequantizeLinear", names, node.output, node.name, axis=axis)]


def _activations(nodes: Nodes, node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Rounded to codes and back."""
    if node.op_type == "BipolarQuant":
        refuse(node, "activations of two values, -1 and 1, are not supported; those of 2 bits are")
    scale, zero, bits = _numbers(nodes, node)
    name = _rounding(node)
    if bits > WIDEST:
        refuse(node, f"activations of {bits} bits are not supported; those of 2 to 8 bits are")
    if name not in NEAREST:
        refuse(node, f"rounding_mode {name} is not supported of activations; ROUND is")
    low, high = _limits(node, bits)
    kind = _kind(low, WIDEST)
    flat = [part.reshape(()) if part.size == 1 else part for part in (scale, zero.astype(kind))]
    given = _constants(nodes, node, [*flat, np.array(low, kind), np.array(high, kind)])
    codes = f"{node.output[0]}/codes"
    made = [helper.make_node("QuantizeLinear", [node.input[0], *given[:2]], [codes], node.name)]
    if (low, high) != (np.iinfo(kind).min, np.iinfo(kind).max):
        made.append(helper.make_node("Clip", [codes, *given[2:]], [f"{codes}/clipped"], node.name))
    last = made[-1].output[0]
    made.append(helper.make_node("DequantizeLinear", [last, *given[:2]], node.output, node.name))
    return made


def _kind(low: int, bits: int) -> np.dtype:
    """The type of codes of so many bits."""
    if bits > WIDEST:
        return np.dtype(np.int64)
    return np.dtype(np.int8 if low < 0 else np.uint8)


def _constants(nodes: Nodes, node: onnx.NodeProto, values: list[np.ndarray]) -> list[str]:
    """New constants; gives their names."""
    names = [f"{node.output[0]}/constant{index}" for index in range(len(values))]
    nodes.constants.update(zip(names, values, strict=True))
    return names
