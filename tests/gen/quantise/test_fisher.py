import numpy as np
from scipy.special import softmax

from gen.formats.onnx_float import import_float
from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatConv, GlobalSum
from gen.quantise.fisher import DAMPING, channel_couplings
from tests.gen.onnx_models import frames, squeezenet
from tests.recorder import Recorder


def conv(rng, name, x, cout, cin, relu):
    weights = rng.normal(0, 1, (cout, 1, 1, cin)).astype(np.float32)
    return FloatConv(name, (x,), weights, np.zeros(cout, np.float32), relu=relu)


def test_coupling_is_the_fisher_information_of_a_pixel():
    rng = np.random.default_rng(1)
    first = conv(rng, "conv1", "input", 5, 3, relu=True)
    first.weights[...] /= 100
    last = conv(rng, "conv10", "conv1", 4, 5, relu=False)
    graph = FloatGraph("pixel", (1, 1, 3), (first, last, GlobalSum("sums", ("conv10",))))
    pixels = rng.integers(0, 256, (20_000, 1, 1, 3), dtype=np.uint8)
    told = Recorder()
    found = channel_couplings(graph, pixels, ["conv1", "conv10"], progress=told)
    hidden = np.maximum(pixels.reshape(-1, 3) @ first.weights[:, 0, 0].T, 0)
    probability = softmax(hidden @ last.weights[:, 0, 0].T, axis=1)
    expected = np.zeros((5, 5))
    for h, p in zip(hidden, probability, strict=True):
        path = last.weights[:, 0, 0] * (h > 0)
        expected += path.T @ (np.diag(p) - np.outer(p, p)) @ path
    expected = expected / np.diag(expected).mean() + DAMPING * np.eye(5)
    np.testing.assert_allclose(found["conv1"], expected, atol=0.05)
    assert list(found) == ["conv1"]
    assert told.steps[-1] == (20_000, 20_000)


def test_every_layer_asked_for_has_a_coupling_of_unit_size():
    graph = import_float(squeezenet(bypass=True), "test")
    names = [op.name for op in graph.ops if isinstance(op, FloatConv)][:-1]
    found = channel_couplings(graph, frames(6), names)
    assert list(found) == names
    for coupling in found.values():
        np.testing.assert_allclose(coupling, coupling.T, rtol=1e-4, atol=1e-6)
        assert np.linalg.eigvalsh(coupling)[0] > 0.5 * DAMPING
        assert np.isclose(np.diag(coupling).mean(), 1 + DAMPING)
    assert channel_couplings(graph, frames(6), []) == {}
