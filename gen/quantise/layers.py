"""The layers of a network on arrays: in real numbers, and in the quantiser's own integers.

The integers agree with the golden model, which shares no code with this file. They are held in
floating point, where BLAS is fast and every sum here exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gen.ir.graph import FloatAdd, FloatConv, FloatOp
from gen.ir.ops import Add, Concat, Conv, MaxPool, Op, Tensor

BATCH_PIXELS = 12_000
"""Input pixels that go through a layer at once: few, for the sake of the caches."""

EXACT32 = 1 << 24
"""Sums of integers below this are exact in float32."""


def batches(count: int, shape: tuple[int, ...]) -> Iterator[slice]:
    """Slices that cut ``count`` frames of ``shape`` (height, width, ...) into small batches."""
    size = max(1, BATCH_PIXELS // (shape[0] * shape[1]))
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def patches(op: FloatConv | Conv, x: np.ndarray, border: Sequence[float]) -> np.ndarray:
    """Windows that a convolution sees.

    Parameters
    ----------
    op : FloatConv or Conv
    x : array (N, H, W, C)
    border : sequence of C numbers, or empty
        A padding pixel; zeros if empty.

    Returns
    -------
    array (N, rows, columns, K * K * C) of the type of ``x``
        In the weights' order.
    """
    count, height, width, channels = x.shape
    kernel, stride = op.weights.shape[1], op.stride
    top, left, bottom, right = op.pad
    if any(op.pad):
        padded = np.empty((count, height + top + bottom, width + left + right, channels), x.dtype)
        padded[:] = np.asarray(border, x.dtype) if len(border) else 0
        padded[:, top : top + height, left : left + width] = x
        x = padded
    rows = (x.shape[1] - kernel) // stride + 1
    columns = (x.shape[2] - kernel) // stride + 1
    windows = np.empty((count, rows, columns, kernel * kernel, channels), x.dtype)
    for tap in range(kernel * kernel):
        dy, dx = divmod(tap, kernel)
        bottom, right = dy + (rows - 1) * stride + 1, dx + (columns - 1) * stride + 1
        windows[..., tap, :] = x[:, dy:bottom:stride, dx:right:stride]
    return windows.reshape(count, rows, columns, -1)


def float_layer(op: FloatOp, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Output (N, H, W, C) of a layer in float32; of the global sum, the mean."""
    if isinstance(op, FloatConv):
        y = before_relu(op, inputs[0])
        return np.maximum(y, 0, out=y) if op.relu else y
    if isinstance(op, MaxPool):
        return _max_pool(op, inputs[0])
    if isinstance(op, Concat):
        return np.concatenate(inputs, axis=3)
    if isinstance(op, FloatAdd):
        y = inputs[0] + inputs[1]
        return np.maximum(y, 0, out=y) if op.relu else y
    return inputs[0].mean(axis=(1, 2), keepdims=True)


def before_relu(op: FloatConv, x: np.ndarray) -> np.ndarray:
    """What a convolution computes, in float32, its ReLU left out."""
    y = _matmul(patches(op, x.astype(np.float32, copy=False), op.pad_value), op.weights)
    y += op.bias
    return y


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
    dtype = np.int8 if y.signed else np.uint8
    if isinstance(op, MaxPool):
        return _max_pool(op, inputs[0])
    if isinstance(op, Concat):
        return np.concatenate(inputs, axis=3)
    if isinstance(op, Add):
        a, b = (codes.astype(np.float64) for codes in inputs)
        total = a * op.multiplier[0] + b * op.multiplier[1]
    elif isinstance(op, Conv):
        low, high = op.accumulator_bounds(x)
        exact = max(-low, high) < EXACT32
        windows = patches(op, inputs[0], op.pad_code).astype(np.float32 if exact else np.float64)
        total = _matmul(windows, op.weights).astype(np.float64)
        total += op.bias
        total *= op.multiplier
    else:
        raise TypeError(f"{op.name}: {type(op).__name__} gives no codes")
    total += 2.0 ** (op.shift - 1)
    total *= 2.0**-op.shift
    return np.clip(np.floor(total, out=total), op.low, op.high, out=total).astype(dtype)


def _matmul(windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    kernel = weights.reshape(len(weights), -1).astype(windows.dtype, copy=False)
    flat = windows.reshape(-1, windows.shape[-1]) @ kernel.T
    return flat.reshape(*windows.shape[:-1], len(weights))


def _max_pool(op: MaxPool, x: np.ndarray) -> np.ndarray:
    def along(x: np.ndarray, axis: int) -> np.ndarray:
        size = x.shape[axis]
        span = size - op.kernel
        windows = (-(-span // op.stride) if op.ceil else span // op.stride) + 1
        starts = np.arange(windows) * op.stride
        y = np.take(x, starts, axis=axis)
        for tap in range(1, op.kernel):
            np.maximum(y, np.take(x, np.minimum(starts + tap, size - 1), axis=axis), out=y)
        return y

    return along(along(x, 1), 2)
