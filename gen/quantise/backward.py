"""Gradients of :mod:`gen.quantise.layers`, by their inputs and by a convolution's numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gen.ir.graph import FloatAdd, FloatConv, FloatOp
from gen.ir.ops import Concat, Conv, MaxPool


def patches_back(op: FloatConv | Conv, slope: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Gradient by a convolution's input, from that by its windows.

    Parameters
    ----------
    op : FloatConv or Conv
    slope : float32 array (N, rows, columns, K * K * C)
    shape : tuple of int
        (N, H, W, C) of the input.

    Returns
    -------
    float32 array (N, H, W, C)
    """
    count, height, width, channels = shape
    kernel, stride = op.weights.shape[1], op.stride
    top, left, bottom, right = op.pad
    _, rows, columns, _ = slope.shape
    slope = slope.reshape(count, rows, columns, kernel * kernel, channels)
    if kernel == 1 and stride == 1 and not any(op.pad):
        return slope[:, :, :, 0]
    whole = np.zeros((count, height + top + bottom, width + left + right, channels), np.float32)
    for tap in range(kernel * kernel):
        dy, dx = divmod(tap, kernel)
        end_y, end_x = dy + (rows - 1) * stride + 1, dx + (columns - 1) * stride + 1
        whole[:, dy:end_y:stride, dx:end_x:stride] += slope[..., tap, :]
    return whole[:, top : top + height, left : left + width]


def layer_back(
    op: FloatOp, inputs: Sequence[np.ndarray], y: np.ndarray, slope: np.ndarray
) -> list[np.ndarray]:
    """Gradient by each input of any layer but a convolution.

    Parameters
    ----------
    op : FloatOp
    inputs : float32 arrays (N, H, W, C)
    y, slope : float32 array
        The layer's output and the gradient by it.
    """
    if isinstance(op, MaxPool):
        return [_max_pool_back(op, inputs[0], y, slope)]
    if isinstance(op, Concat):
        ends = np.cumsum([x.shape[3] for x in inputs])[:-1]
        return np.split(slope, ends, axis=3)
    if isinstance(op, FloatAdd):
        both = slope * (y > 0) if op.relu else slope
        return [both, both]
    height, width = inputs[0].shape[1:3]
    return [np.broadcast_to(slope / (height * width), inputs[0].shape)]


def _max_pool_back(op: MaxPool, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """To the first of the largest pixels of each window."""
    back, left = np.zeros_like(x), slope.copy()
    rows, columns = y.shape[1:3]
    for tap in range(op.kernel**2):
        dy, dx = divmod(tap, op.kernel)
        part = x[:, dy :: op.stride, dx :: op.stride][:, :rows, :columns]
        height, width = part.shape[1:3]
        here = np.where(part == y[:, :height, :width], left[:, :height, :width], 0)
        back[:, dy :: op.stride, dx :: op.stride][:, :rows, :columns] += here
        left[:, :height, :width] -= here
    return back
