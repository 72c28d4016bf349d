from itertools import product

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.matvec import MatrixVector
from tests.harness import bench_group
from tests.harness.verilog import write_with_vendor_cells

# channels, words, simd, pe, lanes, weight bits, signed activations
CASES = [
    (16, 9, 4, 8, 2, 8, False),
    (10, 3, 2, 4, 2, 4, True),  # a remainder fold of two channels
    (12, 1, 3, 12, 12, 8, False),  # a result a cycle
    (12, 5, 1, 5, 1, 6, False),  # neither simd nor a tree
    (20, 4, 8, 16, 4, 2, False),
    (21, 12, 1, 7, 1, 4, False),  # an odd number of rows, one after the other
    (9, 8, 3, 9, 3, 3, True),  # odd lanes
    (12, 6, 5, 6, 2, 5, False),
]
KINDS = ("dsp48e1", "mult18x18d", "lut")


def make(case, multiplier="lut"):
    channels, words, simd, pe, lanes, bits, is_signed = case
    half = 1 << (bits - 1)
    return MatrixVector(
        np.random.default_rng(0).integers(-half, half, (channels, words * simd)),
        weight_bits=bits,
        pe=pe,
        simd=simd,
        lanes=lanes,
        shape=signed(8) if is_signed else unsigned(8),
        accumulator=signed(20),
        kind="lut" if words < 4 else "block",
        multiplier=multiplier,
    )


def windows_for(case):
    _, words, simd, *_, is_signed = case
    low, high = (-128, 128) if is_signed else (0, 256)
    windows = np.random.default_rng(1).integers(low, high, (2, 5, words * simd))
    windows[0, 0], windows[0, 1] = low, high - 1
    return windows


def check(bench, windows, expected):
    """With stalls on both sides, and at full speed without."""
    inputs = [np.repeat(frame, bench.component.folds, axis=0) for frame in windows]
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"i": 0.8})):
        bench.run({"i": inputs}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": inputs}, {"o": expected})
    assert result.bubbles("i") == 0


products = bench_group(make, product(CASES, KINDS))


@pytest.mark.parametrize("multiplier", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_products(case, multiplier, products):
    bench, windows = products[case, multiplier], windows_for(case)
    check(bench, windows, [bench.component.model(frame) for frame in windows])


# level bits, codebook: with and without zero, as wide as its levels, and with a level twice
CODEBOOKS = {
    4: [-7, -4, -2, -1, 1, 2, 4, 7],
    5: [-16, 0, 3, 15],
    3: [-4, -3, -2, -1, 0, 1, 2, 3],
    8: [-128, -5, -5, *range(-4, 9)],
}


def coded_weights(bits):
    weights = np.random.default_rng(bits).choice(np.array(CODEBOOKS[bits]), (10, 4, 4))
    weights[:, :, 3] = 0  # a column of padding
    return weights.reshape(10, -1)


def make_coded(bits, multiplier):
    return MatrixVector(
        coded_weights(bits),
        weight_bits=bits,
        pe=4,
        simd=4,
        lanes=2,
        shape=unsigned(8),
        accumulator=signed(bits + 13),
        kind="block",
        multiplier=multiplier,
        codebook=np.array(CODEBOOKS[bits]),
    )


coded = bench_group(make_coded, product(CODEBOOKS, KINDS))


@pytest.mark.parametrize("multiplier", KINDS)
@pytest.mark.parametrize("bits", CODEBOOKS)
def test_codebooks(bits, multiplier, coded):
    bench = coded[bits, multiplier]
    windows = np.random.default_rng(bits).integers(0, 256, (2, 6, 4, 4))
    windows[:, :, :, 3] = 0
    windows = windows.reshape(2, 6, -1)
    code_bits = (len(CODEBOOKS[bits]) - 1).bit_length()
    assert max(bench.component.rom()).bit_length() <= 16 * code_bits
    check(bench, windows, [frame @ coded_weights(bits).T for frame in windows])


WORDS = 6


def make_dsp48e1(bits):
    top = (1 << (bits - 1)) - 1
    corners = [[-top - 1] * WORDS, [-top - 1] * WORDS, [top] * WORDS, [-top - 1] * WORDS]
    corners += [[top] * WORDS, [0] * WORDS, [-1] * WORDS, [1] * WORDS]
    random = np.random.default_rng(bits).integers(-top - 1, top + 1, (8, WORDS))
    return MatrixVector(
        np.vstack([corners, random]),
        weight_bits=bits,
        pe=8,
        simd=1,
        lanes=2,
        shape=unsigned(8),
        accumulator=signed(bits + 11),
        multiplier="dsp48e1",
    )


BITS = (2, 4, 8)
behavioural = bench_group(make_dsp48e1, BITS)
vendor = bench_group(make_dsp48e1, BITS, write=write_with_vendor_cells)


@pytest.mark.parametrize("cells", ["behavioural", "vendor"])
@pytest.mark.parametrize("bits", BITS)
def test_dsp48e1_and_its_behavioural_model_on_random_and_corner_operands(bits, cells, request):
    bench = request.getfixturevalue(cells)[bits]
    unit = bench.component
    random = np.random.default_rng(bits).integers(0, 256, (60, WORDS))
    windows = np.vstack([np.full((1, WORDS), 255), np.zeros((1, WORDS), int), random])
    inputs = np.repeat(windows, unit.folds, axis=0)
    bench.run({"i": [inputs]}, {"o": [unit.model(windows)]}, stalls=0.3)


def make_extreme(multiplier):
    return MatrixVector(
        np.stack([np.full(8, -128), np.full(8, 127)]),
        weight_bits=8,
        pe=2,
        simd=1,
        lanes=1,
        shape=unsigned(8),
        accumulator=signed(19),
        multiplier=multiplier,
    )


extreme = bench_group(make_extreme, KINDS)


@pytest.mark.parametrize("multiplier", KINDS)
def test_extreme_sums_are_exact(multiplier, extreme):
    bench = extreme[multiplier]
    windows = np.full((1, 1, 8), 255)
    assert bench.component.model(windows[0]).tolist() == [[-261120, 259080]]
    bench.run({"i": windows}, {"o": [bench.component.model(windows[0])]})


def test_rom_is_in_schedule_order():
    unit = MatrixVector(
        np.array([[1, -1, 2, -2], [3, -3, 4, -4], [5, -5, 6, -6]]),
        weight_bits=4,
        pe=2,
        simd=2,
        lanes=1,
        shape=unsigned(8),
        accumulator=signed(16),
    )
    # Row 0: channels 0 and 1, first word. The last fold has a row of zeros for channel 3.
    assert [hex(row) for row in unit.rom()] == ["0xd3f1", "0xc4e2", "0xb5", "0xa6"]


def test_refuses_what_cannot_work():
    options = {"simd": 2, "lanes": 1, "shape": unsigned(8), "accumulator": signed(16)}
    with pytest.raises(ValueError, match="do not fit 4 bits"):
        MatrixVector(np.full((2, 2), 8), weight_bits=4, pe=1, **options)
    with pytest.raises(ValueError, match="no whole words of 2"):
        MatrixVector(np.zeros((2, 3), int), weight_bits=4, pe=1, **options)
    with pytest.raises(ValueError, match="4 sums cannot leave by 2 within 1 cycles"):
        MatrixVector(np.zeros((4, 2), int), weight_bits=4, pe=4, **{**options, "lanes": 2})
    with pytest.raises(ValueError, match="not in the codebook"):
        MatrixVector(
            np.ones((2, 2), int), weight_bits=4, pe=1, codebook=np.arange(4) * 2, **options
        )
    with pytest.raises(ValueError, match="lanes 2 must divide"):
        MatrixVector(np.zeros((3, 2), int), weight_bits=4, pe=2, **{**options, "lanes": 2})
