"""Gradients of :mod:`gen.quantise.layers`, by windows and by inputs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gen.ir.ops import (
    Computed,
    Conv,
    FloatConv,
)


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
    return spread(op.stride, op.pad, taps, shape)


def spread(
    stride: int,
    pad: tuple[int, int, int, int],
    taps: Iterable[tuple[tuple[int, int], np.ndarray]],
    shape: tuple[int, ...],
) -> np.ndarray:
    """Gradient by a map, of gradients by each place in its windows.

    Parameters
    ----------
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    taps : iterable
        Row and column of a place, and the gradient by what all windows have there.
    shape : tuple of int
        (N, H, W, C) of the map.
    """
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
