"""Convolutions in ONNX: what a Conv says besides its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_views import View
from gen.formats.onnx_windows import Sides, read_window


@dataclass(frozen=True)
class Form:
    """Stride, padding and groups of a convolution."""

    stride: int
    pad: Sides
    groups: int


def read_conv(node: onnx.NodeProto, weights: np.ndarray, view: View) -> Form:
    """The form of a Conv.

    Parameters
    ----------
    node : onnx.NodeProto
    weights : array (Cout, Cin / groups, rows, columns)
    view : View
        What it reads, perhaps with a Pad in front.

    Raises
    ------
    FirebrickError
        As :func:`gen.formats.onnx_windows.read_window` does, or if the weights are for other
        channels, or there are groups of several channels.
    """
    cout, read, rows, columns = weights.shape
    cin, groups = view.sizes["C"], int(attributes(node).get("group", 1))
    if groups != 1 and not groups == cin == cout:
        refuse(
            node,
            f"group {groups} for {cin} channels to {cout} is not supported; 1 is, and depthwise: "
            f"group {cin}, and as many output channels",
        )
    if read * groups != cin:
        refuse(node, f"weights for {read * groups} channels, but its input has {cin}")
    top, left, bottom, right = view.pad
    size = view.sizes
    padded = (size["H"] + top + bottom, size["W"] + left + right, cin)
    window = read_window(node, padded, (rows, columns))
    own = window.pad
    pad = (own[0] + top, own[1] + left, own[2] + bottom, own[3] + right)
    return Form(window.stride, pad, groups)
