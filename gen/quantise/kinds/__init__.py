"""What the quantiser knows of layers, a file a kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gen.ir.ops import (
    Add,
    AveragePool,
    Concat,
    Conv,
    FloatAdd,
    FloatAveragePool,
    FloatConv,
    FloatOp,
    GlobalSum,
    MaxPool,
    Op,
    SharedConv,
    Tensor,
)
from gen.quantise.kinds.add import AddRule
from gen.quantise.kinds.average_pool import AveragePoolRule
from gen.quantise.kinds.concat import ConcatRule
from gen.quantise.kinds.conv import ConvRule
from gen.quantise.kinds.global_sum import GlobalSumRule
from gen.quantise.kinds.max_pool import MaxPoolRule
from gen.quantise.kinds.rule import Rule

RULES: dict[type, Rule[Any, Any]] = {
    **dict.fromkeys((FloatConv, SharedConv, Conv), ConvRule()),
    MaxPool: MaxPoolRule(),
    **dict.fromkeys((FloatAveragePool, AveragePool), AveragePoolRule()),
    Concat: ConcatRule(),
    **dict.fromkeys((FloatAdd, Add), AddRule()),
    GlobalSum: GlobalSumRule(),
}
"""The rule of each kind of op, in floats and in integers."""


def float_layer(op: FloatOp, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Output (N, H, W, C) of a layer in float32; of the global sum, the mean."""
    return RULES[type(op)].real(op, inputs)


def integer_layer(op: Op, inputs: Sequence[np.ndarray], x: Tensor, y: Tensor) -> np.ndarray:
    """Codes (N, H, W, C) that a quantised layer gives for the codes of its inputs.

    Parameters
    ----------
    op : Op
        Any but the global sum.
    inputs : codes of its inputs
    x, y : Tensor
        The first input and the output.

    Raises
    ------
    TypeError
        If it is the global sum.
    """
    return RULES[type(op)].codes(op, inputs, x, y)


def layer_back(
    op: FloatOp, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
) -> list[np.ndarray]:
    """Gradient by each input of a layer.

    Parameters
    ----------
    op : FloatOp
    inputs : float32 arrays (N, H, W, C)
    y, slope : float32 array
        The layer's output and the gradient by it.
    """
    return RULES[type(op)].back(op, inputs, y, slope)


def integer_op(op: FloatOp, tensors: Mapping[str, Tensor]) -> Op:
    """Any layer but a convolution in integers.

    Raises
    ------
    FirebrickError
        If the scales of an addition or an average are too far apart to requantise.
    TypeError
        If it is a convolution, whose codes have to be found first.
    """
    return RULES[type(op)].integers(op, tensors)
