"""QONNX's operators (Brevitas, QKeras, FINN), written as QuantizeLinear and DequantizeLinear.

``Quant`` rounds real numbers to so many bits and gives real numbers again. Of constants, which are
weights, it makes codes with a DequantizeLinear; of activations a QuantizeLinear, a Clip of its
codes where these are fewer than 8 bits have, and a DequantizeLinear. See
https://github.com/fastmachinelearning/qonnx, ``docs/qonnx-custom-ops``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from onnx import helper

from gen.formats.onnx_node import attributes, refuse

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


def without_quant(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> list[onnx.NodeProto]:
    """The nodes that stand for one of QONNX's operators; any other one as it is.

    Parameters
    ----------
    node : onnx.NodeProto
    constants : dict of array
        Of the graph; those of the new nodes are added.

    Raises
    ------
    FirebrickError
        If it does what a board does not.
    """
    if node.domain not in DOMAINS or node.op_type not in QUANTS:
        return [node]
    if node.op_type == "Trunc":
        refuse(
            node,
            "truncates codes; take the average pool before it without truncation, with a Quant "
            "behind it",
        )
    made = _Quant(node, constants)
    return made.weights() if node.input[0] in constants else made.activations()


class _Quant:
    """One node, as what stands for it."""

    def __init__(self, node: onnx.NodeProto, constants: dict[str, np.ndarray]):
        self._node = node
        self._constants = constants
        self._said = attributes(node)

    def weights(self) -> list[onnx.NodeProto]:
        """Constants as codes, with a DequantizeLinear."""
        node = self._node
        values = np.asarray(self._constants[node.input[0]], np.float32)
        if node.op_type == "BipolarQuant":
            scale, zero = self._number(1, "scale"), np.zeros((), np.float32)
            codes, kind = np.where(values >= 0, 1, -1), np.dtype(np.int8)
        else:
            scale, zero, bits = self._numbers()
            (low, high), rounded = self._limits(bits), ROUNDINGS[self._rounding()]
            codes, kind = np.clip(rounded(values / scale + zero), low, high), _kind(low, bits)
        lined = [side for side, size in enumerate(scale.shape) if size > 1]
        if scale.size > 1 and (scale.ndim != values.ndim or len(lined) != 1):
            refuse(
                node,
                f"has scales of shape {list(scale.shape)} for weights of {list(values.shape)}; one "
                "a layer or one an output channel is supported",
            )
        zero = zero if zero.size == 1 else np.broadcast_to(zero, scale.shape)
        names = self._named(codes.astype(kind), _flat(scale), _flat(zero.astype(kind)))
        axis = lined[0] if lined else 0
        return [helper.make_node("DequantizeLinear", names, node.output, node.name, axis=axis)]

    def activations(self) -> list[onnx.NodeProto]:
        """Real numbers rounded to codes and back."""
        node = self._node
        if node.op_type == "BipolarQuant":
            refuse(node, "makes activations of two values, -1 and 1; those of 2 bits are supported")
        scale, zero, bits = self._numbers()
        mode = self._rounding()
        if bits > WIDEST:
            refuse(node, f"makes activations of {bits} bits; those of 2 to 8 bits are supported")
        if mode not in NEAREST:
            refuse(node, f"rounds activations by {mode}; ROUND is supported")
        low, high = self._limits(bits)
        kind = _kind(low, WIDEST)
        limits = [np.array(low, kind), np.array(high, kind)]
        given = self._named(_flat(scale), _flat(zero.astype(kind)), *limits)
        codes = f"{node.output[0]}/codes"
        steps = [("QuantizeLinear", node.input[0], given[:2], codes)]
        if (low, high) != (np.iinfo(kind).min, np.iinfo(kind).max):
            steps.append(("Clip", codes, given[2:], f"{codes}/clipped"))
        steps.append(("DequantizeLinear", steps[-1][3], given[:2], node.output[0]))
        return [helper.make_node(op, [x, *more], [y], node.name) for op, x, more, y in steps]

    def _limits(self, bits: int) -> tuple[int, int]:
        """Smallest and largest code."""
        narrow = bool(self._said.get("narrow", 0))
        if self._said.get("signed", 1):
            return narrow - (1 << (bits - 1)), (1 << (bits - 1)) - 1
        return 0, (1 << bits) - 1 - narrow

    def _numbers(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Scale, zero point and bits."""
        scale, zero = self._number(1, "scale"), self._number(2, "zero point")
        bits = self._number(3, "bit width")
        width = float(np.max(bits))
        if bits.size != 1 or width != int(width) or not 1 <= width <= WIDEST_BIAS:
            refuse(
                self._node, f"has a bit width of {width:g}; whole ones from 1 to 8 are supported"
            )
        if (zero != np.rint(zero)).any():
            refuse(self._node, "has a zero point that is no code; whole ones are supported")
        return scale, zero, int(width)

    def _number(self, index: int, what: str) -> np.ndarray:
        """An input that is a constant."""
        name = self._node.input[index] if index < len(self._node.input) else ""
        if name not in self._constants:
            refuse(self._node, f"has no constant {what}; export the trained model for inference")
        return np.asarray(self._constants[name], np.float32)

    def _rounding(self) -> str:
        """How it rounds."""
        given = self._said.get("rounding_mode", b"ROUND")
        name = (given.decode() if isinstance(given, bytes) else str(given)).upper()
        if name not in ROUNDINGS:
            refuse(self._node, f"has the unknown rounding_mode {name}; ROUND is supported")
        return name

    def _named(self, *values: np.ndarray) -> list[str]:
        """New constants; gives their names."""
        names = [f"{self._node.output[0]}/constant{index}" for index in range(len(values))]
        self._constants.update(zip(names, values, strict=True))
        return names


def _flat(values: np.ndarray) -> np.ndarray:
    """One number, or one dimension of them."""
    return values.reshape(()) if values.size == 1 else values.reshape(-1)


def _kind(low: int, bits: int) -> np.dtype:
    """The type of codes of so many bits."""
    if bits > WIDEST:
        return np.dtype(np.int64)
    return np.dtype(np.int8 if low < 0 else np.uint8)
