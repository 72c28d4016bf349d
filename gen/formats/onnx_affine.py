"""What scales and shifts each channel in ONNX: batch norms, and arithmetic with constants."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_nodes import Nodes
from gen.formats.onnx_views import View

CONSTANT = (
    "adding or multiplying a constant other than one number a channel is not supported; train "
    "without it"
)


@dataclass(frozen=True)
class Affine:
    """``(y - mean) * gain + bias``, each float64 (C,)."""

    gain: np.ndarray
    mean: np.ndarray
    bias: np.ndarray

    @staticmethod
    def of(channels: int, gain: float) -> Affine:
        """One factor for all channels."""
        zero = np.zeros(channels)
        return Affine(zero + gain, zero, zero)

    @property
    def is_positive_gain(self) -> bool:
        """Whether it is nothing but factors above zero, which may change places with a ReLU."""
        return bool((self.gain > 0).all()) and not (self.mean.any() or self.bias.any())


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
        refuse(
            node,
            f"scale, bias, mean and variance are not of {channels} channels; export the model "
            "again, with one number a channel",
        )
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
        If the constant is not one number a channel, or it is divided by the map.
    """
    if index == 0 and node.op_type == "Div":
        refuse(node, "divides a constant by a map; divide the map by constants instead")
    constant = np.asarray(nodes.constants[node.input[index]], np.float64)
    value = _by_channel(node, constant, view)
    zero, one = np.zeros_like(value), np.ones_like(value)
    with np.errstate(all="ignore"):
        return {
            "Add": Affine(one, zero, value),
            "Sub": Affine(one, value, zero) if index else Affine(-one, zero, value),
            "Mul": Affine(value, zero, zero),
            "Div": Affine(1 / value, zero, zero),
        }[node.op_type]


def _by_channel(node: onnx.NodeProto, value: np.ndarray, view: View) -> np.ndarray:
    """A constant (C,) that is broadcast over a view."""
    channels, runs = view.sizes["C"], view.runs() or ()
    while value.ndim > len(runs) and value.shape[-1:] == (1,):
        value = value[..., 0]  # of old arithmetic, which was taken for a map's
    if value.ndim > len(runs):
        refuse(node, CONSTANT)
    lined = [1] * (len(runs) - value.ndim) + list(value.shape)
    if value.size != 1 and lined != [channels if run == "C" else 1 for run in runs]:
        refuse(node, CONSTANT)
    return np.broadcast_to(value.reshape(-1), channels)
