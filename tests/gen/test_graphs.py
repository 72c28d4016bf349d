"""Networks of many shapes from ONNX through importer, quantiser, files and golden model."""

from dataclasses import replace

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.fbz import decode, encode
from gen.formats.onnx_qdq import import_qdq
from gen.formats.qdq_export import to_qdq
from gen.ir.check import check
from gen.ir.network import QuantizedNetwork, flatten
from gen.ir.network_file import load_network, save_network
from gen.ir.ops import AveragePool, Conv, FloatConv, MaxPool
from gen.ir.widths import Width
from gen.nodes.graph import Graph
from gen.nodes.outline import check_hardware
from gen.quantise.calibrate import float_logits, run_float
from gen.quantise.equalise import equalise
from gen.quantise.kinds import integer_layer
from gen.quantise.post_training import quantise
from gen.quantise.sensitivity import WIDTHS, choose_bits, measure, weight_memory
from sim import golden
from tests.graphs import (
    BUILDS,
    GRAPHS,
    NORMALISATION,
    float_graph,
    model,
    pictures,
    quantised,
)
from tests.networks import random_frames, with_op

NEW = {
    "fc_average",
    "average_pool",
    "padded_pool",
    "depthwise",
    "rectangular",
    "inception",
    "fc_head",
}
"""Networks that the file formats before the third cannot say."""


@pytest.fixture(params=BUILDS)
def name(request) -> str:
    return request.param


def frames_of(name: str, count: int = 24) -> np.ndarray:
    return pictures(BUILDS[name][1], count, seed=9)


def float_outputs(name: str, frames: np.ndarray) -> np.ndarray:
    return float_logits(float_graph(name).fold_input(NORMALISATION), frames)


def conv(network: QuantizedNetwork, name: str) -> Conv:
    found = network.op(name)
    assert isinstance(found, Conv)
    return found


def decibels(name: str, network) -> float:
    """Signal-to-noise ratio of the class sums."""
    frames = frames_of(name)
    expected = float_outputs(name, frames)
    got = golden.class_sums(network, frames) * network.output.scale
    return 10 * np.log10(np.square(expected).sum() / np.square(expected - got).sum())


def test_the_float_network_is_what_onnx_runtime_computes(name):
    reference = pytest.importorskip("sim.reference")
    frames = frames_of(name)
    expected = reference.logits(reference.session(model(name)), frames, NORMALISATION)
    got = float_outputs(name, frames)
    if name == "fc_global":
        got = np.exp(got) / np.exp(got).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


def test_integers_follow_the_float_network(name):
    assert decibels(name, GRAPHS[name]()) > 20


def test_every_tensor_is_used_well(name):
    network = GRAPHS[name]()
    for key, codes in golden.run(network, frames_of(name)).items():
        assert codes.std() > 3, key


def test_a_frame_is_simulated_quickly(name):
    assert 5_000 < GRAPHS[name]().macs < 80_000


def test_quantiser_and_golden_model_agree(name):
    network = GRAPHS[name]()
    tensors = golden.run(network, random_frames(network, 4, seed=2))
    for op in network.ops[:-1]:
        x, y = network.tensors[op.inputs[0]], network.tensors[op.name]
        codes = integer_layer(op, [tensors[source] for source in op.inputs], x, y)
        np.testing.assert_array_equal(codes, tensors[op.name], err_msg=op.name)
        assert codes.dtype == tensors[op.name].dtype


def test_files_keep_all_of_it(name, tmp_path):
    network = GRAPHS[name]()
    assert flatten(network)[0]["format"] == (3 if name in NEW else 1)
    save_network(network, tmp_path / "network.npz")
    for again in (load_network(tmp_path / "network.npz"), decode(encode(network))):
        assert again.digest == network.digest
        assert again.tensors == network.tensors


def test_qdq_is_the_same_network(name):
    network = GRAPHS[name]()
    again = import_qdq(to_qdq(network), name)
    assert [type(op) for op in again.ops] == [type(op) for op in network.ops]
    frames = random_frames(network, 6)
    np.testing.assert_array_equal(
        golden.class_sums(again, frames), golden.class_sums(network, frames)
    )


@pytest.mark.parametrize("optimise", [False, True])
def test_onnx_runtime_agrees_on_the_qdq_file(name, optimise):
    reference = pytest.importorskip("sim.reference")
    network, frames = GRAPHS[name](), frames_of(name, 40)
    runtime = reference.session(to_qdq(network), optimise=optimise)
    fed = np.ascontiguousarray(frames.transpose(0, 3, 1, 2))
    logits = runtime.run(None, {"image": fed})[0]
    away = np.abs(logits / network.output.scale - golden.class_sums(network, frames))
    # a code that lies on an edge may be rounded the other way, and others follow it
    assert (away > 0.01).any(axis=1).mean() <= 0.2
    assert away.max() < 8


def test_rounding_together(name):
    frames = frames_of(name, 16)
    eight, four = (
        quantise(
            float_graph(name),
            frames,
            normalisation=NORMALISATION,
            weight_bits=bits,
            rounding="gptq",
        )
        for bits in (8, 4)
    )
    assert decibels(name, eight) > 20
    assert decibels(name, eight) > decibels(name, four) > 3


def test_there_is_hardware(name):
    check_hardware(float_graph(name))
    network = GRAPHS[name]()
    assert set(Graph.of(network).nodes) == {op.name for op in network.ops}


# Layers in groups


def test_depthwise_layers_take_codebooks_and_shares_of_a_memory():
    graph, frames = float_graph("depthwise"), frames_of("depthwise", 16)
    folded = graph.fold_input(NORMALISATION)
    loss, cost = measure(folded, frames), weight_memory(folded, {})
    assert all(loss["block2_dw"][width] > 0 for width in WIDTHS)
    half = sum(table[Width(4)] for table in cost.values())
    bits = choose_bits(loss, cost, half)
    bits["block3_dw"] = Width(3, 5)
    network = quantise(
        graph, frames, normalisation=NORMALISATION, weight_bits=bits, rounding="gptq"
    )
    coded = conv(network, "block3_dw")
    assert (coded.code_bits, coded.weight_bits, coded.groups) == (3, 5, 8)
    assert decibels("depthwise", network) > 8


def test_a_depthwise_layer_that_reads_pixels_is_made_dense():
    graph = float_graph("depthwise")
    rng = np.random.default_rng(1)
    first = FloatConv(
        "colours", ("input",), rng.normal(0, 1, (3, 3, 3, 1)).astype(np.float32),
        np.zeros(3, np.float32), pad=(1, 1, 1, 1), groups=3,
    )  # fmt: skip
    second = graph.ops[0]
    assert isinstance(second, FloatConv)
    rest = (replace(second, inputs=("colours",)), *graph.ops[1:])
    graph = replace(graph, ops=(first, *rest))
    frames = frames_of("depthwise", 4)
    for order in ("RGB", "BGR"):
        normalisation = replace(NORMALISATION, channel_order=order)
        folded = graph.fold_input(normalisation)
        made = folded.ops[0]
        assert isinstance(made, FloatConv)
        assert made.weights.shape == (3, 3, 3, 3)
        own = frames if order == "RGB" else frames[..., ::-1]
        x = (own - np.array(NORMALISATION.mean)) / np.array(NORMALISATION.std)
        expected = np.zeros((*x.shape[:3], 3))
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        for dy in range(3):
            for dx in range(3):
                tap = padded[:, dy : dy + x.shape[1], dx : dx + x.shape[2]]
                expected += tap * first.weights[:, dy, dx, 0]
        network = quantise(graph, frames, normalisation=normalisation)
        tensor = network.tensors["colours"]
        got = golden.run(network, frames)["colours"] * tensor.scale
        assert np.abs(got - expected).max() < 3 * tensor.scale


def test_channels_that_depthwise_layers_read_or_ceilings_cut_keep_their_sizes():
    graph = float_graph("depthwise").fold_input(NORMALISATION)
    frames = frames_of("depthwise", 8)
    names = {op.name for op in graph.ops if isinstance(op, FloatConv)}
    assert equalise(graph, frames, names) is graph
    free = [replace(op, ceiling=None) if isinstance(op, FloatConv) else op for op in graph.ops]
    graph = replace(graph, ops=tuple(free))
    changed = equalise(graph, frames, names)
    before, after = ({op.name: y for op, y in run_float(g, frames)} for g in (graph, changed))
    moved = {key for key, y in before.items() if np.abs(y - after[key]).max() > 1e-3}
    assert moved == {"block2_dw", "block3_dw", "block3_pw"}
    np.testing.assert_allclose(after["sums"], before["sums"], rtol=1e-3, atol=1e-3)


# Ceilings


def test_a_ceiling_is_the_clamp():
    network = GRAPHS["depthwise"]()
    for op in network.convs[:-1]:
        scale = network.tensors[op.name].scale
        assert (op.low, op.high) == (0, min(255, round(6 / scale)))
    assert golden.run(network, frames_of("depthwise"))["conv1"].max() == 255
    graph = float_graph("depthwise")
    low = [
        replace(op, ceiling=0.5) if isinstance(op, FloatConv) and op.relu else op
        for op in graph.ops
    ]
    frames = frames_of("depthwise", 8)
    clamped = quantise(replace(graph, ops=tuple(low)), frames, normalisation=NORMALISATION)
    for op in clamped.convs[:-1]:
        assert op.high * clamped.tensors[op.name].scale == pytest.approx(0.5, rel=0.01)
    again = import_qdq(to_qdq(clamped), "again")
    assert [op.high for op in again.convs] == [op.high for op in clamped.convs]


def test_a_ceiling_below_the_scale_that_it_shares():
    network = GRAPHS["relu6_beside_relu"]()
    branch = conv(network, "six")
    assert branch.high == round(6 / network.tensors["cat"].scale) < 200
    codes = golden.run(network, frames_of("relu6_beside_relu"))
    assert codes["six"].max() == branch.high < codes["free"].max()
    assert conv(import_qdq(to_qdq(network), "again"), "six").high == branch.high


# Checks


@pytest.mark.parametrize(("name", "layer", "changes", "problem"), [
    ("depthwise", "block2_dw", {"groups": 1}, r"weights \(6, 3, 3, 1\) do not fit input"),
    ("depthwise", "block2_dw", {"groups": 3}, "3 groups for 6 channels to 6; only 1 or all"),
    ("depthwise", "block2_pw", {"groups": 6}, "6 groups for 6 channels to 8; only 1 or all"),
    ("depthwise", "block2_dw", {"pad_code": (0,)}, "pad_code must hold 6 codes"),
    ("rectangular", "row", {"pad": (0, 0, 0, 0)}, "row: shape"),
    ("padded_pool", "pool1", {"pad": (1, 1, 1, -1)}, r"padding \(1, 1, 1, -1\) is negative"),
    ("padded_pool", "pool1", {"pad": (3, 1, 1, 1)}, r"padding \(3, 1, 1, 1\) is not below its"),
    ("padded_pool", "pool1", {"pad": (1, 1, 1)}, r"pad is \(1, 1, 1\), not tuple"),
    ("padded_pool", "pool1", {"pad": (1, 1, 1, 1.5)}, "not tuple"),
    ("padded_pool", "pool1", {"ceil": True}, "in ceil mode; pad more at the bottom and right"),
    ("padded_pool", "pool1", {"pad": (1, 1, 1, 0)}, "pool1: shape"),
    ("plain_chain", "pool1", {"kernel": 1, "ceil": True}, "kernel 1 at stride 2 may miss the map"),
    ("average_pool", "pool1", {"multiplier": -1}, "needs a 16-bit multiplier, not -1"),
    ("average_pool", "pool1", {"multiplier": 65536}, "needs a 16-bit multiplier, not 65536"),
    ("average_pool", "pool1", {"multiplier": 1.0}, "multiplier is 1.0, not int"),
    ("average_pool", "pool1", {"shift": 0}, "shift 0 or clamp 0..255 out of range"),
    ("average_pool", "pool1", {"shift": 48}, "shift 48 or clamp 0..255 out of range"),
    ("average_pool", "pool1", {"high": 256}, "clamp 0..256 out of range for codes of 0..255"),
    ("average_pool", "pool1", {"low": 9, "high": 8}, "clamp 9..8 out of range"),
    ("average_pool", "pool1", {"kernel": 0}, "kernel 0 or stride 2 is not at least 1"),
    ("average_pool", "pool1", {"stride": 0}, "kernel 2 or stride 0 is not at least 1"),
    ("average_pool", "pool1", {"stride": 1}, "pool1: shape"),
    ("average_pool", "pool2", {"pad": (0, 0, 0, 0)}, "pool2: shape"),
    ("average_pool", "pool2", {"pad": (1, 1, 3, 1)}, "is not below its kernel's 3 pixels"),
    ("average_pool", "pool1", {"inputs": ("conv1", "conv1")}, "cannot read 2 tensors"),
])  # fmt: skip
def test_what_does_not_fit_is_named(name, layer, changes, problem):
    with pytest.raises(FirebrickError, match=problem):
        check(with_op(GRAPHS[name](), layer, **changes))


def test_the_ops_that_these_are_about_are_there():
    kinds = {type(op) for name in NEW for op in GRAPHS[name]().ops}
    assert {Conv, MaxPool, AveragePool} <= kinds
    assert all(isinstance(quantised(name).ops[0], Conv) for name in GRAPHS)
