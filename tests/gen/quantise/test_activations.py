from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from math import inf

import numpy as np
import onnx
import pytest

from gen.formats.onnx_float import import_float
from gen.frames.images import with_mirror_images
from gen.ir.activations import decibels
from gen.ir.check import check
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Width
from gen.quantise.activations import FRAMES, measure_activations, spread_out
from gen.quantise.post_training import quantise
from sim import golden
from tests.gen.backend.test_quantised_files import asymmetric
from tests.gen.onnx_models import frames, squeezenet
from tests.graphs import GRAPHS
from tests.networks import random_frames, tiny_network

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))
CALIBRATION = frames(24, seed=5)
LOOKED_AT = CALIBRATION[::3]


@cache
def model() -> onnx.ModelProto:
    return squeezenet(bypass=True, first_pad=1, last_relu=False)


@cache
def quantised(width: int | Width) -> QuantizedNetwork:
    graph = import_float(model(), "test")
    return quantise(
        graph, CALIBRATION, normalisation=NORMALISATION, weight_bits=width, rounding="gptq"
    )


def by_onnx_runtime(pictures: np.ndarray) -> dict[str, np.ndarray]:
    """Every layer's output (N, H, W, C) in the model file; behind its ReLU, if it has one."""
    reference = pytest.importorskip("sim.reference")
    made = onnx.ModelProto()
    made.CopyFrom(model())
    named = {node.name: node.output[0] for node in made.graph.node}
    known = [output.name for output in made.graph.output]
    more = [name for name in named.values() if name not in known]
    made.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in more)
    session = reference.session(made, optimise=False)
    fed = reference.normalise(pictures, NORMALISATION)
    runs = [session.run(list(named.values()), {"data": one[None]}) for one in fed]
    found = {name: np.concatenate(ys) for name, *ys in zip(named, *runs, strict=True)}
    found |= {name.removesuffix("_relu"): y for name, y in found.items() if name.endswith("_relu")}
    return {
        name.replace(".", "_"): y.transpose(0, 2, 3, 1) for name, y in found.items() if y.ndim == 4
    }


def test_codes_are_counted_as_the_golden_model_gives_them():
    network = quantised(4)
    found = network.activations
    assert found is not None
    assert found.frames == len(LOOKED_AT) == FRAMES
    expected = golden.run(network, LOOKED_AT)
    del expected[network.output.name]
    assert found.counts.keys() == expected.keys()
    assert {network.tensors[name].signed for name in found.counts} == {False, True}
    for name, codes in expected.items():
        low = network.tensors[name].low
        wanted = [np.count_nonzero(codes.astype(int) == low + place) for place in range(256)]
        assert list(found.counts[name]) == wanted, name


def to_onnx_runtime(network: QuantizedNetwork) -> dict[str, float]:
    """Signal-to-noise ratio of every layer against the model file's."""
    expected, codes = by_onnx_runtime(LOOKED_AT), golden.run(network, LOOKED_AT)
    ratios = {}
    for op in network.ops:
        real = expected[op.name].astype(np.float64)
        noise = np.linalg.norm(codes[op.name] * network.tensors[op.name].scale - real)
        ratios[op.name] = 20 * np.log10(np.linalg.norm(real) / noise)
    return ratios


def test_ratios_are_those_to_the_float_network_in_onnx_runtime():
    network = quantised(4)
    found = network.activations.decibels
    assert list(found) == [op.name for op in network.ops]
    assert found == pytest.approx(to_onnx_runtime(network), abs=0.02)


def test_more_bits_have_a_higher_ratio():
    few, many = quantised(4).activations.decibels, quantised(8).activations.decibels
    assert all(many[name] > few[name] for name in few)


def test_channels_of_other_sizes_are_compared_with_as_large_ones():
    network = quantised(Width(3, 5))
    found, file = network.activations.decibels, to_onnx_runtime(network)
    assert found["pool10"] == pytest.approx(file["pool10"], abs=0.02)
    assert min(file.values()) < 9 < min(found.values())


@pytest.mark.parametrize("kind", ["tiny", "depthwise", "asymmetric"])
def test_integers_alone_have_counts(kind, tmp_path):
    makers: dict[str, Callable[[], QuantizedNetwork]] = {
        "tiny": tiny_network, "asymmetric": partial(asymmetric, tmp_path), **GRAPHS,
    }  # fmt: skip
    network = makers[kind]()
    pictures = random_frames(network, 5)
    found = measure_activations(network, pictures)
    assert (found.frames, found.decibels) == (5, {})
    for name, codes in golden.run(network, pictures).items():
        low = network.tensors[name].low
        if name != network.output.name:
            values, counts = np.unique(codes.astype(int) - low, return_counts=True)
            wanted = dict(zip(values.tolist(), counts.tolist(), strict=True))
            assert {at: n for at, n in enumerate(found.counts[name]) if n} == wanted, name
    check(replace(network, activations=found))


def test_frames_are_spread_over_the_set():
    pictures = np.arange(20)
    assert list(spread_out(pictures, 4)) == [0, 5, 10, 15]
    assert list(spread_out(pictures, 30)) == list(pictures)
    assert len(spread_out(with_mirror_images(CALIBRATION), FRAMES)) == FRAMES


def test_ratios():
    assert decibels(100.0, 1.0) == 20
    assert decibels(1.0, 100.0) == -20
    assert decibels(1.0, 0.0) == inf
    assert decibels(0.0, 1.0) is None
