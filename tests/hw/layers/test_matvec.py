import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.matvec import MatrixVector
from tests.harness import StreamBench

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


def make(case, seed=0, kind="block", multiplier="lut"):
    channels, words, simd, pe, lanes, bits, is_signed = case
    rng = np.random.default_rng(seed)
    half = 1 << (bits - 1)
    weights = rng.integers(-half, half, (channels, words * simd))
    unit = MatrixVector(
        weights,
        weight_bits=bits,
        pe=pe,
        simd=simd,
        lanes=lanes,
        shape=signed(8) if is_signed else unsigned(8),
        accumulator=signed(20),
        kind=kind,
        multiplier=multiplier,
    )
    low, high = (-128, 128) if is_signed else (0, 256)
    windows = rng.integers(low, high, (2, 5, words * simd))
    windows[0, 0], windows[0, 1] = low, high - 1
    return unit, windows


@pytest.mark.parametrize("multiplier", KINDS)
@pytest.mark.parametrize("case", CASES)
def test_products(case, multiplier, tmp_path):
    unit, windows = make(case, kind="lut" if case[1] < 4 else "block", multiplier=multiplier)
    inputs = [np.repeat(frame, unit.folds, axis=0) for frame in windows]
    expected = [unit.model(frame) for frame in windows]
    bench = StreamBench(unit, "matvec", tmp_path)
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"i": 0.8})):
        bench.run({"i": inputs}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": inputs}, {"o": expected})
    assert result.bubbles("i") == 0


# level bits, codebook: with and without zero, as wide as its levels, and with a level twice
CODEBOOKS = [
    (4, [-7, -4, -2, -1, 1, 2, 4, 7]),
    (5, [-16, 0, 3, 15]),
    (3, [-4, -3, -2, -1, 0, 1, 2, 3]),
    (8, [-128, -5, -5, *range(-4, 9)]),
]


@pytest.mark.parametrize("multiplier", KINDS)
@pytest.mark.parametrize(("bits", "codebook"), CODEBOOKS)
def test_codebooks(bits, codebook, multiplier, tmp_path):
    rng = np.random.default_rng(bits)
    codebook = np.array(codebook)
    weights = rng.choice(codebook, (10, 4, 4))
    weights[:, :, 3] = 0  # a column of padding
    windows = rng.integers(0, 256, (2, 6, 4, 4))
    windows[:, :, :, 3] = 0
    unit = MatrixVector(
        weights.reshape(10, -1),
        weight_bits=bits,
        pe=4,
        simd=4,
        lanes=2,
        shape=unsigned(8),
        accumulator=signed(bits + 13),
        kind="block",
        multiplier=multiplier,
        codebook=codebook,
    )
    code_bits = (len(codebook) - 1).bit_length()
    assert max(unit.rom()).bit_length() <= 16 * code_bits
    windows = windows.reshape(2, 6, -1)
    inputs = [np.repeat(frame, unit.folds, axis=0) for frame in windows]
    expected = [frame @ weights.reshape(10, -1).T for frame in windows]
    bench = StreamBench(unit, "matvec", tmp_path)
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"i": 0.8})):
        bench.run({"i": inputs}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": inputs}, {"o": expected})
    assert result.bubbles("i") == 0


@pytest.mark.parametrize("vendor_cells", [False, True], ids=["behavioural", "vendor"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_dsp48e1_and_its_behavioural_model_on_random_and_corner_operands(
    bits, vendor_cells, tmp_path
):
    top, words = (1 << (bits - 1)) - 1, 6
    rng = np.random.default_rng(bits)
    corners = [[-top - 1] * words, [-top - 1] * words, [top] * words, [-top - 1] * words]
    corners += [[top] * words, [0] * words, [-1] * words, [1] * words]
    weights = np.vstack([corners, rng.integers(-top - 1, top + 1, (8, words))])
    unit = MatrixVector(
        weights,
        weight_bits=bits,
        pe=8,
        simd=1,
        lanes=2,
        shape=unsigned(8),
        accumulator=signed(bits + 11),
        multiplier="dsp48e1",
    )
    windows = np.vstack([np.full((1, words), 255), np.zeros((1, words), int)])
    windows = np.vstack([windows, rng.integers(0, 256, (60, words))])[None]
    inputs = [np.repeat(windows[0], unit.folds, axis=0)]
    bench = StreamBench(unit, "matvec", tmp_path, vendor_cells=vendor_cells)
    bench.run({"i": inputs}, {"o": [unit.model(windows[0])]}, stalls=0.3)


@pytest.mark.parametrize("multiplier", KINDS)
def test_extreme_sums_are_exact(multiplier, tmp_path):
    words = 8
    weights = np.stack([np.full(words, -128), np.full(words, 127)])
    unit = MatrixVector(
        weights,
        weight_bits=8,
        pe=2,
        simd=1,
        lanes=1,
        shape=unsigned(8),
        accumulator=signed(19),
        multiplier=multiplier,
    )
    windows = np.full((1, 1, words), 255)
    assert unit.model(windows[0]).tolist() == [[-261120, 259080]]
    bench = StreamBench(unit, "matvec", tmp_path)
    bench.run({"i": windows}, {"o": [unit.model(windows[0])]})


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
