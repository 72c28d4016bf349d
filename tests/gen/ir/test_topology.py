import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.ir.graph import FloatAdd, FloatConv, FloatGraph
from gen.ir.ops import INPUT, Concat, GlobalSum
from gen.ir.preprocessing import Normalisation
from gen.ir.topology import FireStage, check_stages, stages
from gen.quantise.post_training import quantise
from tests.gen.onnx_models import frames, squeezenet


def conv(name: str, x: str, cin: int, cout: int, kernel: int = 1) -> FloatConv:
    weights = np.ones((cout, kernel, kernel, cin), np.float32)
    pad = (kernel // 2,) * 4
    return FloatConv(name, (x,), weights, np.zeros(cout, np.float32), pad=pad, relu=True)


def fire(*, swapped: bool = False) -> list:
    """A Fire module from 4 channels, of tensor ``conv1``, to 4."""
    branches = ("three", "one") if swapped else ("one", "three")
    return [
        conv("conv1", INPUT, 3, 4),
        conv("squeeze", "conv1", 4, 2),
        conv("one", "squeeze", 2, 2),
        conv("three", "squeeze", 2, 2, 3),
        Concat("both", branches),
    ]


def graph(*ops) -> FloatGraph:
    made = FloatGraph("made", (6, 6, 3), (*ops, GlobalSum("sums", (ops[-1].name,))))
    made.shapes()
    return made


def test_a_float_network_has_the_stages_of_its_integers():
    model = import_float(squeezenet(), "float")
    check_stages(model)
    network = quantise(model, frames(2, seed=1), normalisation=Normalisation())
    fires = [stage.name for stage in stages(network) if isinstance(stage, FireStage)]
    assert len(fires) == 2


def test_simple_bypass_has_stages():
    check_stages(graph(*fire(), FloatAdd("sum", ("both", "conv1"))))


def test_complex_bypass_is_refused():
    way = conv("way", "conv1", 4, 4)
    with pytest.raises(FirebrickError, match=r"'both' is read by sum \(Add\), which is"):
        check_stages(graph(*fire(), way, FloatAdd("sum", ("both", "way"))))


def test_branches_in_another_order_are_refused():
    with pytest.raises(FirebrickError, match="'both' concatenates three, one; a Fire module"):
        check_stages(graph(*fire(swapped=True)))
