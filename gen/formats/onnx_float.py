"""Import of float ONNX networks: graphs of convolutions, pools, sums and concatenations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from gen.common.errors import FirebrickError, RefusedNode
from gen.formats.classifier_head import ending_in_sum
from gen.formats.float_walk import FloatWalk
from gen.formats.fully_connected import as_kernels, read_matrix
from gen.formats.input_size import Size, fix_size
from gen.formats.onnx_activations import LIMITS, SLOPES, read_limits, read_slope
from gen.formats.onnx_advice import advice, gate
from gen.formats.onnx_affine import Affine, read_affine, read_batch_norm
from gen.formats.onnx_convs import read_conv
from gen.formats.onnx_file import read_model, without_functions
from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_qdq import import_qdq, is_quantised
from gen.formats.onnx_views import View
from gen.formats.onnx_windows import read_average_pool, read_max_pool, whole_map
from gen.ir.graph import FloatGraph
from gen.ir.labels import ClassNames
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    INPUT,
    Concat,
    FloatAdd,
    FloatAveragePool,
    FloatConv,
    GlobalSum,
    MaxPool,
)
from gen.ir.preprocessing import UNSAID, Expected


def load_onnx(
    path: str | Path,
    labels: ClassNames | None = None,
    expected: Expected = UNSAID,
    size: Size | None = None,
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
    size : tuple of int or None
        Height and width of the input, where the file leaves them open.

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
        if size is not None:
            fix_size(model, size)
        return import_onnx(model, name, labels, expected)
    except RefusedNode as error:
        raise error.of(str(path)) from None
    except FirebrickError as error:
        raise FirebrickError(f"{path}: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # nodes that lack inputs, arrays that do not fit: the file breaks ONNX's own rules
        raise FirebrickError(
            f"{path}: malformed model ({error!r}); check how it was made"
        ) from None


def import_onnx(
    model: onnx.ModelProto,
    name: str,
    labels: ClassNames | None = None,
    expected: Expected = UNSAID,
) -> FloatGraph | QuantizedNetwork:
    """Turn an ONNX model into a network; see :func:`load_onnx`.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        Of the network.
    labels : ClassNames or None
    expected : Expected

    Raises
    ------
    FirebrickError
        If the model is no CNN or holds something that is not supported. One that breaks ONNX's own
        rules may raise other errors.
    """
    model = without_functions(model)
    if is_quantised(model):
        return import_qdq(model, name, labels, expected)
    return import_float(model, name)


def import_float(model: onnx.ModelProto, name: str) -> FloatGraph:
    """Turn a float ONNX model into a :class:`FloatGraph`; see :func:`load_onnx`.

    Raises
    ------
    FirebrickError
        If the model is no CNN or holds something that is not supported. One that breaks ONNX's own
        rules may raise other errors.
    """
    return _FloatImport(model, name).graph()


class _FloatImport(FloatWalk):
    """One walk over the nodes: the layers, and the network at its end."""

    def graph(self) -> FloatGraph:
        self._walk({
            "Conv": self._conv,
            "Gemm": self._fully_connected,
            "MatMul": self._fully_connected,
            "BatchNormalization": self._batch_norm,
            "Relu": self._relu,
            **dict.fromkeys(LIMITS, self._limit),
            **dict.fromkeys(SLOPES, self._slope),
            "MaxPool": self._max_pool,
            "Concat": self._concat,
            "Add": self._add,
            "Sum": self._add,
            "Mean": self._mean,
            "Sub": self._difference,
            "Neg": self._negate,
            "Mul": self._affine,
            "Div": self._affine,
            "GlobalAveragePool": self._average_pool,
            "AveragePool": self._average_pool,
            "ReduceMean": self._reduce_mean,
            "ReduceSum": self._reduce_mean,
        })  # fmt: skip
        if not any(isinstance(op, FloatConv) for op in self._ops.values()):
            raise FirebrickError("holds no convolution: this is no CNN")
        metadata = {entry.key: entry.value for entry in self._nodes.model.metadata_props}
        white = max((made.white for made in self._pixels.values()), default=None)
        graph = replace(self._so_far(), metadata=metadata, white=white)
        return ending_in_sum(graph, self._logits(), lambda: self._nodes.unique("sums"))

    def _unsupported(self, node: onnx.NodeProto) -> str:
        early = not any(isinstance(op, FloatConv) for op in self._ops.values())
        return gate(self._nodes, node) or advice(node, early)

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
        self._scale(node, view, read_batch_norm(self._nodes, node, view.sizes["C"]))

    def _affine(self, node: onnx.NodeProto) -> None:
        """A sum or product with a constant."""
        index = next((i for i, n in enumerate(node.input) if n in self._nodes.constants), None)
        if len(node.input) != 2 or index is None:
            told = gate(self._nodes, node)
            refuse(node, told or f"{node.op_type} of two maps is not supported; Add is")
        view = self._view(node, 1 - index)
        self._scale(node, view, read_affine(self._nodes, node, index, view))

    def _negate(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        self._scale(node, view, Affine.of(view.sizes["C"], -1))

    def _scale(self, node: onnx.NodeProto, view: View, affine: Affine) -> None:
        self._views[node.output[0]] = self._scaled(node, view, affine)

    def _relu(self, node: onnx.NodeProto) -> None:
        self._clamp(node, None)

    def _limit(self, node: onnx.NodeProto) -> None:
        """A Clip, Max or Min, as a ReLU and a ceiling."""
        index, low, high = read_limits(self._nodes, node)
        view = self._view(node, index)
        above = self._nonnegative(view.tensor) or self._only_rectified(node.output[0])
        if low != 0 and not (low < 0 and above):
            refuse(node, f"clips to {low:g}..{high:g}; Clip(0, c) with c above 0 is supported")
        if high <= 0:
            refuse(node, f"leaves nothing above {high:g}; Clip(0, c) with c above 0 is supported")
        self._clamp(node, None if high >= np.finfo(np.float32).max else high, index)

    def _only_rectified(self, name: str) -> bool:
        """Whether a tensor is read by ReLUs only."""
        readers = [node for node in self._nodes.layers if name in node.input]
        floors = (
            0 if node.op_type == "Relu" else read_limits(self._nodes, node)[1]
            for node in readers
            if node.op_type in ("Relu", *LIMITS)
        )
        return bool(readers) and [*floors] == [0] * len(readers)

    def _slope(self, node: onnx.NodeProto) -> None:
        """An activation that is a ReLU, or nothing, if its slope is 0 or 1."""
        slope = read_slope(self._nodes, node)
        if slope == 1:
            self._identity(node)
        elif slope == 0:
            self._clamp(node, None)
        else:
            refuse(node, self._unsupported(node))

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
        if any(name in self._nodes.constants for name in node.input):
            self._affine(node)
            return
        total, *others = self._alike(node)
        for view in others:
            total = self._sum(node, total, view)
        self._views[node.output[0]] = total

    def _sum(self, node: onnx.NodeProto, first: View, second: View) -> View:
        """The sum of two maps; of one and itself, twice that."""
        if first.tensor == second.tensor:
            return self._scaled(node, first, Affine.of(first.sizes["C"], 2))
        op = FloatAdd(self._nodes.new_name(node), (first.tensor, second.tensor))
        self._ops[op.name] = op
        return replace(first, tensor=op.name)

    def _mean(self, node: onnx.NodeProto) -> None:
        self._add(node)
        total = self._views[node.output[0]]
        if len(node.input) > 1:
            affine = Affine.of(total.sizes["C"], 1 / len(node.input))
            self._scale(node, total, affine)

    def _difference(self, node: onnx.NodeProto) -> None:
        """Of two maps, or of a map and a constant."""
        if any(name in self._nodes.constants for name in node.input):
            self._affine(node)
            return
        first, second = self._alike(node)
        negative = self._scaled(node, second, Affine.of(second.sizes["C"], -1))
        self._views[node.output[0]] = self._sum(node, first, negative)

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
        made = view.averaged(made.tensor, over, keep)
        if node.op_type == "ReduceSum":
            del self._views[node.output[0]]  # which shows the mean so far
            pixels = view.sizes["H"] * view.sizes["W"]
            made = self._scaled(node, made, Affine.of(view.sizes["C"], pixels))
        self._views[node.output[0]] = made

    def _global_average(self, node: onnx.NodeProto, view: View) -> None:
        if view.tensor == INPUT:
            refuse(node, "averages the input itself; put a convolution in front")
        self._append(node, GlobalSum(self._nodes.new_name(node), (view.tensor,)))
