"""The float network between import and quantisation: a graph of real-valued layers.

Ops and tensors share their names, as in :mod:`gen.ir.network`; pooling, concatenation and the final
sum carry no numbers, so they are the very same objects there.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.ops import INPUT, Concat, GlobalSum, MaxPool, pool_counts, window_counts
from gen.ir.preprocessing import Normalisation


@dataclass(frozen=True, eq=False)
class FloatConv:
    """A convolution with its bias and, perhaps, its ReLU and a ceiling above that.

    Attributes
    ----------
    name : str
    inputs : tuple of str
        One tensor.
    weights : float32 array (Cout, KH, KW, Cin / groups)
    bias : float32 array (Cout,)
    stride : int
    pad : tuple of int
        Top, left, bottom, right, in pixels.
    relu : bool
    pad_value : tuple of float
        Real value of a padding pixel, one a channel; empty for zeros.
    groups : int
        1, or the number of input and of output channels, each of which reads one of the former.
    ceiling : float or None
        What larger outputs become, as the 6 of a ReLU6.
    """

    name: str
    inputs: tuple[str, ...]
    weights: np.ndarray
    bias: np.ndarray
    stride: int = 1
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    relu: bool = False
    pad_value: tuple[float, ...] = ()
    groups: int = 1
    ceiling: float | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class SharedConv(FloatConv):
    """A convolution whose weights are codes for a few values that all of them share.

    Attributes
    ----------
    codes : uint8 array (Cout, K, K, Cin)
    values : float32 array (up to 256,)
        What the codes stand for: ``weights`` is ``values[codes]``.
    """

    codes: np.ndarray
    values: np.ndarray

    @staticmethod
    def of(op: FloatConv, codes: np.ndarray, values: np.ndarray, bias: np.ndarray) -> SharedConv:
        """The layer ``op`` with other weights and biases.

        Parameters
        ----------
        op : FloatConv
        codes : uint8 array (Cout, K, K, Cin)
        values : float32 array (up to 256,)
            What the codes stand for.
        bias : float32 array (Cout,)
        """
        return SharedConv(
            op.name, op.inputs, values[codes], bias, op.stride, op.pad, op.relu, op.pad_value,
            op.groups, op.ceiling, codes=codes, values=values,
        )  # fmt: skip


@dataclass(frozen=True)
class FloatAdd:
    """The sum of two tensors of one shape, perhaps with a ReLU and a ceiling behind it."""

    name: str
    inputs: tuple[str, ...]
    relu: bool = False
    ceiling: float | None = None


@dataclass(frozen=True)
class FloatAveragePool:
    """Means of windows, padding (top, left, bottom, right) counted as zeros; perhaps a ReLU."""

    name: str
    inputs: tuple[str, ...]
    kernel: int
    stride: int
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    relu: bool = False
    ceiling: float | None = None


Computed = FloatConv | FloatAdd | FloatAveragePool
"""Layers that compute new values, at a scale of their own; the others pass values on."""
FloatOp = FloatConv | MaxPool | FloatAveragePool | Concat | FloatAdd | GlobalSum


@dataclass(frozen=True, eq=False)
class FloatGraph:
    """A float network.

    Attributes
    ----------
    name : str
    input_shape : tuple of int
        Height, width, channels.
    ops : tuple of FloatOp
        In topological order; the last one is a GlobalSum (the division is the host's).
    metadata : dict
        What the model file says of itself: mean, std, channel_order, labels.
    """

    name: str
    input_shape: tuple[int, int, int]
    ops: tuple[FloatOp, ...]
    metadata: dict[str, str] = field(default_factory=dict)

    def shapes(self) -> dict[str, tuple[int, int, int]]:
        """Shape (height, width, channels) of every tensor.

        Raises
        ------
        FirebrickError
            Naming the first op whose inputs do not fit together or whose output is empty.
        """
        shapes = {INPUT: self.input_shape}
        for op in self.ops:
            shape = _shape(op, [shapes[name] for name in op.inputs])
            if min(shape) < 1:
                raise FirebrickError(
                    f"model {self.name!r}: {op.name} has nothing left to compute on "
                    f"(output shape {shape}); the input of {self.input_shape} is too small"
                )
            shapes[op.name] = shape
        return shapes

    @property
    def classes(self) -> int:
        """How many classes the network tells apart."""
        return self.shapes()[self.ops[-1].name][2]

    def nonnegative(self) -> dict[str, bool]:
        """Whether each tensor is behind a ReLU, so that no value in it is below zero."""
        known = {INPUT: True}
        for op in self.ops:
            below = all(known[name] for name in op.inputs)
            if isinstance(op, FloatConv):
                known[op.name] = op.relu
            elif isinstance(op, FloatAdd | FloatAveragePool):
                known[op.name] = op.relu or below
            else:
                known[op.name] = below
        return known

    def fold_input(self, normalisation: Normalisation) -> FloatGraph:
        """The same network on raw RGB pixels.

        Mean, standard deviation and channel order go into the weights and the bias of the layers
        that read the input; where those pad, they now pad with the mean.

        Raises
        ------
        FirebrickError
            If something other than a convolution of RGB reads the input, a mean used as padding
            is no pixel value, or channels that share their weights have different deviations.
        """
        ops = tuple(_fold_input(op, normalisation) if INPUT in op.inputs else op for op in self.ops)
        return replace(self, ops=ops)


def _fold_input(op: FloatOp, normalisation: Normalisation) -> FloatOp:
    if not isinstance(op, FloatConv):
        raise FirebrickError(
            f"{op.name} ({type(op).__name__}): only convolutions may read the input pixels; put "
            "it behind the first one"
        )
    op = replace(op, weights=dense(op.weights, op.groups), groups=1)
    if op.weights.shape[3] != 3:
        raise FirebrickError(
            f"{op.name}: reads {op.weights.shape[3]} input channels, but frames are RGB"
        )
    mean, std = (np.asarray(v, np.float64) for v in (normalisation.mean, normalisation.std))
    if any(op.pad) and not (np.all(mean >= 0) and np.all(mean <= 255)):
        raise FirebrickError(f"{op.name}: pads, but the input's mean {mean.tolist()} is no pixel")
    weights = op.weights.astype(np.float64) / std
    bias = op.bias - (weights * mean).sum(axis=(1, 2, 3))
    if normalisation.channel_order == "BGR":
        weights, mean = weights[..., ::-1], mean[::-1]
    folded = replace(
        op,
        weights=np.ascontiguousarray(weights, dtype=np.float32),
        bias=bias.astype(np.float32),
        pad_value=tuple(mean.tolist()) if any(op.pad) else (),
    )
    return _fold_shared(folded, normalisation) if isinstance(folded, SharedConv) else folded


def dense(weights: np.ndarray, groups: int) -> np.ndarray:
    """Weights of a layer in one group: zeros between channels that were of different ones.

    Layers that read pixels, whose colours may come in another order, are made so.
    """
    if groups == 1:
        return weights
    whole = np.zeros((*weights.shape[:3], groups), weights.dtype)
    channels = np.arange(groups)
    whole[channels, :, :, channels] = weights[..., 0]
    return whole


def _fold_shared(op: SharedConv, normalisation: Normalisation) -> SharedConv:
    if len(set(normalisation.std)) > 1:
        raise FirebrickError(
            f"{op.name}: its weights are shared by channels that the input normalisation scales "
            f"differently, by {normalisation.std}; choose another normalisation"
        )
    values = (op.values / np.float64(normalisation.std[0])).astype(np.float32)
    codes = op.codes if normalisation.channel_order == "RGB" else op.codes[..., ::-1]
    return SharedConv.of(op, np.ascontiguousarray(codes), values, op.bias)


def _shape(op: FloatOp, inputs: list[tuple[int, int, int]]) -> tuple[int, int, int]:
    height, width, channels = inputs[0]
    if isinstance(op, FloatConv):
        cout, rows, columns, cin = op.weights.shape
        if cin * op.groups != channels:
            raise FirebrickError(
                f"{op.name}: weights for {cin * op.groups} channels, input has {channels}"
            )
        return *window_counts((height, width), (rows, columns), op.stride, op.pad), cout
    if isinstance(op, MaxPool | FloatAveragePool):
        return *pool_counts((height, width), op), channels
    if isinstance(op, GlobalSum):
        return 1, 1, channels
    same = 2 if isinstance(op, Concat) else 3
    if any(shape[:same] != inputs[0][:same] for shape in inputs):
        raise FirebrickError(f"{op.name}: its inputs have shapes {inputs}, which do not match")
    if isinstance(op, Concat):
        channels = sum(shape[2] for shape in inputs)
    return height, width, channels
