"""The golden model: every tensor of a quantised network in NumPy integers, exactly.

This is the definition of "right". Convolutions run on BLAS in floating point, which is exact here:
float32 where no partial sum can reach 2**24, float64 (2**53) otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, AveragePool, Concat, Conv, MaxPool, Op, Tensor

BATCH_PIXELS = 16_384
"""Input pixels that go through the network at once: their tensors fit a processor's cache."""


def run(network: QuantizedNetwork, frames: np.ndarray) -> dict[str, np.ndarray]:
    """Run frames and keep everything.

    Parameters
    ----------
    network : QuantizedNetwork
    frames : uint8 array (N, H, W, C)

    Returns
    -------
    dict of arrays (N, H, W, C)
        Every tensor by name, ``"input"`` included: uint8 or int8, the class sums int64.
    """
    tensors = {INPUT: _checked(network, frames)}
    for op in network.ops:
        tensors[op.name] = apply(network, op, [tensors[name] for name in op.inputs])
    return tensors


def class_sums(network: QuantizedNetwork, frames: np.ndarray) -> np.ndarray:
    """Class sums (N, classes) of frames, int64, in bounded memory."""
    frames = _checked(network, frames)
    size = max(1, BATCH_PIXELS // (frames.shape[1] * frames.shape[2]))
    parts = [_sums(network, frames[i : i + size]) for i in range(0, len(frames), size)]
    classes = network.output.shape[2]
    return np.concatenate(parts) if parts else np.zeros((0, classes), np.int64)


def _sums(network: QuantizedNetwork, frames: np.ndarray) -> np.ndarray:
    last_use = {name: i for i, op in enumerate(network.ops) for name in op.inputs}
    live = {INPUT: frames}
    for i, op in enumerate(network.ops):
        live[op.name] = apply(network, op, [live[name] for name in op.inputs])
        live = {k: v for k, v in live.items() if last_use.get(k, len(network.ops)) > i}
    return live[network.output.name].reshape(len(frames), -1)


def _checked(network: QuantizedNetwork, frames: np.ndarray) -> np.ndarray:
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.shape[1:] != network.input.shape:
        raise ValueError(
            f"frames of {frames.dtype} {frames.shape}, expected uint8 (N, {network.input.shape})"
        )
    return frames


def apply(network: QuantizedNetwork, op: Op, inputs: list[np.ndarray]) -> np.ndarray:
    """Compute one op.

    Parameters
    ----------
    network : QuantizedNetwork
    op : Op
    inputs : list of arrays (N, H, W, C)
        uint8 or int8 codes, one array for each of ``op.inputs``.

    Returns
    -------
    array (N, H, W, C)
        uint8 or int8 codes; class sums int64.
    """
    y = network.tensors[op.name]
    if isinstance(op, Conv):
        accumulators = accumulate(op, network.tensors[op.inputs[0]], inputs[0])
        return _codes(requantise(op, accumulators), y)
    if isinstance(op, MaxPool):
        return _max_pool(op, inputs[0], y)
    if isinstance(op, AveragePool):
        return _codes(_average_pool(op, inputs[0], y), y)
    if isinstance(op, Concat):
        return np.concatenate([_codes(x, y) for x in inputs], axis=3)
    if isinstance(op, Add):
        a, b = (x.astype(np.int64) for x in inputs)
        total = a * op.multiplier[0] + b * op.multiplier[1] + op.offset + (1 << (op.shift - 1))
        return _codes(np.clip(total >> op.shift, op.low, op.high), y)
    return inputs[0].sum(axis=(1, 2), keepdims=True, dtype=np.int64)


def _codes(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    return values.astype(np.int8 if tensor.signed else np.uint8, copy=False)


def accumulate(op: Conv, x: Tensor, codes: np.ndarray) -> np.ndarray:
    """Sums of weight times activation, without the bias, as exact integers in floating point.

    Parameters
    ----------
    op : Conv
    x : Tensor
        Its input; the bounds decide which floating point is exact.
    codes : array (N, H, W, C)

    Returns
    -------
    float32 or float64 array (N, rows, columns, channels)
    """
    largest = max(-x.low, x.high)
    magnitudes = np.abs(op.weights.astype(np.int64)).reshape(op.channels, -1).sum(axis=1)
    exact32 = int(magnitudes.max()) * largest < 1 << 24
    dtype = np.float32 if exact32 else np.float64
    patches = np.concatenate([_patches(op, frame, dtype) for frame in codes])
    weights: np.ndarray = op.weights.reshape(op.channels, -1).astype(dtype)
    if op.groups == 1:
        sums = patches @ weights.T
    else:
        sums = np.einsum("ptc,ct->pc", patches.reshape(len(patches), -1, op.groups), weights)
    rows, columns, _ = op.output_shape([codes.shape[1:]])
    return sums.reshape(len(codes), rows, columns, op.channels)


def _patches(op: Conv, frame: np.ndarray, dtype: type) -> np.ndarray:
    """Windows of one frame (H, W, C) as rows in the weights' order: KH, KW, C."""
    height, width, channels = frame.shape
    if any(op.pad):
        top, left, bottom, right = op.pad
        padded = np.empty((height + top + bottom, width + left + right, channels), frame.dtype)
        padded[:] = np.array(op.pad_code, frame.dtype)
        padded[top : top + height, left : left + width] = frame
        frame = padded
    windows: np.ndarray = sliding_window_view(frame.astype(dtype), op.kernel_size, axis=(0, 1))
    windows = windows[:: op.stride, :: op.stride].transpose(0, 1, 3, 4, 2)
    return windows.reshape(windows.shape[0] * windows.shape[1], -1)


def requantise(op: Conv, accumulators: np.ndarray) -> np.ndarray:
    """``clamp(((acc + bias) * multiplier + 2**(shift-1)) >> shift, low, high)``, int64."""
    values = accumulators.astype(np.int64)
    values += op.bias
    values *= op.multiplier
    values += 1 << (op.shift - 1)
    values >>= op.shift
    return np.clip(values, op.low, op.high, out=values)


def _max_pool(op: MaxPool, codes: np.ndarray, y: Tensor) -> np.ndarray:
    lowest = np.iinfo(codes.dtype).min
    return _codes(reduce(np.maximum, _taps(op, codes, y, lowest)), y)


def _average_pool(op: AveragePool, codes: np.ndarray, y: Tensor) -> np.ndarray:
    sums = sum(_taps(op, codes.astype(np.int64), y, 0))
    total = sums * op.multiplier + op.offset + (1 << (op.shift - 1))
    return np.clip(total >> op.shift, op.low, op.high)


def _taps(
    op: MaxPool | AveragePool, codes: np.ndarray, y: Tensor, border: int
) -> Iterator[np.ndarray]:
    """For each place in a window, what all windows have there; ``border`` where they stick out."""
    count, height, width, channels = codes.shape
    (rows, columns, _), (top, left, _, _) = y.shape, op.pad
    tall = max((rows - 1) * op.stride + op.kernel, height + top)
    wide = max((columns - 1) * op.stride + op.kernel, width + left)
    padded = np.full((count, tall, wide, channels), border, codes.dtype)
    padded[:, top : top + height, left : left + width] = codes
    down, across = rows * op.stride, columns * op.stride
    for dy in range(op.kernel):
        for dx in range(op.kernel):
            tap = padded[:, dy : dy + down : op.stride, dx : dx + across : op.stride]
            yield tap[:, :rows, :columns]
