from itertools import product

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.pad import Padder
from tests.harness import bench_group

CASES = [  # height, width, chunks, lanes, pad, shape
    (3, 4, 2, 2, (1, 1, 1, 1), unsigned(8)),
    (3, 4, 1, 1, (0, 2, 1, 0), signed(8)),
    (1, 1, 3, 1, (2, 0, 0, 1), unsigned(8)),
    (3, 3, 2, 1, (0, 0, 0, 0), unsigned(8)),
]


def make(case, uniform):
    height, width, chunks, lanes, pad, shape = case
    channels = chunks * lanes
    code = [7] * channels if uniform else list(range(3, 3 + channels))
    return Padder(height, width, chunks, lanes, shape, pad, code)


padders = bench_group(make, product(CASES, (True, False)))


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pads(case, uniform, padders):
    bench, (height, width, chunks, lanes, *_) = padders[case, uniform], case
    frames = np.random.default_rng(2).integers(0, 128, (3, height, width, chunks * lanes))
    expected = [bench.component.model(frame) for frame in frames]
    for seed, stalls in enumerate([0.4, {"i": 0.7}, {"o": 0.7}]):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})
    assert result.bubbles("o") == 0
    assert result.period("o") == expected[0].size // lanes


def test_model():
    frame = np.array([[[1, 2]]])
    padded = Padder(1, 1, 1, 2, unsigned(8), (1, 0, 0, 1), [8, 9]).model(frame)
    assert padded.tolist() == [[[8, 9], [8, 9]], [[1, 2], [8, 9]]]


@pytest.mark.parametrize(
    ("pad", "code", "message"),
    [
        ((1, 1, 1, -1), [0, 0], "-1"),
        ((1, 1, 1, 1), [0], "needs 2 values, not 1"),
        ((1, 1, 1, 1), [0, 256], "256 does not fit"),
    ],
)
def test_bad_parameters_are_refused(pad, code, message):
    with pytest.raises(ValueError, match=message):
        Padder(4, 4, 1, 2, unsigned(8), pad, code)
