"""Import of float ONNX networks: graphs of convolutions, pools, sums and concatenations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from gen.common.errors import FirebrickError
from gen.formats.classifier_head import average_pool, ending_in_sum
from gen.formats.fully_connected import as_kernels, read_matrix
from gen.formats.onnx_affine import Affine, read_affine, read_batch_norm
from gen.formats.onnx_convs import read_conv
from gen.formats.onnx_nodes import attributes, read_ceiling, read_model, refuse
from gen.formats.onnx_qdq import import_qdq, is_quantised
from gen.formats.onnx_views import View
from gen.formats.onnx_walk import GraphWalk
from gen.formats.onnx_windows import read_average_pool, read_max_pool, whole_map
from gen.formats.qonnx import without_quants
from gen.ir.graph import FloatGraph
from gen.ir.labels import ClassNames
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    INPUT,
    Computed,
    Concat,
    FloatAdd,
    FloatAveragePool,
    FloatConv,
    FloatOp,
    GlobalSum,
    MaxPool,
)
from gen.ir.preprocessing import UNSAID, Expected


def load_onnx(
    path: str | Path, labels: ClassNames | None = None, expected: Expected = UNSAID
) -> FloatGraph | QuantizedNetwork:
    """Read an ONNX network.

    Parameters
    ----------
    path : path
    labels : ClassNames or None
        Class names; else those in the file's metadata, else numbers. (For a float network they
        are given to :func:`gen.quantise.post_training.quantise`.)
    expected : Expected
        What the user says that a quantised network expects of pixels. (For a float network it goes
        the same way.)

    Returns
    -------
    FloatGraph or QuantizedNetwork
        The latter for a file with quantised activations (QDQ, QOperator, QONNX), whose integers and
        scales are kept. Where only weights are codes they become real numbers.

    Raises
    ------
    FirebrickError
        If the file is missing, is no ONNX, is no CNN, or holds something that is not supported:
        the node, the operator and the reason are named.
    """
    model = read_model(path)
    name = Path(path).stem
    try:
        if is_quantised(model):
            return import_qdq(model, name, labels, expected)
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


NEAREST = {
    "ConvTranspose": "a convolution on a smaller map",
    "Upsample": "a network that classifies",
    "Resize": "a network that classifies",
    "LeakyRelu": "Relu",
    "Max": "Relu, which is Max with 0",
    "PRelu": "Relu",
    "Elu": "Relu",
    "Selu": "Relu",
    "Sigmoid": "Relu, or Clip(0, 1)",
    "Tanh": "Relu",
    "HardSigmoid": "Relu, or Clip(0, 1)",
    "HardSwish": "Relu, or Clip(0, 6)",
    "LpPool": "AveragePool or MaxPool",
    "GlobalMaxPool": "MaxPool with the map's size as its kernel",
    "LRN": "BatchNormalization behind a convolution",
    "InstanceNormalization": "BatchNormalization behind a convolution",
    "LayerNormalization": "BatchNormalization behind a convolution",
}
"""For operators that are not supported, what comes nearest and is."""
SUPPORTED = (
    "Conv, Gemm and MatMul, BatchNormalization, Relu and Clip(0, c), MaxPool, AveragePool, Concat, "
    "Add and a global average"
)


class _FloatImport(GraphWalk):
    """One walk over the nodes; global sums stand for global averages until the end is known."""

    def __init__(self, model: onnx.ModelProto, name: str):
        super().__init__(model, decode=True)
        self._nodes.layers = list(without_quants(self._nodes, self._nodes.layers))
        self._name = name
        self._ops: dict[str, FloatOp] = {}

    def graph(self) -> FloatGraph:
        self._walk({
            "Conv": self._conv,
            "Gemm": self._fully_connected,
            "MatMul": self._fully_connected,
            "BatchNormalization": self._batch_norm,
            "Relu": self._relu,
            "Clip": self._clip,
            "MaxPool": self._max_pool,
            "Concat": self._concat,
            "Add": self._add,
            "Sum": self._add,
            "Sub": self._affine,
            "Mul": self._affine,
            "Div": self._affine,
            "GlobalAveragePool": self._average_pool,
            "AveragePool": self._average_pool,
            "ReduceMean": self._reduce_mean,
        })  # fmt: skip
        if not any(isinstance(op, FloatConv) for op in self._ops.values()):
            raise FirebrickError("holds no convolution: this is no CNN")
        metadata = {entry.key: entry.value for entry in self._nodes.model.metadata_props}
        white = max((made.white for made in self._pixels.values()), default=None)
        graph = replace(self._so_far(), metadata=metadata, white=white)
        return ending_in_sum(graph, self._logits(), lambda: self._nodes.unique("sums"))

    def _unsupported(self, node: onnx.NodeProto) -> str:
        if not any(isinstance(op, FloatConv) for op in self._ops.values()):
            return "unsupported before the first convolution; is this a network on images?"
        if node.op_type in NEAREST:
            return f"unsupported operator; the nearest one supported is {NEAREST[node.op_type]}"
        return f"unsupported operator; supported are {SUPPORTED}"

    def _is_average(self, tensor: str) -> bool:
        return isinstance(self._ops.get(tensor), GlobalSum)

    def _so_far(self) -> FloatGraph:
        return FloatGraph(self._name, self._input_shape, tuple(self._ops.values()))

    def _shape_of(self, tensor: str) -> tuple[int, int, int]:
        return self._so_far().shapes()[tensor]

    def _readers(self, tensor: str) -> int:
        return sum(tensor in op.inputs for op in self._ops.values())

    def _append(self, node: onnx.NodeProto, op: FloatOp, layout: str = "NCHW") -> None:
        self._ops[op.name] = op
        self._show(node, op.name, layout)

    def _conv(self, node: onnx.NodeProto) -> None:
        view = self._map(node, padded=True, pixels=True)
        weights = self._nodes.constant(node, 1)
        if weights is None or weights.ndim != 4:
            refuse(node, "not a two-dimensional convolution")
        found = read_conv(node, weights, view)
        bias = self._bias(node, len(weights))
        if not np.isfinite(weights).all():
            refuse(node, "its weights are not all finite numbers")
        op = FloatConv(
            name=self._nodes.new_name(node),
            inputs=(view.tensor,),
            weights=np.ascontiguousarray(weights.transpose(0, 2, 3, 1), dtype=np.float32),
            bias=bias,
            stride=found.stride,
            pad=found.pad,
            groups=found.groups,
        )
        pixels = self._pixels.get(node.input[0])
        self._append(node, op if pixels is None else pixels.folded(node, op))

    def _bias(self, node: onnx.NodeProto, channels: int) -> np.ndarray:
        """The third input of a Conv or Gemm, zeros where it has none."""
        bias = self._nodes.constant(node, 2)
        if bias is None:
            bias = np.zeros(channels)
        if node.op_type == "Gemm" and bias.size in (1, channels):
            bias = np.broadcast_to(bias.reshape(-1), channels)
        if bias.shape != (channels,):
            refuse(node, f"bias of shape {list(bias.shape)} for {channels} channels")
        if not np.isfinite(bias).all():
            refuse(node, "its weights are not all finite numbers")
        return np.asarray(bias, dtype=np.float32)

    def _fully_connected(self, node: onnx.NodeProto) -> None:
        view, values = self._view(node), attributes(node)
        matrix = self._nodes.constant(node, 1)
        if matrix is None or not np.isfinite(matrix).all():
            refuse(node, "its weights are not all finite numbers")
        matrix = read_matrix(node, matrix * np.float32(values.get("alpha", 1.0)))
        bias = self._bias(node, len(matrix)) * np.float32(values.get("beta", 1.0))
        weights = np.asarray(as_kernels(node, matrix, view), dtype=np.float32)
        op = FloatConv(self._nodes.new_name(node), (view.tensor,), weights, bias)
        self._ops[op.name] = op
        self._views[node.output[0]] = view.with_features(op.name, len(matrix))

    def _batch_norm(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        self._fold(node, view, read_batch_norm(self._nodes, node, view.sizes["C"]))

    def _affine(self, node: onnx.NodeProto) -> None:
        """Fold a sum or product with a constant into the layer before."""
        index = next((i for i, n in enumerate(node.input) if n in self._nodes.constants), None)
        if len(node.input) != 2 or index is None:
            refuse(node, f"{node.op_type} of two maps is not supported; Add is")
        view = self._view(node, 1 - index)
        self._fold(node, view, read_affine(self._nodes, node, index, view))

    def _fold(self, node: onnx.NodeProto, view: View, affine: Affine) -> None:
        """Put an affine function of each channel into the convolution that gives it."""
        op = self._ops.get(view.tensor)
        if op is None:
            refuse(
                node,
                "computes on the pixels themselves; leave it out, and say what it does as mean and "
                "std in the model's metadata",
            )
        if not isinstance(op, FloatConv) or op.relu or op.ceiling is not None:
            refuse(node, "supported only directly behind a convolution without a ReLU")
        self._claim(node, op.name, users=0)
        with np.errstate(all="ignore"):
            weights = (op.weights * affine.gain[:, None, None, None]).astype(np.float32)
            bias = ((op.bias - affine.mean) * affine.gain + affine.bias).astype(np.float32)
        if not (np.isfinite(weights).all() and np.isfinite(bias).all()):
            refuse(
                node,
                f"folded into {op.name!r} it gives weights that are not all finite numbers (a "
                "variance below zero?); train or export the model again",
            )
        self._ops[op.name] = replace(op, weights=weights, bias=bias)
        self._views[node.output[0]] = view

    def _relu(self, node: onnx.NodeProto) -> None:
        self._clamp(node, None)

    def _clip(self, node: onnx.NodeProto) -> None:
        self._clamp(node, read_ceiling(self._nodes, node))

    def _clamp(self, node: onnx.NodeProto, ceiling: float | None) -> None:
        """Put a ReLU, and perhaps a ceiling, into the layers before."""
        view = self._view(node)
        if view.tensor == INPUT:
            refuse(node, "unsupported on the input")
        if ceiling is not None or not self._so_far().nonnegative()[view.tensor]:
            self._claim(node, view.tensor, users=0)
            self._rectify(node, view.tensor, ceiling)
        self._views[node.output[0]] = view

    def _rectify(self, node: onnx.NodeProto, name: str, ceiling: float | None) -> None:
        """Put it into what computes tensor ``name``, through concats and pools."""
        op = self._ops[name]
        if isinstance(op, GlobalSum):
            op = average_pool(op, self._shape_of(op.inputs[0]))
        if isinstance(op, Computed):
            limits = [limit for limit in (op.ceiling, ceiling) if limit is not None]
            self._ops[name] = replace(op, relu=True, ceiling=min(limits, default=None))
            return
        positive = self._so_far().nonnegative()
        for source in op.inputs:
            if source == INPUT:
                refuse(node, "unsupported on the input")
            if ceiling is None and positive[source]:
                continue
            self._claim(node, source, users=1)
            self._rectify(node, source, ceiling)

    def _max_pool(self, node: onnx.NodeProto) -> None:
        view = self._map(node, padded=True)
        if any(view.pad) and not self._so_far().nonnegative()[view.tensor]:
            refuse(node, "reads zeros of a Pad around values below zero; let the pool itself pad")
        pool = read_max_pool(node, self._shape_of(view.tensor), view.pad)
        name = self._nodes.new_name(node)
        op = MaxPool(name, (view.tensor,), pool.kernel, pool.stride, pool.ceil, pool.pad)
        self._append(node, op)

    def _concat(self, node: onnx.NodeProto) -> None:
        views, layout = self._channel_axis(node)
        if len(views) == 1:
            self._views[node.output[0]] = views[0]
            return
        op = Concat(self._nodes.new_name(node), tuple(view.tensor for view in views))
        self._append(node, op, layout)

    def _add(self, node: onnx.NodeProto) -> None:
        if node.op_type == "Add" and any(name in self._nodes.constants for name in node.input):
            self._affine(node)
            return
        first, second = self._pair(node)
        op = FloatAdd(self._nodes.new_name(node), (first.tensor, second.tensor))
        self._ops[op.name] = op
        self._views[node.output[0]] = replace(first, tensor=op.name)

    def _average_pool(self, node: onnx.NodeProto) -> None:
        view = self._map(node, padded=node.op_type == "AveragePool")
        shape = self._shape_of(view.tensor)
        if not any(view.pad) and whole_map(node, shape):
            self._global_average(node, view)
            self._show(node, self._views[node.output[0]].tensor)
            return
        pool = read_average_pool(node, shape, view.pad)
        name = self._nodes.new_name(node)
        op = FloatAveragePool(name, (view.tensor,), pool.kernel, pool.stride, pool.pad)
        self._append(node, op)

    def _reduce_mean(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        over = self._mean_axes(node, view)
        self._global_average(node, view)
        made = self._views[node.output[0]]
        keep = bool(attributes(node).get("keepdims", 1))
        self._views[node.output[0]] = view.averaged(made.tensor, over, keep)

    def _global_average(self, node: onnx.NodeProto, view: View) -> None:
        if view.tensor == INPUT:
            refuse(node, "averages the input itself")
        self._append(node, GlobalSum(self._nodes.new_name(node), (view.tensor,)))
