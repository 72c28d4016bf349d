import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.average import Average, sum_shape
from hw.layers.global_average import GlobalAverage
from hw.layers.requantise import LATENCY
from hw.stream.fifo import REGISTERS as FIFO_REGISTERS
from tests.harness import bench_group

CASES = [  # pixels, channels, lanes, shape, average, scaler, memory
    (6, 10, 2, unsigned(8), Average(43691, 18, 0, 255), "inferred", "lut"),
    (49, 4, 1, signed(8), Average(42799, 21, -128, 127, signed_output=True), "dsp48e1", "block"),
    (4, 3, 3, unsigned(8), Average(1 << 14, 16, 10, 200), "dsp48e1", "lut"),
]


def make(pixels, channels, lanes, shape, average, scaler, memory):
    return GlobalAverage(pixels, channels, lanes, shape, average, scaler=scaler, memory=memory)


units = bench_group(make, CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_averages(case, units):
    bench, (pixels, channels, lanes, shape, average, scaler, _) = units[case], case
    low = -128 if shape.signed else 0
    frames = np.random.default_rng(4).integers(low, low + 256, (4, 1, pixels, channels))
    frames[2], frames[3] = low, low + 255
    expected = [bench.component.model(frame) for frame in frames]
    # A frame of equal pixels is its own average.
    assert np.array_equal(expected[2], np.clip(frames[2][:, :1], average.low, average.high))
    for seed, stalls in enumerate((0.4, {"i": 0.6}, {"o": 0.8})):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})
    assert result.bubbles("i") == 0
    assert result.period("o") == pixels * channels // lanes
    behind = 2 + LATENCY[scaler] + len(FIFO_REGISTERS)
    assert result.last("o") == result.last("i") + behind


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 49, 64, 65])
@pytest.mark.parametrize("shape", [unsigned(8), signed(8), signed(5)])
def test_sums_fit_and_no_bit_less_would_do(count, shape):
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    most = count * (low + (1 << shape.width) - 1)
    width = sum_shape(count, shape).width
    assert count * low >= -(1 << (width - 1))
    assert most < 1 << (width - 1)
    assert count * low < -(1 << (width - 2)) or most >= 1 << (width - 2)


def test_sums_too_wide_for_the_scaler_are_refused():
    with pytest.raises(ValueError, match="does not fit a DSP48E1"):
        GlobalAverage(1 << 17, 1, 1, unsigned(8), Average(1, 1, 0, 255), scaler="dsp48e1")
