import numpy as np
import pytest
from amaranth.hdl import unsigned

from hw.layers.concat import Concat
from tests.harness import bench_group

CASES = [((4, 6), 2), ((2, 2), 2), ((1, 3, 2, 4, 1), 1), ((4,), 2)]  # parts, lanes
concats = bench_group(lambda parts, lanes: Concat(parts, lanes, unsigned(8)), CASES)


@pytest.mark.parametrize(("parts", "lanes"), CASES)
def test_joins_pixel_by_pixel(parts, lanes, concats):
    bench = concats[parts, lanes]
    rng = np.random.default_rng(5)
    inputs = {f"i{k}": list(rng.integers(0, 256, (3, 2, 3, c))) for k, c in enumerate(parts)}
    expected = [Concat.model(*frames) for frames in zip(*inputs.values(), strict=True)]
    for seed, stalls in enumerate([0.4, {"i0": 0.7}, {"o": 0.7}]):
        bench.run(inputs, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run(inputs, {"o": expected})
    assert result.bubbles("o") == 0
    assert result.last("o") == 3 * expected[0].size // lanes


def test_channels_that_lanes_do_not_divide_are_refused():
    with pytest.raises(ValueError, match=r"\[4, 3\] channels"):
        Concat([4, 3], 2, unsigned(8))
