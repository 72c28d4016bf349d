"""Digits of weights, and the chains of adders that they select for."""

import itertools

import numpy as np
import pytest
from amaranth.hdl import Module, Shape, Signal, signed, unsigned

from hw.arith.adder_tree import levels
from hw.arith.digits import (
    CHAIN,
    chain_cycles,
    chain_model,
    chain_widths,
    chains,
    digit_totals,
    digit_values,
    digits,
)
from tests.harness.cycles import packed, run

SHAPES = (unsigned(8), signed(8))
ROWS = 2


def limits(shape):
    return (-128, 127) if shape.signed else (0, 255)


@pytest.mark.parametrize("bits", range(2, 9))
def test_digits_make_up_every_weight(bits):
    cuts = digits(bits)
    assert [start for start, _ in cuts] == [*range(0, bits, 2)]
    assert sum(width for _, width in cuts) == bits
    for weight in range(-(1 << bits - 1), 1 << bits - 1):
        values = digit_values(weight, bits)
        *low, top = zip(values, cuts, strict=True)
        assert sum(value << start for value, (start, _) in (*low, top)) == weight
        assert all(0 <= value < 1 << width for value, (_, width) in low)
        assert -(1 << top[1][1] - 1) <= top[0] < 1 << top[1][1] - 1


def test_chains_share_columns_evenly():
    assert [[len(part) for part in chains(simd)] for simd in (1, 4, 5, 9)] == [
        *([1], [4], [2, 3], [3, 3, 3])
    ]
    for simd in range(1, 40):
        parts = chains(simd)
        assert [column for part in parts for column in part] == [*range(simd)]
        assert max(map(len, parts)) <= min(CHAIN, min(map(len, parts)) + 1)


@pytest.mark.parametrize("shape", SHAPES, ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_sums_so_far_fit_their_widths_and_need_them(bits, shape):
    cuts = digits(bits)
    for columns in (1, 3, CHAIN):
        widths = chain_widths(cuts, columns, shape)
        assert len(widths) == columns * len(cuts)
        terms = [
            [digit * x << start for digit in digits_of(bits, start, width) for x in limits(shape)]
            for start, width in cuts
            for _ in range(columns)
        ]
        lows = itertools.accumulate(map(min, terms))
        highs = itertools.accumulate(map(max, terms))
        needed = [
            Shape.cast(range(min(low, -1), high + 1)).width
            for low, high in zip(lows, highs, strict=True)
        ]
        assert widths == needed


def digits_of(bits, start, width):
    """What a digit can be worth: the last one has a sign."""
    return range(-(1 << width - 1), 1 << width - 1) if start + width == bits else range(1 << width)


@pytest.mark.parametrize("bits", range(2, 9))
def test_model_of_a_chain_ends_in_the_sum_of_products(bits):
    rng = np.random.default_rng(bits)
    weights = rng.integers(-(1 << bits - 1), 1 << bits - 1, (20, 3)).tolist()
    for row in weights:
        x = rng.integers(0, 256, 3).tolist()
        sums = chain_model(row, x, bits)
        assert len(sums) == 3 * len(digits(bits))
        assert sums[-1] == int(np.dot(row, x))
        # Steps of higher digits leave the lower bits of the sum as they are.
        for (before, after), (start, _) in zip(
            itertools.pairwise(sums[2::3]), digits(bits)[1:], strict=True
        ):
            assert (before ^ after) % (1 << start) == 0


def check(bits, shape, weights, x):
    """New operands in every cycle; each sum comes in its own."""
    columns = x.shape[1]
    m, source, late = Module(), Signal(ROWS * columns * bits), Signal(ROWS * columns * bits)
    m.d.sync += late.eq(source)
    ports = [Signal(shape, name=f"x{column}") for column in range(columns)]
    totals = digit_totals(m, late, bits, ports)
    latency = 1 + chain_cycles(bits, columns) + levels(len(chains(columns)))
    inputs = [
        [(source, packed(weight.ravel(), bits)), *zip(ports, map(int, values), strict=True)]
        for weight, values in zip(weights, x, strict=True)
    ]
    found = run(m, [*inputs, *[[]] * latency], totals)[latency:]
    np.testing.assert_array_equal(found, (weights * x[:, None, :]).sum(axis=2))


@pytest.mark.parametrize("shape", SHAPES, ids=["unsigned", "signed"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_products_of_every_weight(bits, shape):
    all_weights = np.arange(-(1 << bits - 1), 1 << bits - 1)
    small, large = limits(shape)
    x = np.array([small, large, 0, 1, 85, 127, small + 1])
    both = np.array([*itertools.product(all_weights, x)])
    weights = np.stack([both[:, 0], both[::-1, 0]], axis=1)[:, :, None]
    check(bits, shape, weights, both[:, 1:])


@pytest.mark.parametrize(
    ("columns", "bits"),
    [(1, 8), (2, 3), (3, 7), (4, 8), (5, 2), (6, 6), (7, 5), (8, 3), (9, 4)],
)
def test_sums_of_rows(columns, bits):
    rng = np.random.default_rng(columns)
    half = 1 << bits - 1
    for shape in SHAPES:
        small, large = limits(shape)
        weights = rng.integers(-half, half, (24, ROWS, columns))
        x = rng.integers(small, large + 1, (24, columns))
        # All products as large, or as small, as they can be, in one row and in the other.
        corners = itertools.product((-half, half - 1, -1), (-half, half - 1, 0), (small, large))
        for at, (lower, upper, value) in enumerate(corners):
            weights[at], x[at] = [[lower], [upper]], value
        check(bits, shape, weights, x)
