"""The convolution engine against golden and own model, in all shapes of kernel and folding."""

from dataclasses import dataclass, field, replace
from math import gcd

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from gen.nodes.conv import conv_integers
from hw.arith.mac import MultiplierKind
from hw.layers.concat import Concat
from hw.layers.conv import ConvEngine, chain
from hw.layers.folding import EnginePlan
from hw.stream.fifo import MemoryKind, StreamFifo
from hw.stream.lane_stream import lane_stream
from protocol.contents.layout import ConvLayout
from sim import golden
from tests.harness import bench_group
from tests.hw.layers.convolutions import frames_for, random_conv, roomy_pixels
from tests.hw.loaded import Loaded, load_words
from tests.networks import conv_network, other_contents, random_frames, updatable


@dataclass(frozen=True)
class Case:
    pe: int
    simd: int
    lanes: int
    i_lanes: int = 1
    memory: MemoryKind = "block"
    multiplier: MultiplierKind = "dsp48e1"
    network: dict = field(default_factory=dict)

    @property
    def codes(self) -> int | None:
        """Bits of a code, with a codebook."""
        return self.network.get("code_bits")


CASES = {
    "3x3 padded": Case(4, 3, 2, 3, network={"pad": 1, "channels": 8}),
    "remainder fold": Case(4, 1, 2, network={"channels": 10}),
    "remainder chunk": Case(6, 2, 3, network={"channels": 6, "pad": (1, 0, 0, 1)}),
    "stride 2": Case(8, 1, 4, memory="lut", network={"stride": 2, "pad": 1, "channels": 8}),
    "7x7 stride 2": Case(
        5, 3, 1, 3, network={"kernel": 7, "stride": 2, "shape": (13, 12, 3), "channels": 5}
    ),
    "1x1, one cycle a pixel": Case(6, 3, 6, 3, network={"kernel": 1}),
    "1x1 padded": Case(3, 1, 1, network={"kernel": 1, "pad": 1}),
    "signed output": Case(2, 3, 1, 3, network={"signed": True}),
    "4 bits": Case(6, 3, 2, 3, multiplier="lut", network={"weight_bits": 4}),
    "3-bit codes": Case(
        4, 2, 2, memory="lut", network={"weight_bits": 5, "code_bits": 3, "channels": 8}
    ),
    "4-bit codes": Case(3, 3, 1, 3, multiplier="lut", network={"weight_bits": 8, "code_bits": 4}),
    "2 bits": Case(3, 3, 1, 3, multiplier="mult18x18d", network={"weight_bits": 2}),
}


def integers_of(case):
    network = conv_network(3, **case.network)
    conv = network.convs[0]
    return network, conv_integers(conv, network.input, network.tensors[conv.name])


def roomy(conv, pe, simd, lanes, multiplier="lut", memory="lut"):
    """A plan in which frames follow one another without a bubble."""
    plan = EnginePlan(pe, simd, lanes, multiplier, memory, "lut", window_pixels=1)
    return replace(plan, window_pixels=roomy_pixels(conv.geometry(plan)))


def plan_of(case, conv):
    return roomy(conv, case.pe, case.simd, case.lanes, case.multiplier, case.memory)


def make(case):
    _, conv = integers_of(case)
    return ConvEngine(conv, plan_of(case, conv), case.i_lanes)


engines = bench_group(lambda name: make(CASES[name]), CASES)


@pytest.mark.parametrize("name", CASES)
def test_engine_equals_golden_model(name, engines):
    case, bench = CASES[name], engines[name]
    network, integers = integers_of(case)
    frames = random_frames(network, 3)
    expected = golden.run(network, frames)[network.convs[0].name]
    assert np.array_equal([integers.model(frame) for frame in frames], expected)
    for seed, stalls in enumerate((0.4, {"o": 0.8})):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})

    height, width, _ = network.input.shape
    geometry = integers.geometry(plan_of(case, integers))
    compute = geometry.rows * geometry.columns * geometry.folds * geometry.words
    writes = geometry.height * geometry.width * geometry.chunks
    assert result.period("o") == max(compute, writes, height * width * 3 // case.i_lanes)


LOADED = ("3x3 padded", "remainder fold", "3-bit codes", "4 bits", "1x1, one cycle a pixel")


def rewritten(name):
    """A case's network with room for other contents, its integers, and another of its structure."""
    network, _ = integers_of(CASES[name])
    built = updatable(network)
    conv = built.convs[0]
    return (
        built,
        conv_integers(conv, built.input, built.tensors[conv.name]),
        other_contents(built, 5),
    )


def images(name):
    """What the other network's memories hold."""
    case, (_, integers, other) = CASES[name], rewritten(name)
    decoded = len(integers.codebook) < 1 << integers.weight_bits if case.codes else False
    bits = case.codes if decoded else integers.weight_bits
    layout = ConvLayout("conv", case.pe, case.simd, case.lanes, bits, decoded, integers.bias_bits)
    return layout.images(other.convs[0])


def make_loaded(name):
    case, (_, integers, _) = CASES[name], rewritten(name)
    engine = ConvEngine(integers, plan_of(case, integers), case.i_lanes)
    return Loaded(engine, len(load_words(images(name))))


loaded = bench_group(make_loaded, LOADED)


@pytest.mark.parametrize("name", LOADED)
def test_contents_that_were_written_are_what_an_engine_computes_with(name, loaded):
    built, _, other = rewritten(name)
    frames = random_frames(built, 3)
    expected = golden.run(other, frames)[other.convs[0].name]
    assert not np.array_equal(expected, golden.run(built, frames)[other.convs[0].name])
    words = np.array(load_words(images(name)), dtype=object)
    for stalls in ({"load": 0.4}, {"o": 0.6}):
        loaded[name].run({"load": [words], "i": frames}, {"o": expected}, stalls=stalls)


TAPPED: dict[str, tuple] = {  # convolution; pe, simd and lanes; tap
    "1x3": (((5, 6), (8, 1, 3, 3), {"pad": (0, 1, 0, 1)}), (4, 3, 2), (0, 1)),
    "3x1, stride 2, remainder chunk": (
        ((6, 6), (6, 3, 1, 6), {"stride": 2, "pad": (0, 0, 1, 0), "signed_input": True}),
        (2, 4, 2),
        (0, 0),
    ),
    "5x5": (((6, 5), (4, 5, 5, 2), {"pad": (2, 2, 2, 2), "pad_code": 9}), (4, 1, 1), (4, 3)),
    "the whole map": (((4, 3), (10, 4, 3, 2), {"signed_output": True}), (5, 2, 1), None),
}


def make_tapped(name):
    (size, weights, options), (pe, simd, lanes), tap = TAPPED[name]
    conv = random_conv(size, weights, **options)
    return ConvEngine(conv, roomy(conv, pe, simd, lanes), gcd(conv.channels[0], simd), tap)


tapped = bench_group(make_tapped, TAPPED)


@pytest.mark.parametrize("name", TAPPED)
def test_kernels_of_any_shape_and_their_taps(name, tapped):
    (size, weights, options), (pe, simd, lanes), tap = TAPPED[name]
    bench, conv = tapped[name], random_conv(size, weights, **options)
    geometry = conv.geometry(roomy(conv, pe, simd, lanes))
    frames = frames_for(conv, 4)
    expected = {"o": [conv.model(frame) for frame in frames]}
    if tap is not None:
        expected["o_tap"] = [tap_words(conv, geometry, simd, frame, tap) for frame in frames]
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"o_tap": 0.9})):
        bench.run({"i": frames}, expected, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, expected)
    compute = geometry.rows * geometry.columns * geometry.folds * geometry.words
    assert result.period("o") == max(compute, frames[0].size // gcd(conv.channels[0], simd))


def tap_words(conv, geometry, simd, frame, tap):
    """A tap of all windows, with zeros in the spare channels of the last word."""
    top, left, bottom, right = conv.pad
    padded = np.pad(frame, ((top, bottom), (left, right), (0, 0)), constant_values=conv.pad_code[0])
    spare = -frame.shape[2] % simd
    words = np.pad(padded, ((0, 0), (0, 0), (0, spare)))
    return geometry.tap_model(words.reshape(*padded.shape[:2], geometry.chunks, -1), tap)


class Reconvergence(wiring.Component):
    """A kernel and a 1x1 on its tap, joined behind queues of two pixels each."""

    def __init__(self, large, large_plan, one, one_plan):
        self.large, self.one = (large, large_plan), (one, one_plan)
        super().__init__(
            {"i": In(lane_stream(1, large.i_shape)), "o": Out(lane_stream(1, one.o_shape))}
        )

    def elaborate(self, platform):
        m = Module()
        (large, large_plan), (one, one_plan) = self.large, self.one
        m.submodules.large = engine = ConvEngine(large, large_plan, 1, tap=large.pad[:2])
        m.submodules.one = other = ConvEngine(one, one_plan, large_plan.simd)
        parts = [conv.channels[1] for conv in (one, large)]
        queues = [StreamFifo(data.ArrayLayout(one.o_shape, 1), 2 * part) for part in parts]
        m.submodules += queues
        m.submodules.concat = concat = Concat(parts, 1, one.o_shape)
        wiring.connect(m, wiring.flipped(self.i), engine.i)
        wiring.connect(m, chain(m, engine.o_tap, other, queues[0]), concat.i0)
        wiring.connect(m, chain(m, engine.o, queues[1]), concat.i1)
        wiring.connect(m, concat.o, wiring.flipped(self.o))
        return m


LARGE = random_conv((8, 8), (4, 3, 3, 5), stride=2, pad=(0, 0, 1, 1))
ONE = random_conv((8, 8), (6, 1, 1, 5), stride=2, seed=2)
BRANCHES = [(4, 1), (1, 2)]  # pe of each


def make_branches(large_pe, one_pe):
    plan = EnginePlan(large_pe, 3, 1, "lut", "lut", "lut", window_pixels=21)
    one_plan = EnginePlan(one_pe, 3, 1, "lut", "lut", "lut", window_pixels=4)
    on_taps = replace(ONE.widened(plan.simd), size=(4, 4), stride=1)
    return Reconvergence(LARGE, plan, on_taps, one_plan)


branches = bench_group(make_branches, BRANCHES)


@pytest.mark.parametrize("pes", BRANCHES, ids=str)
def test_branches_on_one_window_memory_never_wait_for_each_other_forever(pes, branches):
    bench, frames = branches[pes], frames_for(LARGE, 4)
    expected = [Concat.model(ONE.model(frame), LARGE.model(frame)) for frame in frames]
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"i": 0.8}, 0.0)):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)


def test_refuses_what_it_cannot_compute():
    plan = EnginePlan(2, 1, 1, "lut", "lut", "lut", window_pixels=20)
    with pytest.raises(ValueError, match="in 2 groups needs an engine for each"):
        ConvEngine(random_conv((5, 5), (4, 3, 3, 2), groups=2), plan, 1)
    with pytest.raises(ValueError, match=r"3 x 1 has no tap \(0, 1\)"):
        ConvEngine(random_conv((5, 5), (4, 3, 1, 2)), plan, 1, tap=(0, 1)).elaborate(None)
