"""The layers of a network on arrays: in real numbers, and in the quantiser's own integers.

The integers agree with the golden model, which shares no code with this file. They are held in
floating point, where BLAS is fast and every sum here exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np

from gen.ir.graph import Computed, FloatAdd, FloatAveragePool, FloatConv, FloatOp
from gen.ir.ops import Add, AveragePool, Concat, Conv, MaxPool, Op, Tensor, pool_counts

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
    array (N, rows, columns, KH * KW * C) of the type of ``x``
        In the order KH, KW, C: the weights' own, where they are in one group.
    """
    count, height, width, channels = x.shape
    (_, tall, wide, _), stride = op.weights.shape, op.stride
    top, left, bottom, right = op.pad
    if any(op.pad):
        padded = np.empty((count, height + top + bottom, width + left + right, channels), x.dtype)
        padded[:] = np.asarray(border, x.dtype) if len(border) else 0
        padded[:, top : top + height, left : left + width] = x
        x = padded
    rows = (x.shape[1] - tall) // stride + 1
    columns = (x.shape[2] - wide) // stride + 1
    windows = np.empty((count, rows, columns, tall * wide, channels), x.dtype)
    for tap in range(tall * wide):
        dy, dx = divmod(tap, wide)
        bottom, right = dy + (rows - 1) * stride + 1, dx + (columns - 1) * stride + 1
        windows[..., tap, :] = x[:, dy:bottom:stride, dx:right:stride]
    return windows.reshape(count, rows, columns, -1)


def by_group(op: FloatConv | Conv, windows: np.ndarray) -> np.ndarray:
    """Windows (..., KH * KW * C) as a layer's output channels see them.

    Returns
    -------
    array (N, D) or (groups, N, KH * KW)
        The former where all channels see all of a window, the latter in a depthwise layer.
    """
    if op.groups == 1:
        return windows.reshape(-1, windows.shape[-1])
    taps = op.weights.shape[1] * op.weights.shape[2]
    return np.ascontiguousarray(windows.reshape(-1, taps, op.groups).transpose(2, 0, 1))


def float_layer(op: FloatOp, inputs: Sequence[np.ndarray]) -> np.ndarray:
    """Output (N, H, W, C) of a layer in float32; of the global sum, the mean."""
    if isinstance(op, FloatConv):
        return clamped(op, before_relu(op, inputs[0]))
    if isinstance(op, MaxPool):
        return _max_pool(op, inputs[0])
    if isinstance(op, FloatAveragePool):
        return clamped(op, _window_sums(op, inputs[0]) / np.float32(op.kernel**2))
    if isinstance(op, Concat):
        return np.concatenate(inputs, axis=3)
    if isinstance(op, FloatAdd):
        return clamped(op, inputs[0] + inputs[1])
    return inputs[0].mean(axis=(1, 2), keepdims=True)


def clamped(op: Computed, y: np.ndarray) -> np.ndarray:
    """What a layer computes with its ReLU and its ceiling, in place."""
    if op.relu:
        np.maximum(y, 0, out=y)
    if op.ceiling is not None:
        np.minimum(y, np.float32(op.ceiling), out=y)
    return y


def before_relu(op: FloatConv, x: np.ndarray) -> np.ndarray:
    """What a convolution computes, in float32, its ReLU and its ceiling left out."""
    y = _products(op, patches(op, x.astype(np.float32, copy=False), op.pad_value))
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
    elif isinstance(op, AveragePool):
        total = _window_sums(op, inputs[0].astype(np.float64)) * op.multiplier
    elif isinstance(op, Conv):
        low, high = op.accumulator_bounds(x)
        exact = max(-low, high) < EXACT32
        windows = patches(op, inputs[0], op.pad_code).astype(np.float32 if exact else np.float64)
        total = _products(op, windows).astype(np.float64)
        total += op.bias
        total *= op.multiplier
    else:
        raise TypeError(f"{op.name}: {type(op).__name__} gives no codes")
    total += 2.0 ** (op.shift - 1)
    total *= 2.0**-op.shift
    return np.clip(np.floor(total, out=total), op.low, op.high, out=total).astype(dtype)


def _products(op: FloatConv | Conv, windows: np.ndarray) -> np.ndarray:
    """Sums of windows times weights, (N, rows, columns, Cout) of the windows' type."""
    kernel = op.weights.reshape(len(op.weights), -1).astype(windows.dtype, copy=False)
    if op.groups > 1:
        parts = windows.reshape(*windows.shape[:3], -1, op.groups)
        return np.einsum("nrctg,gt->nrcg", parts, kernel)
    flat = windows.reshape(-1, windows.shape[-1]) @ kernel.T
    return flat.reshape(*windows.shape[:-1], len(op.weights))


def _max_pool(op: MaxPool, x: np.ndarray) -> np.ndarray:
    """Maxima along rows, then along columns; what sticks out repeats a pixel that does not."""
    counts = pool_counts((x.shape[1], x.shape[2]), op)

    def along(x: np.ndarray, axis: int) -> np.ndarray:
        starts = np.arange(counts[axis - 1]) * op.stride - op.pad[axis - 1]
        last = x.shape[axis] - 1
        y = np.take(x, np.clip(starts, 0, last), axis=axis)
        for tap in range(1, op.kernel):
            np.maximum(y, np.take(x, np.clip(starts + tap, 0, last), axis=axis), out=y)
        return y

    return along(along(x, 1), 2)


def _window_sums(op: FloatAveragePool | AveragePool, x: np.ndarray) -> np.ndarray:
    """Sums of a pool's windows, padding being zeros, of the type of ``x``."""
    rows, columns = pool_counts((x.shape[1], x.shape[2]), op)
    top, left, bottom, right = op.pad
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))

    def along(x: np.ndarray, axis: int, count: int) -> np.ndarray:
        starts = np.arange(count) * op.stride
        return reduce(np.add, (np.take(x, starts + tap, axis=axis) for tap in range(op.kernel)))

    return along(along(padded, 1, rows), 2, columns)
