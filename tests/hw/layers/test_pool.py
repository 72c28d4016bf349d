import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.pool import MaxPool
from tests.harness import bench_group

CASES = [  # height, width, channels, lanes, kernel, stride, ceil, shape, memory
    (7, 7, 4, 2, 3, 2, True, unsigned(8), "lut"),
    (6, 8, 2, 2, 3, 2, True, unsigned(8), "block"),
    (6, 8, 3, 1, 3, 2, False, signed(8), "block"),
    (5, 7, 2, 1, 2, 2, False, unsigned(8), "lut"),
    (5, 7, 2, 1, 2, 2, True, unsigned(8), "lut"),
    (4, 3, 1, 1, 3, 3, True, signed(8), "lut"),
    (4, 4, 2, 2, 2, 1, False, unsigned(8), "lut"),
    (3, 2, 1, 1, 1, 1, True, unsigned(8), "lut"),
]


pools = bench_group(MaxPool, CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pools(case, pools):
    bench = pools[case]
    height, width, channels, lanes, *_ = case
    low = -128 if case[7].signed else 0
    frames = list(np.random.default_rng(3).integers(low, 128, (3, height, width, channels)))
    expected = [bench.component.model(frame) for frame in frames]
    for seed, stalls in enumerate([0.4, {"i": 0.6}, {"o": 0.8}]):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})
    assert result.bubbles("i") == 0
    assert result.period("o") == height * width * channels // lanes
    assert result.last("o") <= result.last("i") + 4


def test_model_cuts_or_drops_the_last_windows():
    frame = np.arange(16).reshape(4, 4, 1)
    cut = MaxPool(4, 4, 1, 1, 3, 2, True, unsigned(8)).model(frame)
    assert cut[..., 0].tolist() == [[10, 11], [14, 15]]
    dropped = MaxPool(4, 4, 1, 1, 3, 2, False, unsigned(8)).model(frame)
    assert dropped[..., 0].tolist() == [[10]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4, 4, 3, 2, 3, 2), "2 lanes do not divide 3"),
        ((4, 4, 2, 2, 4, 2), "4x4 window at stride 2"),
        ((2, 4, 2, 2, 3, 2), "2x4 map is smaller"),
    ],
)
def test_bad_parameters_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaxPool(*[*arguments, True, unsigned(8)])
