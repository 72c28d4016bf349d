"""Sums on their way out, cycle by cycle against the rows that they were made of."""

import numpy as np
import pytest

from hw.arith import dsp48
from hw.arith.mac import MacConfig
from hw.arith.sum_serialiser import SumSerialiser
from tests.harness.cycles import packed, run, unpacked
from tests.harness.waves import diagram, documented, trace

pytestmark = pytest.mark.usefixtures("behavioural_models")

# pe, simd, lanes
ARRAYS = [
    (1, 1, 1),
    (2, 1, 1),  # lower and upper row in turn
    (2, 3, 2),  # a transfer a window
    (3, 2, 1),  # the last row without a partner
    (4, 9, 2),
    (6, 4, 3),  # an odd number of lanes: each of them has lower and upper rows
    (5, 1, 5),
    (9, 5, 3),
    (12, 2, 4),
]
OVERLAPS = range(-2, dsp48.MOST_OVERLAP + 2)
"""Of sums with weights of 8 bits: two bits to spare, up to one too many."""


def config_of(kind, array, overlap, symmetric=True):
    pe, simd, _ = array
    accumulator = dsp48.packing_offset(8, symmetric) + overlap
    return MacConfig(kind, pe, simd, 8, accumulator, symmetric)


def raw_sums(config, rows, rng):
    """Raw sums and upper rows' ones whose parts add up to the sums of rows."""
    limit = (1 << config.accumulator_bits - 1) // config.parts
    parts = rng.integers(-limit // 2, limit // 2, (config.pe, config.parts))
    excess = rows - parts.sum(axis=1)
    parts += excess[:, None] // config.parts
    parts[:, 0] += rows - parts.sum(axis=1)
    if config.rows_per_sum == 1:
        return parts.ravel(), np.zeros(parts.size, int)
    pairs = np.zeros((2 * config.groups, config.parts), dtype=np.int64)
    pairs[: config.pe] = parts
    lower, upper = pairs[::2].ravel(), pairs[1::2].ravel()
    raw = dsp48.wrapped(dsp48.packed_model(lower, upper, config.offset), config.raw_bits)
    return raw, upper % (1 << config.overlap)


def windows_of(config, steps, rng):
    """Sums of rows, corners first, and how many transfers of them count."""
    half = 1 << config.accumulator_bits - 1
    corners = [-half, half - 1, -1, 0, 1 - half]
    for lower in corners:
        for upper in corners:
            yield np.resize([lower, upper], config.pe), steps
    for number in range(20):
        low = -half >> number % 4 * 3
        yield rng.integers(low, -low, config.pe), int(rng.integers(1, steps + 1))


def check(config, lanes, seed=0):
    """Transfers come in order, in the cycles that the latency says and in no other."""
    unit, rng = SumSerialiser(config, lanes), np.random.default_rng(seed)
    steps, latency = config.pe // lanes, SumSerialiser.latency(config)
    sums_bits, upper_bits = config.raw_bits, config.overlap
    count_of = config.groups * config.parts
    inputs, expected = [], []

    def step(done, sums, uppers, count):
        pairs = [(unit.i_done, -done % (1 << config.done_copies)), (unit.i_count, count)]
        pairs.append((unit.i_sums.as_value(), packed(sums, sums_bits)))
        if upper_bits:
            pairs.append((unit.i_uppers.as_value(), packed(uppers, upper_bits)))
        inputs.append(pairs)

    for number, (rows, count) in enumerate(windows_of(config, steps, rng)):
        sums, uppers = raw_sums(config, rows, rng)
        np.testing.assert_array_equal(unit.model(config, sums, uppers), rows)
        transfers = rows[: count * lanes].reshape(count, lanes)
        start = len(inputs) + latency
        expected += [(start + at, transfer.tolist()) for at, transfer in enumerate(transfers)]
        step(1, sums, uppers, count)
        # The next window is as close as it may be, or some cycles later.
        for _ in range(steps - 1 + (number % 3 == 2) * number % 5):
            noise = rng.integers(-100, 100, (2, count_of))
            step(0, noise[0], noise[1], int(rng.integers(0, steps + 1)))
    for _ in range(latency + steps):
        step(0, [], [], 0)
    outputs = run(unit, inputs, [unit.o_push, unit.o_payload.as_value()])
    found = [
        (cycle, unpacked(payload, config.accumulator_bits, lanes))
        for cycle, (push, payload) in enumerate(outputs)
        if push
    ]
    assert found == expected


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize("array", ARRAYS)
def test_rows_that_share_sums(array, overlap):
    config = config_of("dsp48e1", array, overlap)
    assert config.rows_per_sum == (2 if overlap <= dsp48.MOST_OVERLAP else 1)
    check(config, array[2], seed=overlap + 2)


@pytest.mark.parametrize("kind", ["lut", "mult18x18d"])
@pytest.mark.parametrize("array", ARRAYS)
def test_rows_with_sums_of_their_own(array, kind):
    check(config_of(kind, array, 3), array[2])


@pytest.mark.parametrize("overlap", [0, 4])
@pytest.mark.parametrize("bits", range(2, 8))
def test_offsets_of_other_weights(bits, overlap):
    for symmetric in (True, False):
        accumulator = dsp48.packing_offset(bits, symmetric) + overlap
        config = MacConfig("dsp48e1", 4, 3, bits, accumulator, symmetric)
        assert config.overlap == (overlap if config.rows_per_sum == 2 else 0)
        check(config, 2, seed=bits)


def test_arrays_sums_are_what_comes_out():
    """The two models, one after the other, are a product of a matrix and a window."""
    rng = np.random.default_rng(1)
    for kind in ("dsp48e1", "mult18x18d", "lut"):
        for overlap in (0, 3):
            config = config_of(kind, (5, 2, 1), overlap)
            weights, x = rng.integers(-127, 128, (1, 5, 2)), rng.integers(0, 256, (1, 2))
            weights[:, 0], weights[:, 1], x[0] = -127, 127, 255
            rows = SumSerialiser.model(config, *config.model(weights, x))
            assert rows.tolist() == np.einsum("wps,ws->p", weights, x).tolist()


def test_latency_names_every_register():
    array = (4, 1, 2)
    apart = {
        "sums that are kept": 1,
        "picked parts": 1,
        "adder tree": 0,
        "borrowed bits": 0,
        "payload": 1,
    }
    assert SumSerialiser.registers(config_of("lut", array, 0)) == apart
    assert SumSerialiser.registers(config_of("dsp48e1", array, 0)) == apart
    assert SumSerialiser.registers(config_of("dsp48e1", array, 1)) == apart | {"borrowed bits": 1}
    trees = [SumSerialiser.latency(config_of("dsp48e1", (4, simd, 2), 0)) for simd in (2, 3, 4, 5)]
    assert trees == [4, 5, 5, 6]


def test_the_timing_diagram_is_what_happens(tmp_path):
    config = config_of("dsp48e1", (4, 2, 2), dsp48.MOST_OVERLAP + 1)
    unit = SumSerialiser(config, 2)
    ports = unit.i_done, unit.i_count, unit.i_sums.as_value()
    windows = {0: (2, [1, 10, 2, 20, 3, 30, 4, 40]), 2: (1, [5, 50, 6, 60, 7, 70, 8, 80])}
    inputs = []
    for cycle in range(8):
        count, sums = windows.get(cycle, (0, []))
        values = int(cycle in windows), count, packed(sums, config.raw_bits)
        inputs.append(list(zip(ports, values, strict=True)))
    waves = trace(unit, inputs, tmp_path)
    names = ["i_done", "i_count", "i_sums[0]", "i_sums[1]", "sums[0]", "sums[1]", "left", "total"]
    names += ["o_push", "o_payload[0]", "o_payload[1]"]
    text = diagram({name: waves[name] for name in names})
    assert documented(SumSerialiser, text), text
