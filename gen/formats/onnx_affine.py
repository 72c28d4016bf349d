"""What scales and shifts each channel in ONNX: batch norms, and arithmetic with constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from gen.formats.onnx_nodes import Nodes, attributes, refuse
from gen.formats.onnx_views import View

CONSTANT = "adding or multiplying a constant other than one number a channel is not supported"


@dataclass(frozen=True)
class Affine:
    """``(y - mean) * gain + bias``, each float64 (C,)."""

    gain: np.ndarray
    mean: np.ndarray
    bias: np.ndarray


def read_batch_norm(nodes: Nodes, node: onnx.NodeProto, channels: int) -> Affine:
    """What a BatchNormalization of so many channels does.

    Parameters
    ----------
    nodes : Nodes
        The graph that the node is of.
    node : onnx.NodeProto
    channels : int

    Raises
    ------
    FirebrickError
        If it is in training mode, or its parameters are not constants of that many channels.
    """
    values = attributes(node)
    if values.get("training_mode", 0):
        refuse(node, "is in training mode; export the model for inference")
    parameters = [nodes.constant(node, index) for index in (1, 2, 3, 4)]
    if any(p is None or p.shape != (channels,) for p in parameters):
        refuse(node, f"needs scale, bias, mean and variance of {channels} channels")
    scale, bias, mean, variance = (np.asarray(p, dtype=np.float64) for p in parameters)
    with np.errstate(all="ignore"):
        gain = scale / np.sqrt(variance + values.get("epsilon", 1e-5))
    return Affine(gain, mean, bias)


def read_affine(nodes: Nodes, node: onnx.NodeProto, index: int, view: View) -> Affine:
    """What an Add, Sub, Mul or Div with a constant does.

    Parameters
    ----------
    nodes : Nodes
        The graph that the node is of.
    node : onnx.NodeProto
    index : int
        Of the input that is the constant.
    view : View
        What the other one shows.

    Raises
    ------
    FirebrickError
        If the constant is not one number a channel, or the map is taken from it.
    """
    if index == 0 and node.op_type in ("Sub", "Div"):
        refuse(node, "takes a map from a constant; take or divide the map by constants instead")
    constant = np.asarray(nodes.constants[node.input[index]], np.float64)
    value = _by_channel(node, constant, view)
    zero, one = np.zeros_like(value), np.ones_like(value)
    with np.errstate(all="ignore"):
        return {
            "Add": Affine(one, zero, value),
            "Sub": Affine(one, value, zero),
            "Mul": Affine(value, zero, zero),
            "Div": Affine(1 / value, zero, zero),
        }[node.op_type]


def _by_channel(node: onnx.NodeProto, value: np.ndarray, view: View) -> np.ndarray:
    """A constant (C,) that is broadcast over a view."""
    channels, runs = view.sizes["C"], view.runs() or ()
    if value.ndim > len(runs):
        refuse(node, CONSTANT)
    lined = [1] * (len(runs) - value.ndim) + list(value.shape)
    if value.size != 1 and lined != [channels if run == "C" else 1 for run in runs]:
        refuse(node, CONSTANT)
    return np.broadcast_to(value.reshape(-1), channels)
