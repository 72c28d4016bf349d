"""An ONNX graph: its constants, computed, and the layers that remain."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import onnx
from onnx import compose, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from gen.formats.onnx_file import without_functions
from gen.formats.onnx_forms import Forms
from gen.formats.onnx_input import ModelInput
from gen.formats.onnx_node import (
    MICROSOFT,
    STANDARD,
    attributes,
    refuse,
    standard,
    tensors_read,
)
from gen.ir.ops import BOARD, INPUT

MAX_FOLDED = 1 << 24


def as_it_is(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> tuple[onnx.NodeProto]:
    """A node that stands for itself."""
    return (node,)


@dataclass
class Nodes:
    """An ONNX graph with its constants evaluated.

    Attributes
    ----------
    model : onnx.ModelProto
    constants : dict of array
        Initialisers, Constant nodes, and whatever is computed from these alone.
    layers : list of onnx.NodeProto
        The nodes that remain, in order.
    decode : bool
        Whether weights that are quantised become real numbers; else they stay codes.
    expand : callable
        Gives the nodes that stand for one, of it and the constants, to which it may add some.

    Raises
    ------
    FirebrickError
        If what is computed from constants cannot be evaluated, or is too large.
    """

    model: onnx.ModelProto
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    layers: list[onnx.NodeProto] = field(default_factory=list)
    decode: bool = False
    expand: Callable[[onnx.NodeProto, dict[str, np.ndarray]], Iterable[onnx.NodeProto]] = as_it_is
    _names: set[str] = field(default_factory=lambda: {INPUT, BOARD})

    def __post_init__(self) -> None:
        self.model = without_functions(self.model)
        self._keep_initialisers(self.model.graph)
        self.layers += self._unfolded(self.model.graph.node)

    def _keep_initialisers(self, graph: onnx.GraphProto) -> None:
        for tensor in graph.initializer:
            self.constants[tensor.name] = numpy_helper.to_array(tensor)
        for sparse in graph.sparse_initializer:
            self.constants[sparse.values.name] = _dense(sparse)

    def _unfolded(self, nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
        """Those nodes, in their newest form, that do not depend on constants alone."""
        forms = Forms(self.constants)
        for written in chain.from_iterable(self.expand(node, self.constants) for node in nodes):
            newest = forms.newest(written) if written.domain in STANDARD else (written,)
            for node in newest:
                if node.op_type == "If" and node.input[0] in self.constants:
                    yield from self.branch(node)
                elif not self.fold(node):
                    yield node

    def branch(self, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """What an If whose condition is a constant does, under names that are its own.

        Raises
        ------
        FirebrickError
            If the condition depends on what is fed.
        """
        if node.input[0] not in self.constants:
            refuse(
                node,
                "takes one of two ways by what is fed; export the model for one size of pictures "
                "and for inference, so that its condition is a constant",
            )
        values = attributes(node)
        graph = values["then_branch" if self.constants[node.input[0]].all() else "else_branch"]
        graph = compose.add_prefix_graph(graph, f"{node.output[0]}/", rename_inputs=False)
        self._keep_initialisers(graph)
        ends = [
            helper.make_node("Identity", [own.name], [name], node.name)
            for own, name in zip(graph.output, node.output, strict=True)
        ]
        return list(self._unfolded([*graph.node, *ends]))

    def fold(self, node: onnx.NodeProto) -> bool:
        """Evaluate a node that depends on constants alone.

        Returns
        -------
        bool
            Whether it is one, and its outputs are among the constants now.

        Raises
        ------
        FirebrickError
            If it cannot be evaluated, or its inputs are too large.
        """
        used = [name for name in node.input if name]
        if any(name not in self.constants for name in used) or not node.output:
            return False
        codes = node.op_type == "DequantizeLinear" and node.domain in MICROSOFT
        if (codes and not self.decode) or not (codes or node.domain in STANDARD):
            return False
        node = standard(node) if codes else node
        values = self._evaluate(node, {name: self.constants[name] for name in used})
        self.constants.update(zip([n for n in node.output if n], values, strict=True))
        return True

    def reads(self) -> Counter[str]:
        """How many times each tensor is read by layers, those of subgraphs included, or given."""
        found = Counter(value.name for value in self.model.graph.output)
        for node in self.layers:
            found.update(tensors_read(node))
        return found

    def fold_shape(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> None:
        """Evaluate a Shape node whose input has ``shape``."""
        values = attributes(node)
        part = shape[values.get("start", 0) : values.get("end")]
        self.constants[node.output[0]] = np.array(part, np.int64)

    def reshaped(self, node: onnx.NodeProto, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what a node whose other inputs are constants makes of ``shape``.

        Raises
        ------
        FirebrickError
            If they are not, or the node cannot be evaluated.
        """
        constants = [self.constant(node, index) for index in range(1, len(node.input))]
        pairs = zip(node.input, [np.zeros(shape, np.float32), *constants], strict=True)
        used = {name: value for name, value in pairs if value is not None}
        return tuple(self._evaluate(node, used)[0].shape)

    def _evaluate(self, node: onnx.NodeProto, used: dict[str, np.ndarray]) -> list[np.ndarray]:
        """A node's outputs for given values of all its inputs."""
        if sum(value.size for value in used.values()) > MAX_FOLDED:
            refuse(
                node,
                f"computes on constants of more than {MAX_FOLDED} numbers; fold them before, say "
                "with onnxsim",
            )
        body = helper.make_graph(
            [node],
            "constant",
            [],
            [onnx.ValueInfoProto(name=name) for name in node.output if name],
            [numpy_helper.from_array(value, name) for name, value in used.items()],
        )
        piece = helper.make_model(body, opset_imports=self.opsets)
        try:
            return list(ReferenceEvaluator(piece).run(None, {}))
        except Exception as error:  # whatever the operator's own evaluation raises
            reason = " ".join(str(error).split())[:160]
            refuse(node, f"cannot be folded into a constant ({reason}); fix or fold it")

    @property
    def opsets(self) -> list[onnx.OperatorSetIdProto]:
        """Versions of all operators of :attr:`layers`: of the standard ones, the newest."""
        own = [o for o in self.model.opset_import if o.domain not in STANDARD]
        return [*own, helper.make_opsetid("", max(self.opset, defs.onnx_opset_version()))]

    @property
    def opset(self) -> int:
        """Version of the standard operators in the file."""
        imported = self.model.opset_import
        return max((o.version for o in imported if o.domain in STANDARD), default=1)

    @property
    def input(self) -> ModelInput:
        """The one tensor that is fed.

        Raises
        ------
        RefusedNode
            If there are others, or none.
        """
        return ModelInput.of(self.model.graph, self.constants)

    def constant(self, node: onnx.NodeProto, index: int) -> np.ndarray | None:
        """Input ``index`` of a node as a constant; ``None`` if it is left out.

        Raises
        ------
        FirebrickError
            If it depends on what is fed.
        """
        if index >= len(node.input) or not node.input[index]:
            return None
        name = node.input[index]
        if name not in self.constants:
            refuse(node, f"its input {name!r} must be a constant")
        return self.constants[name]

    def new_name(self, node: onnx.NodeProto) -> str:
        """A unique identifier for what a node computes, as close to the model's as can be."""
        name = node.name.strip("/")
        name = name.removesuffix("/" + node.op_type)
        if node.op_type == "Conv" and node.input[1].endswith(".weight"):
            name = node.input[1].removesuffix(".weight")
        name = re.sub(r"\W+", "_", name or node.output[0], flags=re.ASCII).strip("_")
        if not name or name[0].isdigit():
            name = f"{node.op_type.lower()}_{name}"
        return self.unique(name)

    def unique(self, name: str) -> str:
        """That name, or one with a number behind it if it was given before."""
        unique, count = name, 2
        while unique in self._names:
            unique, count = f"{name}_{count}", count + 1
        self._names.add(unique)
        return unique


def _dense(sparse: onnx.SparseTensorProto) -> np.ndarray:
    """All values of a sparse tensor, whose indices are flat or have a column a dimension."""
    values, indices = (numpy_helper.to_array(part) for part in (sparse.values, sparse.indices))
    whole = np.zeros(tuple(sparse.dims), values.dtype)
    if indices.ndim == 1:
        whole.reshape(-1)[indices] = values
    else:
        whole[tuple(indices.T)] = values
    return whole
