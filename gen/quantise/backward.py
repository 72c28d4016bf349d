"""Gradients of :mod:`gen.quantise.layers`, by their inputs and by a convolution's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gen.ir.graph import Computed, FloatAdd, FloatAveragePool, FloatConv, FloatOp
from gen.ir.ops import Concat, Conv, MaxPool


def conv_back(op: FloatConv, slope: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Gradient by a convolution's input, from that by its output before the ReLU.

    Parameters
    ----------
    op : FloatConv
    slope : float32 array (N, rows, columns, Cout)
    shape : tuple of int
        (N, H, W, C) of the input.

    Returns
    -------
    float32 array (N, H, W, C)
    """
    if op.groups > 1:
        taps = op.weights.reshape(op.groups, -1).T
        windows = slope[..., None, :] * taps
    else:
        windows = slope.reshape(-1, slope.shape[3]) @ op.weights.reshape(len(op.weights), -1)
    return patches_back(op, windows.reshape(*slope.shape[:3], -1), shape)


def patches_back(op: FloatConv | Conv, slope: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Gradient by a convolution's input, from that by its windows.

    Parameters
    ----------
    op : FloatConv or Conv
    slope : float32 array (N, rows, columns, KH * KW * C)
    shape : tuple of int
        (N, H, W, C) of the input.

    Returns
    -------
    float32 array (N, H, W, C)
    """
    _, kernel_rows, kernel_columns, _ = op.weights.shape
    count, rows, columns, _ = slope.shape
    slope = slope.reshape(count, rows, columns, -1, shape[3])
    if (kernel_rows, kernel_columns, op.stride) == (1, 1, 1) and not any(op.pad):
        return slope[:, :, :, 0]
    taps = ((divmod(tap, kernel_columns), slope[..., tap, :]) for tap in range(slope.shape[3]))
    return _spread(op.stride, op.pad, taps, shape)


def _spread(
    stride: int,
    pad: tuple[int, int, int, int],
    taps: Iterable[tuple[tuple[int, int], np.ndarray]],
    shape: tuple[int, ...],
) -> np.ndarray:
    """Gradient by a map of ``shape``, of gradients by each place (row, column) in the windows."""
    top, left, bottom, right = pad
    count, height, width, channels = shape
    whole = np.zeros((count, height + top + bottom, width + left + right, channels), np.float32)
    for (dy, dx), slope in taps:
        end_y = dy + (slope.shape[1] - 1) * stride + 1
        end_x = dx + (slope.shape[2] - 1) * stride + 1
        whole[:, dy:end_y:stride, dx:end_x:stride] += slope
    return whole[:, top : top + height, left : left + width]


def unclamped(op: Computed, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Gradient by what a layer computes, from that by its output behind ReLU and ceiling.

    Parameters
    ----------
    op : FloatConv, FloatAdd or FloatAveragePool
    y, slope : float32 array
        The layer's output and the gradient by it.
    """
    if op.relu:
        slope = slope * (y > 0)
    if op.ceiling is not None:
        slope = slope * (y < np.float32(op.ceiling))
    return slope


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
        return [unclamped(op, y, slope)] * 2
    if isinstance(op, FloatAveragePool):
        part = unclamped(op, y, slope) / np.float32(op.kernel**2)
        taps = ((divmod(tap, op.kernel), part) for tap in range(op.kernel**2))
        return [_spread(op.stride, op.pad, taps, inputs[0].shape)]
    height, width = inputs[0].shape[1:3]
    return [np.broadcast_to(slope / (height * width), inputs[0].shape)]


def _max_pool_back(op: MaxPool, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """To the first of the largest pixels of each window."""
    top, left_side, _, _ = op.pad
    (height, width), (rows, columns) = x.shape[1:3], y.shape[1:3]
    bottom = max((rows - 1) * op.stride + op.kernel - top - height, 0)
    right = max((columns - 1) * op.stride + op.kernel - left_side - width, 0)
    margins = ((0, 0), (top, bottom), (left_side, right), (0, 0))
    x = np.pad(x, margins, constant_values=-np.inf)
    back, left = np.zeros_like(x), slope.copy()
    for tap in range(op.kernel**2):
        dy, dx = divmod(tap, op.kernel)
        here = np.s_[:, dy :: op.stride, dx :: op.stride]
        part = x[here][:, :rows, :columns]
        taken = np.where(part == y, left, 0)
        back[here][:, :rows, :columns] += taken
        left -= taken
    return back[:, top : top + height, left_side : left_side + width]
