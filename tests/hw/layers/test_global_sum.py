import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.global_sum import GlobalSum
from tests.harness import bench_group

CASES = [  # pixels, channels, lanes, shape, width, memory
    (6, 10, 2, unsigned(8), 12, "lut"),
    (4, 3, 1, signed(8), 32, "block"),
    (9, 4, 4, unsigned(8), 32, "lut"),
    (1, 4, 2, unsigned(8), 9, "block"),
]


units = bench_group(GlobalSum, CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_sums(case, units):
    bench, (pixels, channels, lanes, shape, *_) = units[case], case
    low, high = (-128, 128) if shape.signed else (0, 256)
    frames = list(np.random.default_rng(4).integers(low, high, (3, 1, pixels, channels)))
    frames.append(np.full((1, pixels, channels), high - 1))
    expected = [GlobalSum.model(frame) for frame in frames]
    for seed, stalls in enumerate([0.4, {"i": 0.6}, {"o": 0.8}]):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})
    assert result.bubbles("i") == 0
    assert result.period("o") == pixels * channels // lanes
    assert result.last("o") == result.last("i") + 2


def test_model_keeps_one_pixel():
    assert GlobalSum.model(np.full((2, 3, 1), 200)).tolist() == [[[1200]]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 3, 2, unsigned(8), 32), "2 lanes do not divide 3"),
        ((0, 4, 2, unsigned(8), 32), "0 pixels"),
        ((9, 4, 2, unsigned(8), 12), r"2295 do not fit signed\(12\)"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GlobalSum(*arguments)
