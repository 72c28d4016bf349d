"""What networks are made of: tensors and the ops between them, a file a kind.

Numerics, in full in :mod:`gen.ir.network`: codes are exact two's complement integers. Ops without
numbers of their own are the same in float graphs and in quantised networks.
"""

from __future__ import annotations

from gen.ir.ops.add import Add, FloatAdd
from gen.ir.ops.average_pool import AveragePool, FloatAveragePool
from gen.ir.ops.concat import Concat
from gen.ir.ops.conv import Conv
from gen.ir.ops.float_conv import FloatConv, SharedConv, dense
from gen.ir.ops.global_sum import GlobalSum
from gen.ir.ops.layer import FloatLayer, IntegerLayer, Requantising
from gen.ir.ops.max_pool import MaxPool, pool_size
from gen.ir.ops.tensor import BOARD, INPUT, Shape, Tensor
from gen.ir.ops.windows import window_counts

Op = Conv | MaxPool | AveragePool | Concat | Add | GlobalSum
"""Ops of quantised networks."""
FloatOp = FloatConv | MaxPool | FloatAveragePool | Concat | FloatAdd | GlobalSum
"""Ops of float graphs."""
Computed = FloatConv | FloatAdd | FloatAveragePool
"""Layers that compute new values, at a scale of their own; the others pass values on."""

__all__ = [
    "BOARD", "INPUT", "Add", "AveragePool", "Computed", "Concat", "Conv", "FloatAdd",
    "FloatAveragePool", "FloatConv", "FloatLayer", "FloatOp", "GlobalSum", "IntegerLayer",
    "MaxPool", "Op", "Requantising", "Shape", "SharedConv", "Tensor", "dense", "pool_size",
    "window_counts",
]  # fmt: skip
