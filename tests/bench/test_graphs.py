from dataclasses import replace

import numpy as np
import pytest

from bench.graphs import BYPASSES, squeezenet, with_bypasses, zynqnet
from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float, load_onnx
from gen.ir.graph import FloatGraph
from gen.ir.ops import FloatAdd, FloatConv
from gen.ir.preprocessing import Normalisation
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim import golden
from tests.gen.onnx_models import frames
from tests.gen.onnx_models import squeezenet as small_squeezenet
from tests.paths import SHARED


def convs(graph: FloatGraph) -> dict[str, FloatConv]:
    return {op.name: op for op in graph.ops if isinstance(op, FloatConv)}


def macs(graph: FloatGraph) -> int:
    shapes = graph.shapes()
    return sum(
        shapes[name][0] * shapes[name][1] * op.weights.size for name, op in convs(graph).items()
    )


def test_zynqnet_has_its_published_layers():
    graph = zynqnet()
    shapes = graph.shapes()
    assert [shapes[name] for name in ("conv1", "fire2_concat", "fire5_concat", "fire7_concat")] == [
        (128, 128, 64), (64, 64, 128), (32, 32, 256), (16, 16, 384),
    ]  # fmt: skip
    assert shapes["fire9_concat"] == (8, 8, 736)
    assert shapes["pool10"] == (1, 1, 1024)
    assert [name for name, op in convs(graph).items() if not op.relu] == ["conv10_1", "conv10_2"]
    assert macs(graph) == pytest.approx(530e6, rel=0.01)  # as the thesis has it
    same, other = zynqnet(), zynqnet(seed=1)
    np.testing.assert_array_equal(convs(same)["conv1"].weights, convs(graph)["conv1"].weights)
    assert (convs(other)["conv1"].weights != convs(graph)["conv1"].weights).any()


@pytest.mark.parametrize(("version", "weights"), [("1.0", 1_244_448), ("1.1", 1_231_552)])
def test_squeezenets_have_their_published_layers(version, weights):
    plain = squeezenet(version)
    assert sum(op.weights.size for op in convs(plain).values()) == weights
    adds = {}
    for bypass in BYPASSES:
        graph = squeezenet(version, bypass)
        graph.shapes()
        adds[bypass] = [op.name for op in graph.ops if isinstance(op, FloatAdd)]
    simple = ["fire3_add", "fire5_add", "fire7_add", "fire9_add"]
    assert adds == {
        "none": [],
        "simple": simple,
        "complex": [f"fire{number}_add" for number in range(2, 10)],
    }


def test_unknown_kinds_are_refused():
    with pytest.raises(FirebrickError, match=r"no SqueezeNet v1\.2 is known; choose 1\.0 or 1\.1"):
        squeezenet("1.2")
    with pytest.raises(FirebrickError, match="bypass 'double'; choose none, simple, complex"):
        squeezenet("1.1", "double")


def test_simple_bypasses_are_those_of_the_same_network_with_them():
    plain = import_float(small_squeezenet(bypass=False), "small")
    given = import_float(small_squeezenet(bypass=True), "small")
    made = with_bypasses(plain, "simple")
    expected = float_logits(given, frames(3))
    np.testing.assert_allclose(float_logits(made, frames(3)), expected, rtol=1e-5)
    assert not np.allclose(float_logits(plain, frames(3)), expected, rtol=1e-2)


def test_complex_bypasses_add_layers_without_changing_the_others():
    plain = import_float(small_squeezenet(bypass=False), "small")
    made = with_bypasses(plain, "complex")
    added = set(convs(made)) - set(convs(plain))
    (around,) = (convs(made)[name] for name in added)
    assert (around.weights.shape, around.relu) == ((12, 1, 1, 8), False)
    silent = [
        replace(op, weights=np.zeros_like(op.weights)) if isinstance(op, FloatConv)
        and op.name in added else op
        for op in made.ops
    ]  # fmt: skip
    simple = with_bypasses(plain, "simple")
    np.testing.assert_array_equal(
        float_logits(replace(made, ops=tuple(silent)), frames(2)), float_logits(simple, frames(2))
    )
    network = quantise(made, frames(4), normalisation=Normalisation())
    assert golden.class_sums(network, frames(2)).shape == (2, 7)


def test_given_weights_are_kept():
    path = SHARED / "models/squeezenet1.1.onnx"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    given = load_onnx(path)
    assert isinstance(given, FloatGraph)
    made = convs(squeezenet("1.1", "complex", given))
    for name, op in convs(given).items():
        np.testing.assert_array_equal(made[name].weights, op.weights)
    assert len(made) == len(convs(given)) + 4
