"""Whether there is hardware for a float network, told before it is quantised."""

from __future__ import annotations

from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import (
    Tensor,
)
from gen.ir.preprocessing import default_preprocessing
from gen.nodes.graph import Graph


def check_hardware(graph: FloatGraph) -> None:
    """Check that there is hardware for a float network, once it is quantised.

    Raises
    ------
    FirebrickError
        As :meth:`gen.nodes.graph.Graph.of` does.
    """
    shapes = graph.shapes()
    outline = QuantizedNetwork(
        name=graph.name,
        ops=tuple(op.outline() for op in graph.ops),
        tensors={name: Tensor(name, shape, scale=1.0) for name, shape in shapes.items()},
        labels=(),
        preprocessing=default_preprocessing(*graph.input_shape),
    )
    Graph.of(outline)
