"""Writes ONNX nodes in the form that they have in each version."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import helper

from tests.gen.onnx_models import OnnxBuilder

CLASSES = 5


class Writer(OnnxBuilder):
    """Writes operators in the form that they have in a version."""

    def node_of(self, kind: str, inputs: list[str], **values: Any) -> str:
        """A node without a name of its own."""
        return self.node(kind, inputs, f"{kind}{len(self.nodes)}", **values)

    def numbers(self, *values: float, shape: tuple[int, ...] = (-1,), kind: Any = np.int64) -> str:
        """A constant under a new name."""
        value = np.array(values, kind).reshape(shape)
        return self.constant(f"k{len(self.tensors)}", value)

    def scalar(self, value: float) -> str:
        """A constant of one number."""
        return self.numbers(value, shape=(), kind=np.float32)

    def channels(self, *values: float) -> str:
        """A constant with one number a channel, for maps with these first."""
        return self.numbers(*values, shape=(-1, 1, 1), kind=np.float32)

    def said(self, kind: str, x: str, name: str, value: list[int], since: int, **more: Any) -> str:
        """A node that says something in an attribute, or since a version in an input.

        Parameters
        ----------
        kind, x : str
            Operator, and what it reads.
        name : str
            Of the attribute.
        value : list of int
        since : int
        """
        if self.opset < since:
            return self.node_of(kind, [x], **{name: value}, **more)
        return self.node_of(kind, [x, self.numbers(*value)], **more)

    def clip(self, x: str, low: float | None, high: float | None) -> str:
        """Limits, either of which may be left out.

        Parameters
        ----------
        x : str
        low, high : float or None
        """
        if self.opset < 11:
            limits = {"min": low, "max": high}
            return self.node_of("Clip", [x], **{k: v for k, v in limits.items() if v is not None})
        inputs = ["" if limit is None else self.scalar(limit) for limit in (low, high)]
        return self.node_of("Clip", [x, *inputs] if inputs[1] else [x, inputs[0]])

    def mean(self, x: str, *axes: int, keepdims: int = 1, kind: str = "ReduceMean") -> str:
        """A mean or sum over dimensions.

        Parameters
        ----------
        x : str
        axes : int
        keepdims : int
        kind : str
        """
        since = 18 if kind == "ReduceMean" else 13
        return self.said(kind, x, "axes", list(axes), since, keepdims=keepdims)

    def reshape(self, x: str, *shape: int) -> str:
        """Another shape."""
        return self.said("Reshape", x, "shape", list(shape), 5)

    def pad(self, x: str, *pads: int) -> str:
        """Zeros around."""
        name = "paddings" if self.opset < 2 else "pads"
        return self.said("Pad", x, name, list(pads), 11)

    def arithmetic(self, kind: str, x: str, *values: float) -> str:
        """With one number a channel.

        Parameters
        ----------
        kind, x : str
            Operator, and what it reads.
        values : float
        """
        if self.opset < 7:
            k = self.numbers(*values, kind=np.float32)
            return self.node_of(kind, [x, k], broadcast=1, axis=1)
        return self.node_of(kind, [x, self.channels(*values)])

    def normed(self, x: str, channels: int) -> str:
        """A batch norm."""
        y = self.batch_norm(x, f"bn{len(self.nodes)}", channels)
        old: dict[str, Any] = {"is_test": 1} if self.opset < 7 else {}
        old |= {"consumed_inputs": [0, 0, 0, 1, 1]} if self.opset < 6 else {}
        old |= {"spatial": 1} if self.opset < 9 else {}
        self.nodes[-1].attribute.extend(helper.make_attribute(k, v) for k, v in old.items())
        return y

    def dropped(self, x: str) -> str:
        """A dropout, with the mask that old versions give."""
        y = self.dropout(x)
        if self.opset < 7:
            self.nodes[-1].attribute.append(helper.make_attribute("is_test", 1))
        return y

    def dense(self, x: str, inputs: int, outputs: int, **values: Any) -> str:
        """A Gemm.

        Parameters
        ----------
        x : str
        inputs, outputs : int
            How many numbers it reads and makes.
        """
        weight = self.rng.normal(0, 1, (outputs, inputs)).astype(np.float32)
        bias = self.rng.normal(0, 0.3, outputs).astype(np.float32)
        old = {"broadcast": 1} if self.opset < 7 else {}
        names = [self.constant(f"fc{len(self.tensors)}", value) for value in (weight, bias)]
        return self.node_of("Gemm", [x, *names], transB=1, **old, **values)

    def layer(self, x: str, name: str, cin: int, cout: int, kernel: int = 3, **values: Any) -> str:
        """A convolution that keeps its map's size, and a ReLU.

        Parameters
        ----------
        x, name : str
        cin, cout, kernel : int
        """
        return self.relu(self.conv(x, name, cin, cout, kernel, pad=kernel // 2, **values), name)

    def stem(self) -> str:
        """What most forms begin with: 6 channels of half the size, behind a ReLU."""
        return self.layer("data", "conv1", 3, 6, stride=2)

    def bare(self) -> str:
        """The same without the ReLU."""
        return self.conv("data", "conv1", 3, 6, 3, pad=1, stride=2)

    def head(self, x: str, channels: int = 6) -> str:
        """A classifier behind a map."""
        x = self.conv(x, "conv10", channels, CLASSES)
        return self.reshape(self.node_of("GlobalAveragePool", [x]), 1, -1)
