"""Import of float ONNX networks of the SqueezeNet family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from gen.common.errors import FirebrickError
from gen.formats.classifier_head import ClassifierHead
from gen.formats.onnx_nodes import (
    Nodes,
    attributes,
    check_global_pool,
    read_max_pool,
    read_model,
    read_window,
    refuse,
)
from gen.formats.onnx_qdq import QUANTIZED, import_qdq
from gen.ir.graph import FloatAdd, FloatConv, FloatGraph, FloatOp
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Concat, GlobalSum, MaxPool


def load_onnx(
    path: str | Path, labels: tuple[str, ...] | None = None
) -> FloatGraph | QuantizedNetwork:
    """Read an ONNX network.

    Parameters
    ----------
    path : path
    labels : tuple of str or None
        Class names; else those in the file's metadata, else numbers. (For a float network they
        are given to :func:`gen.quantise.post_training.quantise`.)

    Returns
    -------
    FloatGraph or QuantizedNetwork
        The latter for a quantised (QDQ) file, whose integers and scales are kept.

    Raises
    ------
    FirebrickError
        If the file is missing, is no ONNX, is no CNN, or holds something that is not supported:
        the node, the operator and the reason are named.
    """
    model = read_model(path)
    name = Path(path).stem
    try:
        if any(node.op_type in QUANTIZED for node in model.graph.node):
            return import_qdq(model, name, labels)
        return import_float(model, name)
    except FirebrickError as error:
        raise FirebrickError(f"{path}: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # nodes that lack inputs, arrays that do not fit: the file breaks ONNX's own rules
        raise FirebrickError(
            f"{path}: malformed model ({error!r}); check how it was made"
        ) from None


def import_float(model: onnx.ModelProto, name: str) -> FloatGraph:
    """Turn a float ONNX model into a :class:`FloatGraph`; see :func:`load_onnx`.

    Raises
    ------
    FirebrickError
        If the model is no CNN or holds something that is not supported. One that breaks ONNX's own
        rules may raise other errors.
    """
    return _FloatImport(model, name).graph()


class _FloatImport:
    """One walk over the nodes; ``_tensor`` maps ONNX tensors to ours, ``_head`` has the logits."""

    def __init__(self, model: onnx.ModelProto, name: str):
        self._nodes = Nodes(model)
        self._name = name
        self._shape = self._nodes.input_shape()
        self._tensor = {self._nodes.input_name: INPUT}
        self._head = ClassifierHead(self._nodes)
        self._ops: dict[str, FloatOp] = {}

    def graph(self) -> FloatGraph:
        handlers: dict[str, Callable[[onnx.NodeProto], None]] = {
            "Conv": self._conv,
            "BatchNormalization": self._batch_norm,
            "Relu": self._relu,
            "MaxPool": self._max_pool,
            "Concat": self._concat,
            "Add": self._add,
            "Sum": self._add,
            "Dropout": self._identity,
            "Identity": self._identity,
            "Shape": self._shape_node,
            "GlobalAveragePool": self._global_pool,
            "AveragePool": self._global_pool,
            "ReduceMean": self._global_pool,
        }
        for node in self._nodes.layers:
            if self._head.follow(node):
                continue
            if node.op_type not in handlers:
                refuse(node, self._reason(node))
            handlers[node.op_type](node)
        return self._finish()

    def _reason(self, node: onnx.NodeProto) -> str:
        if not any(isinstance(op, FloatConv) for op in self._ops.values()):
            return "unsupported before the first convolution; is this a network on images?"
        return "unsupported operator; a SqueezeNet has Conv, Relu, MaxPool, Concat and Add"

    def _finish(self) -> FloatGraph:
        ops = tuple(self._ops.values())
        if not any(isinstance(op, FloatConv) for op in ops):
            raise FirebrickError("holds no convolution: this is no CNN")
        if not isinstance(ops[-1], GlobalSum):
            raise FirebrickError(
                f"ends in {ops[-1].name!r}: a SqueezeNet ends in a global average of its classes"
            )
        self._head.check_output()
        metadata = {entry.key: entry.value for entry in self._nodes.model.metadata_props}
        graph = FloatGraph(self._name, self._shape, ops, metadata)
        graph.shapes()
        return graph

    def _source(self, node: onnx.NodeProto, index: int = 0) -> str:
        name = node.input[index]
        if name not in self._tensor:
            refuse(node, f"its input {name!r} is no map of activations, or was merged with a ReLU")
        return self._tensor[name]

    def _shape_of(self, tensor: str) -> tuple[int, int, int]:
        graph = FloatGraph(self._name, self._shape, tuple(self._ops.values()))
        return graph.shapes()[tensor]

    def _append(self, node: onnx.NodeProto, op: FloatOp) -> None:
        self._ops[op.name] = op
        self._tensor[node.output[0]] = op.name

    def _identity(self, node: onnx.NodeProto) -> None:
        self._tensor[node.output[0]] = self._source(node)

    def _shape_node(self, node: onnx.NodeProto) -> None:
        height, width, channels = self._shape_of(self._source(node))
        self._nodes.fold_shape(node, (self._nodes.batch, channels, height, width))

    def _conv(self, node: onnx.NodeProto) -> None:
        weights = self._nodes.constant(node, 1)
        if weights is None or weights.ndim != 4:
            refuse(node, "not a two-dimensional convolution")
        if weights.shape[2] != weights.shape[3]:
            refuse(node, f"kernel {list(weights.shape[2:])} is not square")
        source = self._source(node)
        window = read_window(node, self._shape_of(source), weights.shape[2])
        bias = self._nodes.constant(node, 2)
        if bias is None:
            bias = np.zeros(weights.shape[0])
        if bias.shape != weights.shape[:1]:
            refuse(node, f"bias of shape {list(bias.shape)} for {weights.shape[0]} channels")
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            refuse(node, "its weights are not all finite numbers")
        self._append(
            node,
            FloatConv(
                name=self._nodes.new_name(node),
                inputs=(source,),
                weights=np.ascontiguousarray(weights.transpose(0, 2, 3, 1), dtype=np.float32),
                bias=np.asarray(bias, dtype=np.float32),
                stride=window.stride,
                pad=window.pad,
            ),
        )

    def _batch_norm(self, node: onnx.NodeProto) -> None:
        op = self._ops.get(self._source(node))
        if not isinstance(op, FloatConv) or op.relu:
            refuse(node, "supported only directly behind a convolution")
        self._claim(node, op.name, users=0)
        values = attributes(node)
        if values.get("training_mode", 0):
            refuse(node, "is in training mode; export the model for inference")
        parameters = [self._nodes.constant(node, i) for i in (1, 2, 3, 4)]
        if any(p is None or p.shape != op.bias.shape for p in parameters):
            refuse(node, f"needs scale, bias, mean and variance of {len(op.bias)} channels")
        scale, bias, mean, variance = (np.asarray(p, dtype=np.float64) for p in parameters)
        with np.errstate(all="ignore"):
            gain = scale / np.sqrt(variance + values.get("epsilon", 1e-5))
            weights = (op.weights * gain[:, None, None, None]).astype(np.float32)
            bias = ((op.bias - mean) * gain + bias).astype(np.float32)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            refuse(
                node,
                f"folded into {op.name!r} it gives weights that are not all finite numbers (a "
                "variance below zero?); train or export the model again",
            )
        self._ops[op.name] = replace(op, weights=weights, bias=bias)
        self._tensor[node.output[0]] = op.name

    def _relu(self, node: onnx.NodeProto) -> None:
        source = self._source(node)
        graph = FloatGraph(self._name, self._shape, tuple(self._ops.values()))
        if source == INPUT:
            refuse(node, "unsupported on the input")
        if not graph.nonnegative()[source]:
            self._claim(node, source, users=0)
            self._rectify(node, source)
        self._tensor[node.output[0]] = source

    def _claim(self, node: onnx.NodeProto, name: str, users: int) -> None:
        """Make sure that nothing but ``node`` sees tensor ``name`` as it was before ``node``."""
        if sum(name in op.inputs for op in self._ops.values()) > users:
            refuse(node, f"cannot be merged into {name!r}, whose value others read too")
        self._tensor = {key: value for key, value in self._tensor.items() if value != name}

    def _rectify(self, node: onnx.NodeProto, name: str) -> None:
        """Put the ReLU into what computes tensor ``name``, through concats and pools."""
        op = self._ops[name]
        if isinstance(op, FloatConv | FloatAdd):
            self._ops[name] = replace(op, relu=True)
            return
        for source in op.inputs:
            self._claim(node, source, users=1)
            self._rectify(node, source)

    def _max_pool(self, node: onnx.NodeProto) -> None:
        source = self._source(node)
        kernel, stride, ceil = read_max_pool(node, self._shape_of(source))
        self._append(node, MaxPool(self._nodes.new_name(node), (source,), kernel, stride, ceil))

    def _concat(self, node: onnx.NodeProto) -> None:
        axis = attributes(node).get("axis", 1)
        if axis not in (1, -3):
            refuse(node, f"concatenates along axis {axis}; only channels (1) are supported")
        sources = tuple(self._source(node, i) for i in range(len(node.input)))
        if INPUT in sources:
            refuse(node, "concatenating the input is not supported")
        self._append(node, Concat(self._nodes.new_name(node), sources))

    def _add(self, node: onnx.NodeProto) -> None:
        if any(name in self._nodes.constants for name in node.input):
            refuse(node, "adding a constant is not supported")
        sources = tuple(self._source(node, i) for i in range(len(node.input)))
        if len(sources) != 2 or INPUT in sources:
            refuse(node, "only the sum of two maps of activations is supported")
        if self._shape_of(sources[0]) != self._shape_of(sources[1]):
            refuse(node, "adds maps of different shapes")
        self._append(node, FloatAdd(self._nodes.new_name(node), sources))

    def _global_pool(self, node: onnx.NodeProto) -> None:
        source = self._source(node)
        if source == INPUT:
            refuse(node, "averages the input itself")
        shape = self._shape_of(source)
        check_global_pool(self._nodes, node, shape)
        self._append(node, GlobalSum(self._nodes.new_name(node), (source,)))
        self._head.begin(node, shape[2])
        del self._tensor[node.output[0]]
