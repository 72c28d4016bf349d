"""Arrays of multiply-accumulate units, cycle by cycle against their integer model."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.arith import dsp48
from hw.arith.mac import MacArray, MacConfig, rows_per_multiplier
from tests.harness.cycles import packed, run, unpacked
from tests.harness.waves import diagram, documented, trace

pytestmark = pytest.mark.usefixtures("behavioural_models")

KINDS = ("dsp48e1", "mult18x18d", "lut")
BITS = range(2, 9)
SHAPES = (unsigned(8), signed(8))
LENGTHS = (1, 1, 1, 4, 1, 2, 5)
"""Words of the windows that a test plays one after another."""
ARRAYS = [(1, 1), (2, 1), (3, 2), (4, 3), (1, 4), (5, 5), (2, 9)]
"""Rows and activations; an array for each number of bits."""


def limits(shape):
    return (-128, 127) if shape.signed else (0, 255)


def operands(config, shape, lengths, seed):
    """Windows of weights (words, pe, simd) and of activations side by side, corners first."""
    rng = np.random.default_rng(seed)
    top = (1 << config.weight_bits - 1) - 1
    lowest, (small, large) = -top - (not config.symmetric), limits(shape)
    corners = [(lowest, large), (lowest, small), (top, large), (top, small), (0, large)]
    corners += [(-1, 1), (1, large)]
    for weight, x in corners:
        for words in (1, 3):
            activations = np.full((words, config.activations), x)
            yield np.full((words, config.pe, config.simd), weight), activations
    for words in lengths:
        yield (
            rng.integers(lowest, top + 1, (words, config.pe, config.simd)),
            rng.integers(small, large + 1, (words, config.activations)),
        )


def play(config, shape, windows, pauses=0.0, seed=0):
    """Run an array over windows: for each cycle with sums (cycle, sums, uppers), and the ends."""
    unit, rng = MacArray(config, shape), np.random.default_rng(seed)
    weight_bits, all_weights = config.weight_bits, config.pe * config.simd * config.weight_bits
    ports = unit.i_x.as_value(), unit.i_valid, unit.i_first, unit.i_last
    inputs: list[list[tuple]] = [[] for _ in range(config.weights_delay)]
    ends = []

    def step(weights, *values):
        inputs.append([(unit.i_weights, weights)])
        inputs[-1 - config.weights_delay] += zip(ports, values, strict=True)

    for weights, x in windows:
        for at in range(len(x)):
            while rng.random() < pauses:
                # Of a pause only the activations are promised.
                noise = int.from_bytes(rng.bytes(-(-all_weights // 8)), "little")
                step(noise & (1 << all_weights) - 1, 0, 0, *rng.integers(0, 2, 2).tolist())
            first, last = int(at == 0), int(at == len(x) - 1)
            step(packed(weights[at].ravel(), weight_bits), packed(x[at], 8), 1, first, last)
        ends.append(len(inputs) - 1 - config.weights_delay)
    for _ in range(config.latency + 4):
        step(0, 0, 0, 0, 0)

    outputs = [unit.o_done, unit.o_sums.as_value()]
    if config.overlap:
        outputs.append(unit.o_uppers.as_value())
    count, found = config.groups * config.parts, []
    for cycle, (done, sums, *uppers) in enumerate(run(unit, inputs, outputs)):
        if done:
            upper = unpacked(uppers[0], config.overlap, count, signed=False) if uppers else []
            found.append((cycle, unpacked(sums, config.raw_bits, count), upper))
    return found, ends


def check(config, shape, windows, **options):
    """An array's sums are the model's, in the cycles that its latency says and in no other."""
    found, ends = play(config, shape, windows, **options)
    assert [cycle for cycle, _, _ in found] == [end + config.latency for end in ends]
    for (weights, x), (_, sums, uppers) in zip(windows, found, strict=True):
        expected, expected_uppers = config.model(weights, x)
        assert sums == expected.tolist()
        if config.overlap:
            assert uppers == expected_uppers.tolist()


@pytest.mark.parametrize("shape", SHAPES, ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("kind", KINDS)
def test_sums_and_when_they_come(kind, bits, shape):
    pe, simd = ARRAYS[bits - 2]
    # The DSP blocks' accumulators only add up a part of a row's sum.
    accumulator = 20 if kind == "dsp48e1" else 22
    config = MacConfig(kind, pe, simd, bits, accumulator, symmetric=bits % 2 == 0)
    windows = list(operands(config, shape, LENGTHS, bits))
    check(config, shape, windows)
    check(config, shape, windows, pauses=0.4, seed=bits)


@pytest.mark.parametrize("simd", range(1, 10))
@pytest.mark.parametrize("kind", ["mult18x18d", "lut"])
def test_chains_and_trees_of_any_number_of_columns(kind, simd):
    config = MacConfig(kind, 2, simd, 3, 18, symmetric=False)
    check(config, unsigned(8), list(operands(config, unsigned(8), (1, 2, 1), simd)))


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("bits", BITS)
def test_two_rows_a_small_multiplier(bits, symmetric):
    config = MacConfig("mult18x18d", 3, 1, bits, 20, symmetric)
    assert config.rows_per_multiplier == (2 if bits <= (5 if symmetric else 4) else 1)
    assert config.rows_per_sum == 1
    check(config, unsigned(8), list(operands(config, unsigned(8), (1, 3), bits)))


@pytest.mark.parametrize("bits", [2, 5, 8])
@pytest.mark.parametrize("kind", KINDS)
def test_depthwise_rows_have_activations_of_their_own(kind, bits):
    shape = signed(8) if bits == 5 else unsigned(8)
    config = MacConfig(kind, 3, 1, bits, 20, symmetric=False, depthwise=True)
    assert (config.multipliers, config.groups, config.overlap) == (3, 3, 0)
    windows = list(operands(config, shape, LENGTHS, bits))
    check(config, shape, windows)
    check(config, shape, windows, pauses=0.4, seed=bits)
    with pytest.raises(ValueError, match="one activation, not 2"):
        replace(config, simd=2)


def window_of(target, low, top, largest):
    """Weights and activations of a row whose sum is ``target``, greedily."""
    weights, x = [], []
    weight = top if target > 0 else low
    while abs(target) >= abs(weight):
        x.append(min(largest, abs(target) // abs(weight)))
        weights.append(weight)
        target -= weight * x[-1]
    return [*weights, target], [*x, 1]


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("overlap", range(dsp48.MOST_OVERLAP + 1))
@pytest.mark.parametrize("bits", [7, 8])
def test_packed_rows_at_both_borders_of_their_sums(bits, overlap, symmetric):
    top = (1 << bits - 1) - 1
    low = -top - (not symmetric)
    accumulator = dsp48.packing_offset(bits, symmetric) + overlap
    config = MacConfig("dsp48e1", 2, 1, bits, accumulator, symmetric)
    assert (config.rows_per_sum, config.overlap) == (2, overlap)
    half, windows = 1 << accumulator - 1, []
    for target in (-half, half - 1):
        weights, x = window_of(target, low, top, 255)
        opposite = top if target < 0 else -top
        for other in (weights, *([value] * len(x[1:]) + [0] for value in (0, -1, 1, opposite))):
            for rows in ((weights, other), (other, weights)):
                windows.append((np.array(rows).T[:, :, None], np.array(x)[:, None]))
                assert target in windows[-1][0][:, :, 0].T @ x
    check(config, unsigned(8), windows)


@pytest.mark.parametrize("bits", BITS)
def test_rows_that_reach_further_are_not_packed(bits):
    for symmetric in (True, False):
        most = dsp48.packing_offset(bits, symmetric) + dsp48.MOST_OVERLAP
        most = min(most, dsp48.P_BITS - dsp48.packing_offset(bits, symmetric))
        assert rows_per_multiplier("dsp48e1", bits, most, symmetric) == 2
        assert rows_per_multiplier("dsp48e1", bits, most + 1, symmetric) == 1
        config = MacConfig("dsp48e1", 3, 2, bits, most, symmetric)
        assert (config.groups, config.multipliers, config.raw_bits) == (2, 4, most + config.offset)
        assert config.raw_bits <= dsp48.P_BITS
        alone = replace(config, accumulator_bits=most + 1)
        assert (alone.groups, alone.multipliers, alone.overlap) == (3, 6, 0)
        assert alone.raw_bits == most + 1
    check(alone, signed(8), list(operands(alone, signed(8), (1, 2), bits)))


def test_rows_without_a_partner_and_rows_of_several_parts():
    for pe, simd in ((1, 3), (3, 3), (5, 1), (4, 2)):
        config = MacConfig("dsp48e1", pe, simd, 8, 19, symmetric=True)
        assert config.overlap == 2
        check(config, signed(8), list(operands(config, signed(8), LENGTHS, pe)), pauses=0.2)


def test_latency_names_every_register():
    config = MacConfig("dsp48e1", 2, 3, 8, 20, symmetric=True)
    assert config.registers == {"A, D and the first B": 1, "AD and the second B": 1, "M": 1, "P": 1}
    trees = [replace(config, kind="mult18x18d", simd=simd).latency for simd in (1, 2, 3, 4, 5)]
    assert trees == [7, 8, 9, 9, 10]
    chains = [replace(config, kind="lut", simd=simd).latency for simd in (1, 2, 4, 5, 8, 9)]
    assert chains == [6, 10, 18, 15, 19, 16]


def test_the_timing_diagram_is_what_happens(tmp_path):
    unit = MacArray(MacConfig("dsp48e1", 1, 1, 4, 20, symmetric=True), unsigned(8))
    ports = unit.i_valid, unit.i_first, unit.i_last, unit.i_weights, unit.i_x[0]
    words = [(1, 1, 0, 2, 10), (1, 0, 1, 3, 20), (0, 0, 0, 0, 0), (1, 1, 1, 5, 7)]
    steps = [*words, *[(0, 0, 0, 0, 0)] * (unit.config.latency + 1)]
    waves = trace(unit, [list(zip(ports, step, strict=True)) for step in steps], tmp_path)
    shown = {name: waves[name] for name in ("i_valid", "i_first", "i_last", "i_weights", "i_x")}
    shown |= {"AD": waves["dsp0_0.model.ad"], "M": waves["dsp0_0.model.product"]}
    text = diagram(shown | {"P": waves["o_sums[0]"], "o_done": waves["o_done"]})
    assert documented(MacArray, text), text
