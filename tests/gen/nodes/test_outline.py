"""Float networks: whether there is hardware for them is told before they are quantised."""

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.ir.graph import FloatGraph
from gen.ir.ops import INPUT, Concat, FloatAdd, FloatConv, FloatOp, GlobalSum
from gen.nodes.outline import check_hardware
from tests.gen.onnx_models import squeezenet


def conv(name: str, x: str, cin: int, cout: int, kernel: int = 1) -> FloatConv:
    weights = np.ones((cout, kernel, kernel, cin), np.float32)
    pad = (kernel // 2,) * 4
    return FloatConv(name, (x,), weights, np.zeros(cout, np.float32), pad=pad, relu=True)


def fire(*, swapped: bool = False) -> list[FloatOp]:
    """A Fire module from 4 channels, of tensor ``conv1``, to 4."""
    branches = ("three", "one") if swapped else ("one", "three")
    return [
        conv("conv1", INPUT, 3, 4),
        conv("squeeze", "conv1", 4, 2),
        conv("one", "squeeze", 2, 2),
        conv("three", "squeeze", 2, 2, 3),
        Concat("both", branches),
    ]


def graph(*ops: FloatOp) -> FloatGraph:
    made = FloatGraph("made", (6, 6, 3), (*ops, GlobalSum("sums", (ops[-1].name,))))
    made.shapes()
    return made


def test_an_imported_network_has_hardware():
    check_hardware(import_float(squeezenet(), "float"))


@pytest.mark.parametrize("swapped", [False, True])
def test_bypasses_of_both_kinds_and_branches_in_any_order_have_hardware(swapped):
    module = fire(swapped=swapped)
    check_hardware(graph(*module))
    check_hardware(graph(*module, FloatAdd("sum", ("both", "conv1"))))
    way = conv("way", "conv1", 4, 4)
    check_hardware(graph(*module, way, FloatAdd("sum", ("both", "way"))))


def test_a_layer_that_nothing_reads_is_named():
    ops = [*fire(), conv("spare", "conv1", 4, 4), conv("last", "both", 4, 3)]
    with pytest.raises(FirebrickError, match="network 'made': nothing reads 'spare'; leave it out"):
        check_hardware(graph(*ops))


def test_a_network_that_ends_in_something_else_is_refused():
    made = FloatGraph("made", (6, 6, 3), tuple(fire()))
    with pytest.raises(FirebrickError, match="ends with 'both'; it must end with a global average"):
        check_hardware(made)
