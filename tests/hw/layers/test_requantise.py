from itertools import product

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import signed, unsigned

from hw.layers.requantise import Requantise
from tests.harness import StreamBench, bench_group
from tests.harness.verilog import write_verilog, write_with_vendor_cells

SCALERS = ("dsp48e1", "inferred")


def make(channels, lanes, *, is_signed, scaler, seed=0, shift=24, memory=None):
    rng = np.random.default_rng(seed)
    multiplier = rng.integers(1, 65536, channels)
    multiplier[0] = 65535
    bias = rng.integers(-(1 << 14), 1 << 14, channels)
    low, high = (-128, 127) if is_signed else (3, 250)
    return Requantise(
        bias,
        multiplier,
        shift=shift,
        low=low,
        high=high,
        lanes=lanes,
        i_shape=signed(22),
        o_shape=signed(8) if is_signed else unsigned(8),
        scaler=scaler,
        memory=memory,
    )


SIZES = [(6, 2, None), (5, 5, "block"), (3, 1, "lut"), (160, 2, "block")]


def make_sized(size, is_signed, scaler):
    channels, lanes, memory = size
    return make(channels, lanes, is_signed=is_signed, scaler=scaler, memory=memory)


units = bench_group(make_sized, product(SIZES, (False, True), SCALERS))


@pytest.mark.parametrize(("channels", "lanes", "memory"), SIZES)
@pytest.mark.parametrize("is_signed", [False, True])
@pytest.mark.parametrize("scaler", SCALERS)
def test_codes(channels, lanes, memory, is_signed, scaler, units):
    bench = units[(channels, lanes, memory), is_signed, scaler]
    rng = np.random.default_rng(3)
    spread = rng.choice([1 << 12, 1 << 15, 1 << 21], (3, 4, channels))
    accumulators = rng.integers(-spread, spread)
    accumulators[0, 0], accumulators[0, 1] = -(1 << 21), (1 << 21) - 1
    expected = [bench.component.model(frame) for frame in accumulators]
    assert len(np.unique(expected)) > 3
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"i": 0.8})):
        bench.run({"i": accumulators}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": accumulators}, {"o": expected})
    assert result.bubbles("i") == result.bubbles("o") == 0


@pytest.mark.parametrize(
    ("channels", "memory", "style"),
    [
        (256, None, "distributed"),
        (257, None, "block"),
        (6, "block", "block"),
        (300, "lut", "distributed"),
    ],
)
def test_constants_lie_in_the_memory_that_is_asked_for(channels, memory, style):
    unit = make(channels, 1, is_signed=True, scaler="inferred", memory=memory)
    assert f'rom_style "{style}"' in rtlil.convert(unit)


def check(unit, accumulators, folder, **options):
    expected = [unit.model(frame) for frame in accumulators]
    bench = StreamBench(unit, "requantise", folder, **options)
    bench.run({"i": accumulators}, {"o": expected})


@pytest.mark.parametrize("scaler", SCALERS)
def test_rounds_to_nearest_with_halves_up(scaler, tmp_path):
    unit = Requantise(
        [0],
        [1],
        shift=1,
        low=-128,
        high=127,
        lanes=1,
        i_shape=signed(10),
        o_shape=signed(8),
        scaler=scaler,
    )
    accumulators = np.array([[[-3], [-2], [-1], [0], [1], [2], [3], [511], [-512]]])
    expected = np.array([[[-1], [-1], [0], [0], [1], [1], [2], [127], [-128]]])
    assert np.array_equal(unit.model(accumulators), expected)
    check(unit, accumulators, tmp_path)


@pytest.mark.parametrize(
    "write", [write_verilog, write_with_vendor_cells], ids=["behavioural", "vendor"]
)
def test_a_dsp48e1_at_the_ends_of_its_range(write, tmp_path):
    top = (1 << 23) - 1
    options = {"low": -128, "high": 127, "o_shape": signed(8), "scaler": "dsp48e1"}
    unit = Requantise(
        [top, -top - 1, 0], [65535, 65535, 1], shift=34, lanes=3, i_shape=signed(24), **options
    )
    rng = np.random.default_rng(1)
    values = [[top] * 3, [-top - 1] * 3, [0] * 3, *rng.integers(-top - 1, top + 1, (40, 3))]
    assert len(np.unique(unit.model(np.array(values)))) > 40
    check(unit, np.array([values]), tmp_path, write=write)


@pytest.mark.parametrize("scaler", SCALERS)
def test_a_shift_beyond_the_product_leaves_nothing(scaler, tmp_path):
    options = {"low": -128, "high": 127, "o_shape": signed(8), "scaler": scaler}
    unit = Requantise([5], [65535], shift=47, lanes=1, i_shape=signed(10), **options)
    check(unit, np.array([[[-512], [511], [0]]]), tmp_path)


def test_refuses_what_cannot_work():
    shapes = {"i_shape": signed(16), "o_shape": unsigned(8)}
    with pytest.raises(ValueError, match=r"clamp -1..255 does not fit unsigned\(8\)"):
        Requantise([0], [1], shift=8, low=-1, high=255, lanes=1, **shapes)
    with pytest.raises(ValueError, match="shift 48"):
        Requantise([0], [1], shift=48, low=0, high=255, lanes=1, **shapes)
    with pytest.raises(ValueError, match="unsigned, of 16 bits"):
        Requantise([0], [65536], shift=8, low=0, high=255, lanes=1, **shapes)
    with pytest.raises(ValueError, match="a sum of 26 bits does not fit"):
        Requantise(
            [0],
            [1],
            shift=8,
            low=0,
            high=255,
            lanes=1,
            o_shape=unsigned(8),
            i_shape=signed(25),
            scaler="dsp48e1",
        )
    with pytest.raises(ValueError, match="lanes 2 must divide"):
        Requantise([0] * 3, [1] * 3, shift=8, low=0, high=255, lanes=2, **shapes)
