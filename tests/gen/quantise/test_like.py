"""Networks quantised so that a board which is built for another one can be given them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import import_float
from gen.ir.envelope import in_envelope, with_envelope
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.ops import INPUT, Concat, FloatAdd, FloatAveragePool, FloatConv, FloatOp, GlobalSum
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Width
from gen.quantise.calibrate import float_logits
from gen.quantise.gptq import largest_code
from gen.quantise.matching import matched
from gen.quantise.post_training import CLIPPED, Rounding, quantise
from sim import golden
from tests.gen.onnx_models import frames, squeezenet

NORMALISATION = Normalisation(mean=(120.0, 110.0, 100.0), std=(60.0, 58.0, 62.0))
SEEN, PICTURES = frames(24, seed=5), frames(24)


def tuned(graph: FloatGraph, part: float = 0.03) -> FloatGraph:
    """The same layers with weights and biases a little different, as fine-tuning leaves them."""
    rng = np.random.default_rng(7)

    def changed(op: FloatOp) -> FloatOp:
        if not isinstance(op, FloatConv):
            return op
        weights = op.weights * rng.normal(1, part, op.weights.shape)
        bias = op.bias + rng.normal(0, part, op.bias.shape)
        return replace(op, weights=weights.astype(np.float32), bias=bias.astype(np.float32))

    return replace(graph, name="tuned", ops=tuple(changed(op) for op in graph.ops))


def with_layer(graph: FloatGraph, name: str, **fields: Any) -> FloatGraph:
    """The same with other fields of one layer."""
    ops = (replace(op, **fields) if op.name == name else op for op in graph.ops)
    return replace(graph, ops=tuple(ops))


def built(
    graph: FloatGraph,
    margin: int | None = 3,
    *,
    weight_bits: int | dict[str, int | Width] = 4,
    rounding: Rounding = "gptq",
) -> QuantizedNetwork:
    """What an updatable board is built for."""
    network = quantise(
        graph, SEEN, normalisation=NORMALISATION, weight_bits=weight_bits, rounding=rounding
    )
    return with_envelope(network, margin)


def made_like(
    graph: FloatGraph,
    build: QuantizedNetwork,
    *,
    normalisation: Normalisation = NORMALISATION,
    rounding: Rounding = "gptq",
) -> QuantizedNetwork:
    return quantise(graph, SEEN, like=build, normalisation=normalisation, rounding=rounding)


def decibels(network: QuantizedNetwork, graph: FloatGraph) -> float:
    """Signal-to-noise ratio of the class sums against the float network's."""
    expected = float_logits(graph.fold_input(NORMALISATION), PICTURES)
    got = golden.class_sums(network, PICTURES) * network.output.scale
    return float(10 * np.log10(np.square(expected).sum() / np.square(got - expected).sum()))


@pytest.fixture(scope="module")
def net() -> FloatGraph:
    return import_float(squeezenet(first_pad=1, last_relu=False), "net")


@pytest.fixture(scope="module")
def build(net) -> QuantizedNetwork:
    return built(net)


@pytest.mark.parametrize("rounding", ["nearest", "gptq"])
@pytest.mark.parametrize("bits", [4, 8])
def test_a_tuned_network_is_as_near_as_one_that_is_quantised_freely(net, rounding, bits):
    build = built(net, weight_bits=bits, rounding=rounding)
    other = tuned(net, 0.1)
    like = made_like(other, build, rounding=rounding)
    assert like.structure == build.structure
    assert like.digest != build.digest
    assert in_envelope(build, like).digest == like.digest
    assert {op.weight_bits for op in like.convs} == {bits}
    assert all(np.abs(op.weights).max() <= largest_code(bits) for op in like.convs)
    free = quantise(other, SEEN, normalisation=NORMALISATION, weight_bits=bits, rounding=rounding)
    assert decibels(like, other) > decibels(free, other) - 1.5
    assert decibels(like, other) > decibels(build, other) + 3


def test_the_network_that_a_board_is_built_for_becomes_itself(net, build):
    assert made_like(net, build).digest == build.digest


def test_another_network_brings_its_own_scales(build):
    other = import_float(squeezenet(first_pad=1, last_relu=False, seed=4), "other")
    other = with_layer(other, "conv10", weights=3 * other.ops[-2].weights)
    like = made_like(other, build)
    assert like.structure == build.structure
    assert like.output.scale > 1.5 * build.output.scale
    ratio = {like.tensors[n].scale / build.tensors[n].scale for n in ("pool1", "fire3_add")}
    assert len(ratio) == 2
    assert decibels(like, other) > 15


def test_names_of_layers_do_not_matter(net, build):
    def named(op: FloatOp) -> FloatOp:
        inputs = tuple(name if name == INPUT else f"net/{name}" for name in op.inputs)
        return replace(op, name=f"net/{op.name}", inputs=inputs)

    other = replace(net, ops=tuple(named(op) for op in net.ops))
    assert made_like(other, build).digest == build.digest


def test_a_pool_that_leaves_nothing_over_may_round_either_way(net):
    build = built(with_layer(net, "pool1", ceil=False))
    assert net.shapes()["pool1"] == build.tensors["pool1"].shape
    like = made_like(net, build)
    assert (like.op("pool1"), like.structure) == (build.op("pool1"), build.structure)


def test_what_a_fixed_shift_cuts_off_is_told(net):
    """A weight of a channel that is always zero: it matters nothing, but for the scale."""
    weights, bias = net.ops[0].weights.copy(), net.ops[0].bias.copy()
    weights[3], bias[3] = 0, 0
    net = with_layer(net, "conv1", weights=weights, bias=bias)
    build = built(net, weight_bits=8, rounding="nearest")
    weights = net.ops[2].weights.copy()
    weights[1, 0, 0, 3] = 100
    like = made_like(with_layer(net, "fire2_squeeze", weights=weights), build, rounding="nearest")
    assert like.structure == build.structure
    assert like.convs[1].multiplier[1] > 65_400
    assert like.source[CLIPPED].startswith("1 weights of 1 channels, most in fire2_squeeze, ")
    assert decibels(like, net) > decibels(build, net) - 6
    assert CLIPPED not in made_like(net, build, rounding="nearest").source


def test_every_layer_without_room_is_named(net, build):
    tight = built(net, margin=0)
    other = with_layer(tuned(net, 0.5), "conv10", bias=net.ops[-2].bias * 1000)
    with pytest.raises(FirebrickError) as caught:
        made_like(other, tight)
    message = str(caught.value)
    assert "'tuned' does not fit a board that is built for 'net'" in message
    reasons = message.partition("built for 'net': ")[2].split("; ")
    named = {reason.split(":")[0] for reason in reasons if " bits, " in reason}
    assert len(named) > 1


def ladder(**changes: Any) -> FloatGraph:
    """A depthwise layer, a ceiling, and a sum and an average pool whose scales go together."""
    rng = np.random.default_rng(3)

    def conv(name: str, x: str, cin: int, cout: int, **fields: Any) -> FloatConv:
        weights = rng.normal(0, 1.2 / np.sqrt(9 * cin), (cout, 3, 3, cin)).astype(np.float32)
        bias = rng.normal(0, 0.3, cout).astype(np.float32)
        given: dict[str, Any] = {"relu": True, "pad": (1, 1, 1, 1)} | fields
        return FloatConv(name, (x,), weights, bias, **given)

    ops: list[FloatOp] = [
        conv("first", INPUT, 3, 8, stride=2, pad=(0, 0, 0, 0)),
        conv("apart", "first", 1, 8, groups=8),
        conv("left", "apart", 8, 8, relu=False),
        FloatAdd("sum", ("left", "first"), relu=True),
        FloatAveragePool("pool", ("sum",), 2, 2),
        conv("cut", "pool", 8, 6, ceiling=1.0),
        conv("right", "pool", 8, 6),
        Concat("both", ("cut", "right")),
        conv("last", "both", 12, 5, relu=False),
        GlobalSum("sums", ("last",)),
    ]
    graph = FloatGraph("ladder", (25, 21, 3), tuple(ops))
    for name, fields in changes.items():
        graph = with_layer(graph, name, **fields)
    return graph


@pytest.mark.parametrize("rounding", ["nearest", "gptq"])
def test_sums_pools_and_ceilings_keep_the_hardware_they_have(rounding):
    build = built(ladder(), weight_bits=8, rounding=rounding)
    assert build.op("cut").high < 255
    other = tuned(ladder(first={"weights": 2 * ladder().ops[0].weights}), 0.02)
    like = made_like(other, build, rounding=rounding)
    assert like.structure == build.structure
    for name in ("sum", "pool"):
        assert like.op(name) == build.op(name)
    of = {name: like.tensors[name].scale / build.tensors[name].scale for name in build.tensors}
    assert of["first"] == of["left"] == of["sum"] == of["pool"] > 1.2
    assert of["cut"] == of["right"] == of["both"] == 1
    assert decibels(like, other) > 25


def test_a_network_may_be_cut_off_at_another_value():
    build = built(ladder(), weight_bits=8)
    other = ladder(cut={"ceiling": 1.5})
    like = made_like(other, build)
    codes = like.op("cut").high
    assert like.structure == build.structure
    assert like.tensors["cut"].scale * codes == pytest.approx(1.5)


def test_codes_of_zero_other_than_0_are_the_builds(net):
    plain = built(ladder(), None, weight_bits=8)
    moved = {"left", "last"}
    tensors = {
        name: replace(tensor, signed=False, zero=128) if name in moved else tensor
        for name, tensor in plain.tensors.items()
    }
    height, width, _ = plain.tensors["last"].shape
    tensors["sums"] = replace(plain.tensors["sums"], zero=128 * height * width)

    def centred(op):
        if op.name in moved:
            return replace(op, low=0, high=255)
        return op.centred((128, 0), 0) if op.name == "sum" else op

    build = replace(plain, tensors=tensors, ops=tuple(centred(op) for op in plain.ops))
    other = tuned(ladder())
    for rounding in ("nearest", "gptq"):
        like = made_like(other, build, rounding=rounding)
        assert like.structure == build.structure
        expected = float_logits(other.fold_input(NORMALISATION), PICTURES)
        got = (golden.class_sums(like, PICTURES) - like.output.zero) * like.output.scale
        assert np.square(got - expected).sum() < np.square(expected).sum() / 200


@pytest.mark.parametrize(
    ("layer", "fields", "message"),
    [
        ("conv1", {"stride": 1}, "layer 1, conv1: has stride 1, the board's 2"),
        ("conv1", {"pad": (1, 1, 0, 0)}, r"has pad \(1, 1, 0, 0\), the board's \(1, 1, 1, 1\)"),
        ("fire2_squeeze", {"inputs": ("conv1",)}, "has inputs conv1, the board's pool1"),
        ("pool1", {"kernel": 2}, "layer 2, pool1: has kernel 2, the board's 3"),
        ("pool3", {"ceil": False}, "pool3: gives maps of 2x2x12, the board's of 3x2x12"),
        ("conv10", {"relu": True}, "conv10: has a ReLU, and the board's has none"),
        ("fire2_squeeze", {"relu": False}, "fire2_squeeze: has no ReLU, and the board's has one"),
        (
            "conv1",
            {"weights": np.ones((8, 5, 3, 3), np.float32)},
            r"conv1: has a kernel of \(5, 3\)",
        ),
        ("conv10", {"weights": np.ones((9, 1, 1, 12), np.float32)}, "has output channels 9, .* 7"),
    ],
)
def test_another_layer_is_named(net, build, layer, fields, message):
    with pytest.raises(FirebrickError, match=message) as caught:
        made_like(with_layer(net, layer, **fields), build)
    assert str(caught.value).startswith("network 'net' does not fit a board that is built for")


def test_another_network_is_refused_where_it_first_differs(net, build):
    given: dict[str, Any] = {"first_pad": 1, "last_relu": False}
    plain = import_float(squeezenet(bypass=False, **given), "plain")
    with pytest.raises(FirebrickError, match="layer 11, pool3: is MaxPool, the board's Add"):
        made_like(plain, build)
    small = replace(net, input_shape=(21, 25, 3))
    with pytest.raises(FirebrickError, match="its input is 21x25x3, the board's 25x21x3"):
        matched(small, build)
    longer = replace(build, ops=(*build.ops, build.ops[-1]))
    with pytest.raises(FirebrickError, match="it has 14 layers, the board 15"):
        made_like(net, longer)


def test_ceilings_of_one_scale_must_be_the_boards():
    build = built(ladder(), weight_bits=8)
    high = build.op("cut").high
    other = ladder(right={"ceiling": 1.0})
    with pytest.raises(
        FirebrickError, match=rf"right: is cut at 1, its code {high}, and .* at 255"
    ):
        made_like(other, build)


def test_padding_with_another_mean_is_refused(net, build):
    near = replace(NORMALISATION, mean=(121.0, 111.0, 99.0))
    assert made_like(net, build, normalisation=near).structure == build.structure
    other = replace(NORMALISATION, mean=(128.0, 128.0, 128.0))
    with pytest.raises(FirebrickError, match=r"conv1: pads with the codes 128, .* 120, 110, 100, "):
        made_like(net, build, normalisation=other)
    bare = import_float(squeezenet(), "bare")
    like = made_like(bare, built(bare), normalisation=other)
    assert like.structure == built(bare).structure


def test_codebooks_are_refused(net):
    coded = built(net, weight_bits={"conv10": Width(3, 5)})
    with pytest.raises(FirebrickError, match="conv10: the board's has a codebook"):
        made_like(net, coded)


def test_shared_weights_are_refused(net, build):
    with pytest.raises(FirebrickError, match="stay shared"):
        made_like(net, build, rounding="shared")


def test_a_board_that_keeps_its_weights_is_refused(net):
    fixed = quantise(net, SEEN[:2], normalisation=NORMALISATION)
    with pytest.raises(FirebrickError, match="generate it again"):
        made_like(net, fixed)
