"""Scales and zero points of activations in quantised ONNX networks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import onnx

from gen.formats.onnx_node import refuse

_INTEGER = re.compile(r"u?int(\d+)")
WIDEST = 8


def code_bits(kind: np.dtype) -> int | None:
    """Width of codes of a type, that of ``int4`` included; None if it is no integer type."""
    match = _INTEGER.fullmatch(kind.name)
    return int(match[1]) if match else None


def code_limits(kind: np.dtype) -> tuple[int, int]:
    """Smallest and largest code of an integer type of at most 8 bits.

    Raises
    ------
    ValueError
        If it is another type.
    """
    bits = code_bits(kind)
    if bits is None or bits > WIDEST:
        raise ValueError(f"{kind} is no type of codes")
    signed = kind.name.startswith("i")
    return -(1 << (bits - 1)) if signed else 0, (1 << (bits - signed)) - 1


@dataclass(frozen=True)
class Scale:
    """What a QuantizeLinear says: a code is so many steps from the file's zero point.

    Two scales are equal if their steps mean the same, however the file counts them.

    Attributes
    ----------
    scale : float
        Of one step.
    low, high : int
        Steps that the smallest and the largest code are from zero.
    zero_point : int
        The file's code of zero.
    kind : np.dtype
        The type that the file stores codes in.
    """

    scale: float
    low: int
    high: int
    zero_point: int = field(compare=False)
    kind: np.dtype = field(compare=False)

    @staticmethod
    def read(node: onnx.NodeProto, scale: float, zero_point: int, kind: np.dtype) -> Scale:
        """What a node says.

        Parameters
        ----------
        node : onnx.NodeProto
            For messages.
        scale : float
        zero_point : int
        kind : np.dtype
            Of its codes.

        Raises
        ------
        FirebrickError
            If it is not one of integer codes of at most 8 bits, or the scale is no positive number.
        """
        try:
            low, high = code_limits(kind)
        except ValueError:
            refuse(
                node,
                f"activations must be 8 bits with one scale, not {kind}; quantise them again as "
                "QUInt8 or QInt8",
            )
        if not 0 < scale < np.inf:
            refuse(node, f"scale {scale:g} is no positive number; quantise the network again")
        return Scale(scale, low - zero_point, high - zero_point, zero_point, kind)

    @property
    def signed(self) -> bool:
        """Whether our codes have a sign: there are steps below zero."""
        return self.low < 0

    @property
    def zero(self) -> int:
        """Our code of zero: 0 wherever all steps fit 8 bits around it."""
        if self.high < 1 << (WIDEST - self.signed) and self.low >= -(1 << (WIDEST - 1)):
            return 0
        return -(1 << (WIDEST - 1)) - self.low

    @property
    def range(self) -> tuple[int, int]:
        """Our smallest and largest code."""
        return self.low + self.zero, self.high + self.zero

    def clipped(self, low: int, high: int) -> Scale:
        """The same with fewer codes of the file: those from ``low`` to ``high``."""
        return replace(
            self,
            low=max(self.low, low - self.zero_point),
            high=min(self.high, high - self.zero_point),
        )

    def holds(self, other: Scale) -> bool:
        """Whether all steps of another one are among its own, so that it changes none of them."""
        return self.scale == other.scale and self.low <= other.low and other.high <= self.high

    def undone_by(self, other: Scale) -> bool:
        """Whether a DequantizeLinear that says ``other`` gives back what this one quantised."""
        return (self.scale, self.zero_point, self.kind) == (
            other.scale,
            other.zero_point,
            other.kind,
        )


def common(scales: Sequence[Scale | None]) -> Scale | None:
    """The one scale of maps that are joined as they are; None if their codes differ in meaning."""
    first, *others = scales
    for other in others:
        if first is None or other is None or first.scale != other.scale:
            return None
        joined = replace(first, low=min(first.low, other.low), high=max(first.high, other.high))
        kinds = {(scale.signed, scale.zero) for scale in (first, other, joined)}
        first = joined if len(kinds) == 1 else None
    return first
