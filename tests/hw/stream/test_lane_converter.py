import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.stream.lane_converter import LaneConverter
from tests.harness import bench_group

CASES = [  # channels, i_lanes, o_lanes
    (12, 3, 3),
    (12, 2, 6),
    (12, 6, 2),
    (12, 6, 4),
    (12, 4, 6),
    (3, 1, 4),
    (10, 2, 4),
    (6, 6, 4),
    (4, 4, 1),
]


converters = bench_group(
    lambda channels, i_lanes, o_lanes: LaneConverter(channels, i_lanes, o_lanes, signed(8)), CASES
)


@pytest.mark.parametrize(("channels", "i_lanes", "o_lanes"), CASES)
def test_regroups(channels, i_lanes, o_lanes, converters):
    bench = converters[channels, i_lanes, o_lanes]
    frames = list(np.random.default_rng(channels).integers(-128, 128, (3, 3, 4, channels)))
    expected = [bench.component.model(frame) for frame in frames]
    for seed, stalls in enumerate([0.3, 0.6, {"i": 0.7}, {"o": 0.7}]):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)

    result = bench.run({"i": frames}, {"o": expected})
    narrow = np.gcd(i_lanes, o_lanes)
    assert result.last("o") - result.first("i") <= 3 * 3 * 4 * channels // narrow + 2
    if i_lanes == narrow:
        assert result.bubbles("i") == 0
    if o_lanes == narrow:
        assert result.bubbles("o") == 0


def test_model_pads_the_pixel():
    frame = np.arange(1, 7).reshape(1, 2, 3)
    assert LaneConverter(3, 1, 4, unsigned(8)).model(frame).tolist() == [
        [[1, 2, 3, 0], [4, 5, 6, 0]]
    ]


def test_lanes_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="4 input lanes do not divide 6"):
        LaneConverter(6, 4, 2, unsigned(8))
    with pytest.raises(ValueError, match="not 0"):
        LaneConverter(6, 3, 0, unsigned(8))
