from dataclasses import replace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from gen.common.errors import FirebrickError
from gen.formats.default import default_network
from gen.formats.onnx_float import import_float
from gen.frames.class_results import top_k
from gen.frames.images import load_tar, with_mirror_images
from gen.ir.fixed_point import fixed_point
from gen.ir.network import QuantizedNetwork
from gen.ir.network_file import load_network, save_network
from gen.ir.ops import FloatConv
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Width
from gen.quantise import layer_by_layer
from gen.quantise.calibrate import Histogram, float_logits, observe
from gen.quantise.gptq import largest_code
from gen.quantise.integers import round_weights, weight_scales
from gen.quantise.kinds import integer_layer
from gen.quantise.post_training import quantise
from sim import golden
from tests.gen.onnx_models import frames, squeezenet
from tests.paths import ROOT, SHARED
from tests.recorder import BlasThreads, Recorder

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))


def relative_error(network: QuantizedNetwork, expected: np.ndarray, pictures: np.ndarray) -> float:
    got = golden.class_sums(network, pictures) * network.output.scale
    return float(np.sqrt(np.mean((got - expected) ** 2)) / expected.std())


@pytest.mark.parametrize("last_relu", [False, True])
@pytest.mark.parametrize("first_pad", [0, 1])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_integers_follow_the_float_network(last_relu, first_pad, order):
    model = squeezenet(last_relu=last_relu, first_pad=first_pad, batch_norm=True)
    graph = import_float(model, "test")
    normalisation = replace(NORMALISATION, channel_order=order)
    network = quantise(graph, frames(24, seed=5), normalisation=normalisation)
    pictures = frames(12)
    expected = float_logits(graph.fold_input(normalisation), pictures)
    assert relative_error(network, expected, pictures) < 0.06
    assert network.tensors["conv10"].signed is not last_relu
    mean = tuple(round(v) for v in NORMALISATION.mean)
    if first_pad:
        assert network.convs[0].pad_code == (mean if order == "RGB" else mean[::-1])


def test_fewer_weight_bits_cost_more():
    graph = import_float(squeezenet(), "test")
    pictures = frames(12)
    expected = float_logits(graph.fold_input(NORMALISATION), pictures)
    errors = []
    for bits in (8, 6, 4, 2):
        network = quantise(graph, frames(24, seed=5), normalisation=NORMALISATION, weight_bits=bits)
        assert {op.weight_bits for op in network.convs} == {bits}
        errors.append(relative_error(network, expected, pictures))
    assert errors == sorted(errors)
    assert errors[1] < 0.2


def test_weight_bits_by_layer():
    graph = import_float(squeezenet(), "test")
    network = quantise(
        graph, frames(2), normalisation=NORMALISATION, weight_bits={"conv10": 3, "fire2_squeeze": 5}
    )
    widths = {op.name: op.weight_bits for op in network.convs}
    assert (widths["conv10"], widths["fire2_squeeze"], widths["conv1"]) == (3, 5, 8)
    with pytest.raises(FirebrickError, match="unknown layers: conv99"):
        quantise(graph, frames(2), normalisation=NORMALISATION, weight_bits={"conv99": 3})
    with pytest.raises(FirebrickError, match="9 bits"):
        quantise(graph, frames(2), normalisation=NORMALISATION, weight_bits=9)


def test_joined_tensors_share_a_scale_and_the_file_round_trips(tmp_path):
    graph = import_float(squeezenet(), "test")
    network = quantise(graph, frames(4), normalisation=NORMALISATION)
    scale = {name: tensor.scale for name, tensor in network.tensors.items()}
    assert scale["conv1"] == scale["pool1"]
    assert scale["fire2_expand1x1"] == scale["fire2_expand3x3"] == scale["fire2_cat"]
    rows, columns, _ = network.tensors["conv10"].shape
    assert network.output.scale == pytest.approx(scale["conv10"] / (rows * columns))
    for op in network.convs:
        assert 1 << 15 <= int(op.multiplier.max()) < 1 << 16
    save_network(network, tmp_path / "net.npz")
    again = load_network(tmp_path / "net.npz")
    assert again.digest == network.digest
    pictures = frames(2)
    sums = golden.class_sums(again, pictures)
    np.testing.assert_array_equal(sums, golden.class_sums(network, pictures))


def test_same_frames_same_integers():
    graph = import_float(squeezenet(), "test")
    first, second = (quantise(graph, frames(4), normalisation=NORMALISATION) for _ in range(2))
    assert first.digest == second.digest


def test_bad_frames_and_padding_with_no_pixel():
    graph = import_float(squeezenet(), "test")
    with pytest.raises(FirebrickError, match="calibration frames of shape"):
        quantise(graph, np.zeros((2, 8, 8, 3), np.uint8), normalisation=NORMALISATION)
    padded = import_float(squeezenet(first_pad=1), "test")
    odd = Normalisation(mean=(-3.0, 0.0, 0.0))
    with pytest.raises(FirebrickError, match=r"the pixel \[-3.0, 0.0, 0.0\], and there is none"):
        quantise(padded, frames(2), normalisation=odd)


def test_dead_and_faint_channels_survive():
    graph = import_float(squeezenet(), "test")
    op = graph.ops[0]
    assert isinstance(op, FloatConv)
    weights, bias = op.weights.copy(), op.bias.copy()
    weights[0], bias[0] = 0.0, 0.0
    weights[1], bias[1] = weights[1] * 1e-7, 2.5
    graph = replace(graph, ops=(replace(op, weights=weights, bias=bias), *graph.ops[1:]))
    pictures = frames(6)
    network = quantise(graph, pictures, normalisation=NORMALISATION)
    codes = golden.run(network, pictures)["conv1"] * network.tensors["conv1"].scale
    assert np.all(codes[..., 0] == 0)
    assert np.allclose(codes[..., 1], 2.5, atol=network.tensors["conv1"].scale)


def test_fixed_point():
    rng = np.random.default_rng(1)
    for exponent in range(-24, 10):
        factors = rng.uniform(0.01, 1.0, 20) * 2.0**exponent
        multiplier, shift = fixed_point(factors)
        assert 1 <= shift <= 47
        if shift < 39:
            assert 1 << 15 <= int(multiplier.max()) < 1 << 16
        assert np.abs(multiplier / 2.0**shift - factors).max() <= 0.5 / 2**shift
    multiplier, shift = fixed_point(np.array([1 - 2.0**-20]))
    assert (int(multiplier[0]), shift) == (1 << 15, 15)
    for bad in ([0.0], [-1.0, 1.0], [2.0**16], [np.nan]):
        with pytest.raises(ValueError, match="cannot be requantised"):
            fixed_point(np.array(bad))


def test_weight_scale_search_beats_the_largest_weight():
    rng = np.random.default_rng(2)
    weights = rng.laplace(0, 1, (6, 3, 3, 20))
    floor = np.zeros(6)
    full = np.abs(weights).max(axis=(1, 2, 3)) / 3
    best = weight_scales(weights, 3, floor)

    def error(scale: np.ndarray) -> np.ndarray:
        back = round_weights(weights, scale, 3) * scale[:, None, None, None]
        return ((back - weights) ** 2).sum(axis=(1, 2, 3))

    assert np.all(error(best) < 0.8 * error(full))
    np.testing.assert_allclose(weight_scales(weights, 8, floor), full * 3 / 127)


def test_histogram_grows_merges_and_clips():
    rng = np.random.default_rng(3)
    values = np.abs(rng.normal(0, 1, 100_000)).astype(np.float32)
    whole, left, right = Histogram(), Histogram(), Histogram()
    whole.add(values)
    left.add(values[:50_000] * 0.01)
    left.add(values[:50_000])
    right.add(values[50_000:])
    left.merge(right)
    assert left.counts.sum() == 150_000
    assert left.top >= values.max()
    scale = whole.best_scale(15)
    assert 0.5 * values.max() < scale * 15 < 0.95 * values.max()
    assert Histogram().best_scale(255) == 1.0


def test_observed_means():
    graph = import_float(squeezenet(), "test").fold_input(NORMALISATION)
    pictures = frames(5)
    statistics = observe(graph, pictures)
    np.testing.assert_allclose(statistics.means["input"], pictures.mean(axis=(0, 1, 2)))
    logits = float_logits(graph, pictures)
    np.testing.assert_allclose(
        statistics.means[graph.ops[-1].name], logits.mean(axis=0), rtol=1e-4, atol=1e-5
    )


def test_top_k():
    graph = import_float(squeezenet(), "test")
    network = quantise(graph, frames(2), normalisation=NORMALISATION, labels=tuple("abcdefg"))
    sums = np.array([5, 900, -3, 900, 0, 20, 7])
    best = top_k(sums, network, 3)
    assert [label for label, _ in best] == ["b", "d", "f"]
    everything = top_k(sums, network, 7)
    assert sum(p for _, p in everything) == pytest.approx(1)
    assert best[0][1] == best[1][1] > best[2][1]


def test_default_network_fits_its_promises():
    network = default_network()
    assert network.input.shape == (32, 32, 3)
    assert len(network.labels) == 10
    assert network.weight_bit_count <= 1_200_000
    path = ROOT / "models" / "default.npz"
    assert path.stat().st_size < 1_000_000


@pytest.mark.skipif(not (SHARED / "cifar10").is_dir(), reason=f"CIFAR-10 is not in {SHARED}")
def test_default_network_knows_its_classes():
    network = default_network()
    pictures, names = load_tar(SHARED / "cifar10" / "test.tar", network.preprocessing, 100)
    best = golden.class_sums(network, pictures).argmax(axis=1)
    right = [network.labels[i] == name for i, name in zip(best, names, strict=True)]
    assert np.mean(right) > 0.7


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_rounding_together_follows_the_float_network_better(bits):
    graph = import_float(squeezenet(bypass=True, first_pad=1), "test")
    pictures = frames(40)
    expected = float_logits(graph.fold_input(NORMALISATION), pictures)
    errors = []
    for rounding in ("nearest", "gptq"):
        told = Recorder()
        network = quantise(
            graph,
            frames(24, seed=5),
            normalisation=NORMALISATION,
            weight_bits=bits,
            rounding=rounding,
            progress=told,
        )
        assert told.steps == sorted(told.steps)
        assert told.steps[-1] == (1000, 1000)
        assert all(np.abs(op.weights).max() <= largest_code(bits) for op in network.convs)
        errors.append(relative_error(network, expected, pictures))
    assert errors[1] < 0.9 * errors[0]


def test_blas_has_one_core_so_that_sums_are_the_same_on_all_machines():
    graph = import_float(squeezenet(), "test")
    threads = BlasThreads()
    with threadpool_limits(2):
        quantise(graph, frames(4), normalisation=NORMALISATION, rounding="gptq", progress=threads)
    assert threads.seen == {1}


def test_codebooks_beat_as_many_bits_without():
    graph = import_float(squeezenet(bypass=True, first_pad=1), "test")
    pictures = frames(40)
    expected = float_logits(graph.fold_input(NORMALISATION), pictures)
    errors = dict.fromkeys((Width(3), Width(3, 5)), 0.0)
    for width in errors:
        for seed in range(16):  # with one, chance decides
            network = quantise(
                graph,
                frames(24, seed=100 + seed),
                normalisation=NORMALISATION,
                weight_bits=width,
                rounding="gptq",
            )
            errors[width] += relative_error(network, expected, pictures)
        assert {op.code_bits for op in network.convs} == {3}
        assert {op.weight_bits for op in network.convs} == {width.operand}
    assert errors[Width(3, 5)] < errors[Width(3)]


def test_a_codebook_wants_weights_rounded_together():
    graph = import_float(squeezenet(), "test")
    with pytest.raises(FirebrickError, match=r"conv1: a codebook for weights .* 'nearest'"):
        quantise(graph, frames(2), normalisation=NORMALISATION, weight_bits=Width(3, 5))
    with pytest.raises(FirebrickError, match="conv1: codes of 3 bits for levels of 3"):
        quantise(graph, frames(2), normalisation=NORMALISATION, weight_bits=Width(3, 3))


def test_only_shared_weights_are_kept_as_shared():
    graph = import_float(squeezenet(), "test")
    with pytest.raises(FirebrickError, match="conv1: its weights are not shared"):
        quantise(graph, frames(2), normalisation=NORMALISATION, rounding="shared")


def test_the_quantiser_runs_the_integers_as_the_golden_model_does():
    graph = import_float(squeezenet(bypass=True, first_pad=1, ceil=True), "test")
    network = quantise(
        graph, frames(8), normalisation=NORMALISATION, weight_bits=4, rounding="gptq"
    )
    pictures = frames(3, seed=9)
    expected = golden.run(network, pictures)
    for op in network.ops[:-1]:
        x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
        codes = integer_layer(op, [expected[name] for name in op.inputs], x, y)
        assert codes.dtype == expected[op.name].dtype
        np.testing.assert_array_equal(codes, expected[op.name])


def test_fewer_frames_where_memory_is_short(monkeypatch):
    graph = import_float(squeezenet(), "test")
    seen = []
    measured = layer_by_layer._measure

    def noting(op, real, codes, x, border):
        seen.append(codes)
        return measured(op, real, codes, x, border)

    def told(count):
        pictures = frames(count)
        network = quantise(graph, pictures, normalisation=NORMALISATION, rounding="gptq")
        return pictures, network.source["quantised"]

    monkeypatch.setattr(layer_by_layer, "_measure", noting)
    pictures, text = told(8)
    np.testing.assert_array_equal(seen[0], with_mirror_images(pictures))
    assert {len(codes) for codes in seen} == {16}
    assert text == "after training, on 8 frames"
    seen.clear()
    monkeypatch.setattr(layer_by_layer, "MEMORY", 21 * layer_by_layer._frame_bytes(graph))
    pictures, text = told(40)
    np.testing.assert_array_equal(seen[0], with_mirror_images(pictures[::4]))
    assert {len(codes) for codes in seen} == {20}
    assert text == "after training, on 40 frames, 10 of them for rounding weights"
    monkeypatch.setattr(layer_by_layer, "MEMORY", 0)
    assert told(3)[1] == "after training, on 3 frames, 1 of them for rounding weights"


def test_denormal_activations_have_a_scale_too():
    histogram = Histogram()
    histogram.add(np.linspace(0, 1e-40, 1000, dtype=np.float32))
    assert histogram.best_scale(255) == pytest.approx(1e-40 / 255, rel=0.01)
