"""Import of quantised ONNX networks: their integers and scales are kept."""

from __future__ import annotations

from dataclasses import replace

import onnx

from gen.common.errors import FirebrickError
from gen.formats.classifier_head import not_the_end
from gen.formats.onnx_node import attributes, refuse
from gen.formats.onnx_windows import read_average_pool, read_max_pool, whole_map
from gen.formats.qdq_integers import Layer, never_quantised, with_integers
from gen.formats.qdq_pixels import stored_tables
from gen.formats.qdq_scales import common
from gen.formats.qdq_weighted import QdqWeighted
from gen.formats.qonnx import QUANTS
from gen.formats.qoperator import QOPERATORS
from gen.ir.check import check
from gen.ir.labels import ClassNames, choose_labels
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    INPUT,
    Add,
    AveragePool,
    Concat,
    Conv,
    GlobalSum,
    MaxPool,
    Op,
    Tensor,
)
from gen.ir.preprocessing import UNSAID, Expected, Preprocessing, Tables, default_preprocessing

QUANTISES = {"QuantizeLinear", *QUANTS}


def is_quantised(model: onnx.ModelProto) -> bool:
    """Whether a model quantises activations; one whose weights alone are codes is a float model."""
    fed = {value.name for value in model.graph.input}
    fed -= {tensor.name for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type in QOPERATORS:
            return True
        if fed.intersection(node.input):
            if node.op_type in QUANTISES:
                return True
            fed.update(node.output)
    return False


def import_qdq(
    model: onnx.ModelProto,
    name: str,
    labels: ClassNames | None = None,
    expected: Expected = UNSAID,
) -> QuantizedNetwork:
    """Turn a QDQ model into a :class:`QuantizedNetwork`; see :mod:`gen.formats.onnx_float`.

    Other forms are written as QDQ before (:mod:`gen.formats.qoperator`, :mod:`gen.formats.qonnx`).
    Activations have up to 8 bits and any zero point. The input may be fed as codes, as
    :mod:`gen.formats.qdq_export` has it: zero points pad. Where a concat's branches have scales of
    their own they requantise straight to the concat's, clamped where their own scale would have
    clamped; so do signed codes that a ReLU reads, to the scale behind it.

    Parameters
    ----------
    model : onnx.ModelProto
    name : str
        Of the network.
    labels : ClassNames or None
        Class names; else those in the model's metadata, else numbers.
    expected : Expected
        What the user says that the network expects of pixels.

    Raises
    ------
    FirebrickError
        If the model is no CNN or holds something that is not supported. One that breaks ONNX's own
        rules may raise other errors.
    """
    return _QdqImport(model, name, labels, expected).network()


class _QdqImport(QdqWeighted):
    """One walk over the nodes: the layers, and the network at its end."""

    def __init__(
        self, model: onnx.ModelProto, name: str, labels: ClassNames | None, expected: Expected
    ):
        super().__init__(model, expected)
        self._name = name
        self._labels = labels

    def network(self) -> QuantizedNetwork:
        self._walk({
            "QuantizeLinear": self._quantize,
            "DequantizeLinear": self._dequantize,
            "Conv": self._conv,
            "Gemm": self._fully_connected,
            "MatMul": self._fully_connected,
            "Relu": self._relu,
            "Clip": self._clip,
            "BatchNormalization": self._batch_norm,
            "Sub": self._affine,
            "Mul": self._affine,
            "Div": self._affine,
            "MaxPool": self._max_pool,
            "Concat": self._concat,
            "Add": self._add,
            "GlobalAveragePool": self._average_pool,
            "AveragePool": self._average_pool,
            "ReduceMean": self._reduce_mean,
        })  # fmt: skip
        return self._finish()

    def _unsupported(self, node: onnx.NodeProto) -> str:
        return (
            "unsupported in a quantised network; use QuantizeLinear and DequantizeLinear (QDQ) "
            "around Conv, Gemm, MatMul, BatchNormalization, Relu, Clip, MaxPool, AveragePool, "
            "Concat and Add"
        )

    def _max_pool(self, node: onnx.NodeProto) -> None:
        view = self._map(node, padded=True)
        own = self._scale_of(node, view.tensor)
        if any(view.pad) and own.low < 0:
            refuse(node, "reads zeros of a Pad around values below; let the pool itself pad")
        pool = read_max_pool(node, self._shapes[view.tensor], view.pad)
        name = self._nodes.new_name(node)
        op = MaxPool(name, (view.tensor,), pool.kernel, pool.stride, pool.ceil, pool.pad)
        self._append(node, Layer(op, own=own))

    def _concat(self, node: onnx.NodeProto) -> None:
        views, layout = self._channel_axis(node)
        if len(views) == 1:
            self._views[node.output[0]] = views[0]
            return
        sources = tuple(view.tensor for view in views)
        for average in filter(self._is_average, sources):
            self._average_in_the_middle(self._layers[average])
        layer = Layer(Concat(self._nodes.new_name(node), sources))
        layer.own = common([self._layers[name].own for name in sources])
        self._append(node, layer, layout)

    def _add(self, node: onnx.NodeProto) -> None:
        if any(name in self._nodes.constants for name in node.input):
            self._affine(node)
            return
        views = self._pair(node)
        sources = (views[0].tensor, views[1].tensor)
        for name in sources:
            self._scale_of(node, name)
        op = Add(self._nodes.new_name(node), sources, (0, 0), 1, 0, 0)
        self._add_layer(Layer(op))
        self._views[node.output[0]] = replace(views[0], tensor=op.name)

    def _average_pool(self, node: onnx.NodeProto) -> None:
        view = self._map(node, padded=node.op_type == "AveragePool")
        shape = self._shapes[view.tensor]
        if not any(view.pad) and whole_map(node, shape):
            self._show(node, self._global_average(node, view.tensor))
            return
        pool = read_average_pool(node, shape, view.pad)
        if self._scale_of(node, view.tensor).zero and any(pool.pad):
            refuse(
                node,
                "pads an asymmetric map (zero point not at an end or in the middle of its codes); "
                "quantise its input symmetrically, or let it not pad",
            )
        name = self._nodes.new_name(node)
        op = AveragePool(name, (view.tensor,), pool.kernel, pool.stride, 0, 1, 0, 0, pool.pad)
        self._append(node, Layer(op))

    def _reduce_mean(self, node: onnx.NodeProto) -> None:
        view = self._view(node)
        over = self._mean_axes(node, view)
        keep = bool(attributes(node).get("keepdims", 1))
        name = self._global_average(node, view.tensor)
        self._views[node.output[0]] = view.averaged(name, over, keep)

    def _global_average(self, node: onnx.NodeProto, source: str) -> str:
        """Take it for the sum at the end, which it is unless something is found behind it."""
        scale = self._scale_of(node, source)
        height, width, _ = self._shapes[source]
        op = GlobalSum(self._nodes.new_name(node), (source,))
        self._add_layer(Layer(op, own=replace(scale, scale=scale.scale / (height * width))))
        return op.name

    def _finish(self) -> QuantizedNetwork:
        if not any(isinstance(layer.op, Conv) for layer in self._layers.values()):
            raise FirebrickError("holds no convolution: this is no CNN")
        if self._input is None or self._entry is None:
            raise FirebrickError(
                "does not read a quantised input; put QuantizeLinear and DequantizeLinear in front "
                "of the first layer too"
            )
        layers = self._ending_in_sum(self._logits())
        tensors = {INPUT: Tensor(INPUT, self._shapes[INPUT], self._input.scale)}
        ops: list[Op] = []
        for layer in layers:
            op = with_integers(layer, tensors)
            ops.append(op)
            tensors[op.name] = self._make_tensor(layer)
        network = QuantizedNetwork(
            name=self._name,
            ops=tuple(ops),
            tensors=tensors,
            labels=choose_labels(self._shapes[ops[-1].name][2], self._metadata, self._labels),
            preprocessing=self._preprocessing(self._entry.tables(self._input, self._border)),
            source={
                "quantised": "in its ONNX file",
                "pixels": self._entry.source,
                **self._wide(),
            },
        )
        check(network)
        return network

    def _preprocessing(self, tables: Tables) -> Preprocessing:
        """As usual for the input's size, unless the metadata says otherwise."""
        usual, said = default_preprocessing(*self._shapes[INPUT]), self._metadata.get("resize")
        usual = replace(usual, tables=tables or stored_tables(self._metadata))
        return usual if said is None else usual.resized(said, "model metadata 'resize'")

    def _ending_in_sum(self, output: str) -> list[Layer]:
        """The layers that the output needs, with one global sum, at the end."""
        wanted = {output}
        layers: list[Layer] = []
        for layer in reversed(self._layers.values()):
            if layer.op.name in wanted:
                layers.insert(0, layer)
                wanted |= set(layer.op.inputs)
        last = layers[-1]
        if isinstance(last.op, GlobalSum):
            return layers
        height, width, _ = self._shapes[output]
        if (height, width) != (1, 1):
            raise FirebrickError(not_the_end(output, (height, width)))
        self._add_layer(Layer(GlobalSum(self._nodes.unique("sums"), (output,)), own=last.own))
        return [*layers, next(reversed(self._layers.values()))]

    def _make_tensor(self, layer: Layer) -> Tensor:
        name, scale = layer.op.name, layer.final or layer.own
        if scale is None:
            raise never_quantised(layer)
        shape = self._shapes[name]
        if isinstance(layer.op, GlobalSum):
            height, width, _ = self._shapes[layer.op.inputs[0]]
            zero = height * width * scale.zero
            return Tensor(name, shape, scale.scale, signed=True, bits=32, zero=zero)
        return Tensor(name, shape, scale.scale, scale.signed, zero=scale.zero)
