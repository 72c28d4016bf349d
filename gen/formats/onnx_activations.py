"""Activations in ONNX that may be ReLUs, with or without a ceiling, whatever they are called."""

from __future__ import annotations

import numpy as np
import onnx

from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_nodes import Nodes

LIMITS = ("Clip", "Max", "Min")
SLOPES = {"Elu": 1.0, "LeakyRelu": 0.01, "PRelu": 0.0, "ThresholdedRelu": 1.0}
"""Activations with a slope, and the one that they have if none is said: at 0 they are ReLUs. A
PRelu's is an input."""


def read_limits(nodes: Nodes, node: onnx.NodeProto) -> tuple[int, float, float]:
    """Which input a Clip, Max or Min limits, and from where to where.

    Parameters
    ----------
    nodes : Nodes
        The graph that the node is of.
    node : onnx.NodeProto

    Raises
    ------
    FirebrickError
        If its limits are no constants, or differ from channel to channel.
    """
    variable = [i for i, name in enumerate(node.input) if name and name not in nodes.constants]
    if node.op_type == "Clip" and variable == [0]:
        low, high = nodes.constant(node, 1), nodes.constant(node, 2)
        return 0, _one(node, low, -np.inf), _one(node, high, np.inf)
    if len(variable) != 1:
        refuse(node, f"{node.op_type} of several maps is not supported; of a map and 0 it is Relu")
    limits = [
        _one(node, nodes.constants[name], 0.0) for name in node.input if name in nodes.constants
    ]
    if node.op_type == "Max":
        return variable[0], max(limits, default=-np.inf), np.inf
    return variable[0], -np.inf, min(limits, default=np.inf)


def read_ceiling(nodes: Nodes, node: onnx.NodeProto) -> float | None:
    """What a Clip from 0 cuts larger values to; None if it cuts none.

    Raises
    ------
    FirebrickError
        If it clips to anything else.
    """
    low, high = (nodes.constant(node, index) for index in (1, 2))
    floor = -np.inf if low is None else float(np.max(low))
    ceiling = np.inf if high is None else float(np.max(high))
    if floor != 0 or not ceiling > 0:
        refuse(node, f"clips to {floor:g}..{ceiling:g}; Clip(0, c) with c above 0 is supported")
    return None if ceiling >= np.finfo(np.float32).max else ceiling


def _one(node: onnx.NodeProto, value: np.ndarray | None, default: float) -> float:
    """A limit, which must be the same for all channels."""
    if value is None or not value.size:
        return default
    if (value != value.reshape(-1)[0]).any():
        refuse(node, "limits each channel in another way; one limit for all is supported")
    return float(value.reshape(-1)[0])


def read_slope(nodes: Nodes, node: onnx.NodeProto) -> float | None:
    """The slope below zero (or the threshold) of an activation of :data:`SLOPES`.

    Returns
    -------
    float or None
        None if channels have several.
    """
    if node.op_type != "PRelu":
        return float(attributes(node).get("alpha", SLOPES[node.op_type]))
    slopes = np.unique(np.asarray(nodes.constant(node, 1), np.float64))
    return float(slopes[0]) if len(slopes) == 1 else None
