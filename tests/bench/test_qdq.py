import pytest

from gen.formats.onnx_float import import_float
from gen.ir.preprocessing import Normalisation
from gen.quantise.post_training import quantise
from tests.gen.onnx_models import frames, squeezenet


@pytest.mark.parametrize("optimise", [False, True])
def test_agreement_is_counted(optimise):
    pytest.importorskip("onnxruntime")
    from bench.qdq import compare

    graph = import_float(squeezenet(last_relu=False), "test")
    network = quantise(graph, frames(24, seed=5), normalisation=Normalisation())
    got = compare(network, frames(40), optimise)
    assert got.images == 40
    assert got.same_class > 90
    assert got.same_sums > 90
