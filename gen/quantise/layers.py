"""What layers do to arrays: windows, sums of products, clamps (:mod:`gen.quantise.kinds`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gen.ir.ops import (
    Computed,
    Conv,
    FloatConv,
)

BATCH_PIXELS = 12_000
"""Input pixels that go through a layer at once: few, for the sake of the caches."""


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


def clamped(op: Computed, y: np.ndarray) -> np.ndarray:
    """What a layer computes with its ReLU and its ceiling, in place."""
    if op.relu:
        np.maximum(y, 0, out=y)
    if op.ceiling is not None:
        np.minimum(y, np.float32(op.ceiling), out=y)
    return y


def before_relu(op: FloatConv, x: np.ndarray) -> np.ndarray:
    """What a convolution computes, in float32, its ReLU and its ceiling left out."""
    y = products(op, patches(op, x.astype(np.float32, copy=False), op.pad_value))
    y += op.bias
    return y


def products(op: FloatConv | Conv, windows: np.ndarray) -> np.ndarray:
    """Sums of windows times weights, (N, rows, columns, Cout) of the windows' type."""
    kernel = op.weights.reshape(len(op.weights), -1).astype(windows.dtype, copy=False)
    if op.groups > 1:
        parts = windows.reshape(*windows.shape[:3], -1, op.groups)
        return np.einsum("nrctg,gt->nrcg", parts, kernel)
    flat = windows.reshape(-1, windows.shape[-1]) @ kernel.T
    return flat.reshape(*windows.shape[:-1], len(op.weights))
