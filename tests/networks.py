"""Small quantised networks with random weights, and frames for them.

The requantisation of every layer is chosen from its response to a few random frames, so that the
activations use their range and clamp at both ends now and then. The little arithmetic needed for
that is written out here plainly, so that neither the golden model nor the hardware leans on it.
"""

from dataclasses import replace
from math import inf
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gen.ir.activations import Activations
from gen.ir.check import check
from gen.ir.envelope import with_envelope
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Add, Concat, Conv, GlobalSum, MaxPool, Op, Tensor
from gen.ir.preprocessing import Preprocessing

CALIBRATION_FRAMES = 4
MEAN_CODE = 128


class NetworkBuilder:
    """Grow a random network op by op.

    Each method adds one op (or one Fire module), calibrates it, and returns the name of its tensor.

    Parameters
    ----------
    shape : tuple of int
        Height, width and channels of the input.
    seed : int
        Of the weights and the calibration frames.
    """

    def __init__(self, shape: tuple[int, int, int], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._ops: list[Op] = []
        self._tensors = {INPUT: Tensor(INPUT, shape, 1 / 255)}
        frames = self._rng.integers(0, 256, (CALIBRATION_FRAMES, *shape))
        self._codes: dict[str, np.ndarray] = {INPUT: frames.astype(np.int64)}

    def conv(
        self,
        name: str,
        x: str,
        channels: int,
        kernel: int,
        *,
        stride: int = 1,
        pad: int | tuple[int, int, int, int] = 0,
        pad_code: int = 0,
        weight_bits: int = 8,
        code_bits: int | None = None,
        signed: bool = False,
        scale: float | None = None,
    ) -> str:
        """Add a convolution; ``signed`` leaves out its ReLU, ``scale`` fixes its output's scale.

        With ``code_bits``, its weights come from a codebook of ``2**code_bits`` random levels.
        """
        source = self._tensors[x]
        cin = source.shape[2]
        limit = (1 << (weight_bits - 1)) - 1
        weights = self._rng.normal(0, max(limit / 2.5, 0.8), (channels, kernel, kernel, cin))
        weights = np.clip(np.rint(weights), -limit - 1, limit).astype(np.int8)
        codebook = None
        if code_bits is not None:
            levels = np.arange(-limit - 1, limit + 1)
            picked = self._rng.choice(levels, 1 << code_bits, replace=False)
            codebook = np.sort(picked).astype(np.int8)
            weights = self._rng.choice(codebook, weights.shape)
        sides = (pad,) * 4 if isinstance(pad, int) else pad
        acc = _accumulate(self._codes[x], weights, stride, sides, pad_code)
        spread = acc.std(axis=(0, 1, 2)) + 1
        bias = np.rint(-acc.mean(axis=(0, 1, 2)) + self._rng.normal(0, 0.4, channels) * spread)
        weight_scale = self._rng.uniform(0.7, 1.4, channels) / spread / source.scale
        high = 127 if signed else 255
        if scale is None:
            scale = 2.0 / high
        multiplier, shift = _fixed_point(source.scale * weight_scale / scale)
        op = Conv(
            name=name,
            inputs=(x,),
            weights=weights,
            weight_bits=weight_bits,
            weight_scale=weight_scale,
            bias=bias.astype(np.int32),
            multiplier=multiplier.astype(np.uint16),
            shift=shift,
            low=-128 if signed else 0,
            high=high,
            stride=stride,
            pad=sides,
            pad_code=(pad_code,) * cin,
            codebook=codebook,
        )
        codes = (acc + op.bias) * multiplier + (1 << (shift - 1)) >> shift
        return self._append(op, np.clip(codes, op.low, op.high), scale, signed=signed)

    def max_pool(
        self, name: str, x: str, kernel: int = 3, stride: int = 2, *, ceil: bool = True
    ) -> str:
        """Add a max pool."""
        op = MaxPool(name, (x,), kernel, stride, ceil)
        rows, columns, _ = op.output_shape([self._tensors[x].shape])
        codes = self._codes[x]
        parts = [
            codes[:, r * stride : r * stride + kernel, c * stride : c * stride + kernel].max((1, 2))
            for r in range(rows)
            for c in range(columns)
        ]
        pooled = np.stack(parts, axis=1).reshape(len(codes), rows, columns, -1)
        source = self._tensors[x]
        return self._append(op, pooled, source.scale, signed=source.signed)

    def concat(self, name: str, *parts: str) -> str:
        """Add a concatenation of tensors of one scale."""
        codes = np.concatenate([self._codes[part] for part in parts], axis=3)
        return self._append(Concat(name, parts), codes, self._tensors[parts[0]].scale)

    def add(self, name: str, a: str, b: str) -> str:
        """Add the bypass addition of two tensors."""
        scale = self._tensors[a].scale * 1.5
        multiplier, shift = _fixed_point(
            np.array([self._tensors[a].scale, self._tensors[b].scale]) / scale
        )
        total = self._codes[a] * multiplier[0] + self._codes[b] * multiplier[1]
        codes = np.clip(total + (1 << (shift - 1)) >> shift, 0, 255)
        op = Add(name, (a, b), (int(multiplier[0]), int(multiplier[1])), shift, 0, 255)
        return self._append(op, codes, scale)

    def fire(
        self,
        name: str,
        x: str,
        squeeze: int,
        expand1x1: int,
        expand3x3: int,
        *,
        weight_bits: int = 8,
        code_bits: int | None = None,
        signed_squeeze: bool = False,
        bypass: bool = False,
    ) -> str:
        """Add a Fire module; with ``bypass``, its input is added to its output."""
        bits: dict[str, Any] = {"weight_bits": weight_bits, "code_bits": code_bits}
        s = self.conv(f"{name}/squeeze", x, squeeze, 1, signed=signed_squeeze, **bits)
        e1 = self.conv(f"{name}/expand1x1", s, expand1x1, 1, **bits)
        e3 = self.conv(f"{name}/expand3x3", s, expand3x3, 3, pad=1, **bits)
        joined = self.concat(f"{name}/concat", e1, e3)
        return self.add(f"{name}/add", joined, x) if bypass else joined

    def finish(self, name: str, x: str) -> QuantizedNetwork:
        """End in the global sum of ``x`` and return the network, checked."""
        codes = self._codes[x].sum(axis=(1, 2), keepdims=True)
        source = self._tensors[x]
        self._append(GlobalSum("sums", (x,)), codes, source.scale, signed=True, bits=32)
        height, width, _ = self._tensors[INPUT].shape
        network = QuantizedNetwork(
            name=name,
            ops=tuple(self._ops),
            tensors=dict(self._tensors),
            labels=tuple(f"class {index}" for index in range(source.shape[2])),
            preprocessing=Preprocessing(min(height, width) + 2, (height, width)),
            source={"from": "random weights"},
        )
        check(network)
        return network

    def _append(
        self, op: Op, codes: np.ndarray, scale: float, *, signed: bool = False, bits: int = 8
    ) -> str:
        shape = op.output_shape([self._tensors[x].shape for x in op.inputs])
        assert codes.shape[1:] == shape
        self._ops.append(op)
        self._tensors[op.name] = Tensor(op.name, shape, scale, signed, bits)
        self._codes[op.name] = codes
        return op.name


def _accumulate(
    codes: np.ndarray,
    weights: np.ndarray,
    stride: int,
    pad: tuple[int, int, int, int],
    pad_code: int,
) -> np.ndarray:
    """Exact accumulators of a convolution over frames of codes (N, H, W, C)."""
    top, left, bottom, right = pad
    padded = np.pad(codes, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=pad_code)
    kernel = weights.shape[1]
    windows = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return np.einsum("nhwcyx,oyxc->nhwo", windows, weights.astype(np.int64))


def _fixed_point(ratios: np.ndarray) -> tuple[np.ndarray, int]:
    """Unsigned 16-bit multipliers and the shift that stand for positive ``ratios``."""
    shift = 15 - int(np.floor(np.log2(ratios.max())))
    shift = min(max(shift, 1), 47)
    return np.minimum(np.rint(ratios * 2.0**shift), 65535).astype(np.int64), shift


def tiny_network(
    seed: int = 1, *, weight_bits: int = 8, code_bits: int | None = None
) -> QuantizedNetwork:
    """Every kind of op once, in 12x10x3 pixels and 5 classes.

    conv1 3x3 stride 2 with mean-code padding, a max pool with ceil, two Fire modules (the second
    with bypass), a conv10 without ReLU, the global sum. No size is a power of two by accident.
    The widths are those of all convolutions but conv1.
    """
    net = NetworkBuilder((12, 10, 3), seed)
    x = net.conv("conv1", INPUT, 8, 3, stride=2, pad=1, pad_code=MEAN_CODE)
    x = net.max_pool("pool1", x)
    bits: dict[str, Any] = {"weight_bits": weight_bits, "code_bits": code_bits}
    x = net.fire("fire2", x, 4, 6, 6, **bits)
    x = net.fire("fire3", x, 3, 4, 8, bypass=True, **bits)
    x = net.conv("conv10", x, 5, 1, signed=True, **bits)
    return net.finish("tiny", x)


def fire_network(
    seed: int = 1,
    *,
    shape: tuple[int, int, int] = (6, 5, 3),
    channels: int = 8,
    squeeze: int = 4,
    expand1x1: int = 8,
    expand3x3: int = 8,
    weight_bits: int = 8,
    signed_squeeze: bool = False,
) -> QuantizedNetwork:
    """One Fire module between a 1x1 convolution of ``channels`` and a classifier of 3 classes."""
    net = NetworkBuilder(shape, seed)
    x = net.conv("conv1", INPUT, channels, 1)
    x = net.fire(
        "fire2",
        x,
        squeeze,
        expand1x1,
        expand3x3,
        weight_bits=weight_bits,
        signed_squeeze=signed_squeeze,
    )
    x = net.conv("conv10", x, 3, 1, weight_bits=weight_bits)
    return net.finish("fire", x)


def conv_network(
    seed: int = 1,
    *,
    shape: tuple[int, int, int] = (9, 8, 3),
    channels: int = 6,
    kernel: int = 3,
    stride: int = 1,
    pad: int | tuple[int, int, int, int] = 0,
    weight_bits: int = 8,
    code_bits: int | None = None,
    signed: bool = False,
) -> QuantizedNetwork:
    """One convolution and the global sum: each class sum is the sum of one output channel."""
    net = NetworkBuilder(shape, seed)
    x = net.conv(
        "conv1",
        INPUT,
        channels,
        kernel,
        stride=stride,
        pad=pad,
        pad_code=MEAN_CODE,
        weight_bits=weight_bits,
        code_bits=code_bits,
        signed=signed,
    )
    return net.finish("conv", x)


def with_op(network: QuantizedNetwork, name: str, /, **changes: Any) -> QuantizedNetwork:
    """The same network with other fields of one op; it is not checked."""
    ops = tuple(replace(op, **changes) if op.name == name else op for op in network.ops)
    return replace(network, ops=ops)


def measured_activations(network: QuantizedNetwork, count: int = 2) -> Activations:
    """Counts and ratios as a measurement may give them, one of them infinite."""
    rng, sums = np.random.default_rng(3), network.output.name
    counts = {}
    for name, tensor in network.tensors.items():
        if name != sums:
            codes = rng.binomial(256, rng.uniform(0.1, 1), (count, *tensor.shape))
            rows = np.bincount(np.minimum(codes.reshape(-1), 255), minlength=256)
            counts[name] = tuple(map(int, rows))
    ratios = {op.name: round(float(rng.uniform(9, 40)), 2) for op in network.ops}
    return Activations(count, counts, {**ratios, network.ops[1].name: inf})


def random_frames(network: QuantizedNetwork, count: int, seed: int = 1) -> np.ndarray:
    """Frames of raw pixels, uint8 (count, H, W, 3): noise, and an all 0 and an all 255 one."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (count, *network.input.shape), dtype=np.uint8)
    if count > 2:
        frames[1], frames[2] = 0, 255
    return frames


def updatable(network: QuantizedNetwork, margin: int | None = None) -> QuantizedNetwork:
    """A network whose contents may be replaced; no weight of it is the most negative code."""
    ops = tuple(_symmetric(op) if isinstance(op, Conv) else op for op in network.ops)
    made = with_envelope(replace(network, ops=ops), margin)
    check(made)
    return made


def _symmetric(op: Conv) -> Conv:
    """A convolution without the most negative weight."""
    least = 1 - (1 << (op.weight_bits - 1))
    codebook = None if op.codebook is None else np.maximum(op.codebook, np.int8(least))
    return replace(op, weights=np.maximum(op.weights, np.int8(least)), codebook=codebook)


def other_contents(network: QuantizedNetwork, seed: int) -> QuantizedNetwork:
    """An updatable network with other weights, biases and multipliers."""
    rng = np.random.default_rng(seed)
    ops = [
        replace(
            op,
            weights=rng.permutation(op.weights.reshape(-1)).reshape(op.weights.shape),
            bias=rng.permutation(op.bias),
            multiplier=(op.multiplier * rng.uniform(0.7, 1.0, op.channels)).astype(np.uint16),
        )
        if isinstance(op, Conv)
        else op
        for op in network.ops
    ]
    made = replace(network, ops=tuple(ops))
    check(made)
    assert made.structure == network.structure
    return made
