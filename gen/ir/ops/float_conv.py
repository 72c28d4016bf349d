"""Convolutions in floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.ops.conv import Conv
from gen.ir.ops.layer import FloatLayer
from gen.ir.ops.tensor import Shape
from gen.ir.ops.windows import window_counts
from gen.ir.preprocessing import Normalisation


@dataclass(frozen=True, eq=False)
class FloatConv(FloatLayer):
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

    def output_shape(self, inputs: Sequence[Shape]) -> Shape:
        """A pixel a window, and its own channels.

        Raises
        ------
        FirebrickError
            If its weights are for another number of channels.
        """
        height, width, channels = inputs[0]
        cout, rows, columns, cin = self.weights.shape
        if cin * self.groups != channels:
            raise FirebrickError(
                f"{self.name}: weights for {cin * self.groups} channels, input has {channels}"
            )
        counts = window_counts((height, width), (rows, columns), self.stride, self.pad)
        return *counts, cout

    def nonnegative(self, inputs: bool) -> bool:
        """Behind a ReLU."""
        return self.relu

    def outline(self) -> Conv:
        """With zeros for weights, and any integers."""
        channels = np.ones(self.weights.shape[0])
        return Conv(
            name=self.name,
            inputs=self.inputs,
            weights=np.zeros(self.weights.shape, np.int8),
            weight_bits=8,
            weight_scale=channels,
            bias=channels.astype(np.int32),
            multiplier=channels.astype(np.uint16),
            shift=1,
            low=0,
            high=255,
            stride=self.stride,
            pad=self.pad,
            groups=self.groups,
        )

    def on_pixels(self, normalisation: Normalisation) -> Self:
        """The same, with mean, standard deviation and channel order in its weights and bias.

        Raises
        ------
        FirebrickError
            As :meth:`FloatLayer.on_pixels` does.
        """
        op = replace(self, weights=dense(self.weights, self.groups), groups=1)
        normalisation = normalisation.of_channels(op.weights.shape[3])
        mean, std = (np.asarray(v, np.float64) for v in (normalisation.mean, normalisation.std))
        border = mean + std * (op.pad_value or np.zeros(len(mean)))
        if any(op.pad) and not (np.all(border >= -0.5) and np.all(border <= 255.5)):
            raise FirebrickError(
                f"{op.name}: pads with what would be the pixel {border.tolist()}, and there is none"
            )
        weights = op.weights.astype(np.float64) / std
        bias = op.bias - (weights * mean).sum(axis=(1, 2, 3))
        weights, border = weights[..., normalisation.order], border[normalisation.order]
        return replace(
            op,
            weights=np.ascontiguousarray(weights, dtype=np.float32),
            bias=bias.astype(np.float32),
            pad_value=tuple(border.tolist()) if any(op.pad) else (),
        )


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

    def on_pixels(self, normalisation: Normalisation) -> Self:
        """The same, with mean, standard deviation and channel order in its values and bias.

        Raises
        ------
        FirebrickError
            As :meth:`FloatLayer.on_pixels` does.
        """
        op = super().on_pixels(normalisation)
        if len(set(normalisation.std)) > 1:
            raise FirebrickError(
                f"{op.name}: its weights are shared by channels that the input normalisation "
                f"scales differently, by {normalisation.std}; choose another normalisation"
            )
        values = (self.values / np.float64(normalisation.std[0])).astype(np.float32)
        codes = np.ascontiguousarray(self.codes[..., normalisation.order])
        return replace(op, weights=values[codes], codes=codes, values=values)


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
