from dataclasses import dataclass, replace

import numpy as np
import pytest
from amaranth.hdl import Shape, signed, unsigned

from hw.layers.average import Average
from hw.layers.folding import PoolPlan
from hw.layers.requantise import LATENCY, ScalerKind
from hw.layers.window import REGISTERS as WINDOW_REGISTERS
from hw.layers.window_geometry import WindowGeometry
from hw.layers.window_pool import WindowPool
from hw.stream.fifo import REGISTERS as FIFO_REGISTERS
from hw.stream.fifo import MemoryKind
from tests.harness import bench_group
from tests.hw.layers.convolutions import roomy_pixels

U8, S8 = unsigned(8), signed(8)
NO_PAD = (0, 0, 0, 0)
NINTH = Average(round((1 << 19) / 9), 19, 0, 255)


@dataclass(frozen=True)
class Case:
    size: tuple[int, int]
    channels: int
    lanes: int
    kernel: int | tuple[int, int]
    stride: int
    pad: tuple[int, int, int, int]
    shape: Shape = U8
    average: Average | None = None
    memory: MemoryKind = "lut"
    scaler: ScalerKind = "inferred"


CASES = {
    "maximum of 3x3, same size": Case((6, 5), 4, 2, 3, 1, (1, 1, 1, 1)),
    "maximum of 3x3, stride 2, signed": Case((6, 8), 3, 1, 3, 2, (0, 0, 1, 1), S8, memory="block"),
    "maximum of 5x5, stride 3": Case((9, 8), 2, 2, 5, 3, (2, 1, 0, 2)),
    "maximum of 1x3": Case((4, 6), 6, 2, (1, 3), 1, (0, 1, 0, 0)),
    "average of 3x3": Case(
        (5, 6), 6, 3, 3, 1, (1, 1, 1, 1), U8, replace(NINTH, offset=1 << 22), "block", "dsp48e1"
    ),
    "average of 2x2, stride 2, signed": Case(
        (6, 6), 4, 1, 2, 2, NO_PAD, S8, Average(1 << 14, 16, -100, 127, True, offset=-999_999)
    ),
    "average of the whole map": Case(
        (4, 3), 4, 2, (4, 3), 1, NO_PAD, average=Average(21845, 18, 0, 255)
    ),
}


def geometry_of(case: Case) -> WindowGeometry:
    (height, width), (top, left, bottom, right) = case.size, case.pad
    size, chunks = (height + top + bottom, width + left + right), case.channels // case.lanes
    return WindowGeometry(*size, chunks, case.kernel, case.stride, channelwise=True)


def make(case: Case) -> WindowPool:
    """A pool with room for frames to follow one another without a bubble."""
    # A pixel more, for those that read as many words as they write.
    pixels = roomy_pixels(geometry_of(case)) + 1
    return WindowPool(
        case.size,
        case.channels,
        kernel=case.kernel,
        stride=case.stride,
        pad=case.pad,
        shape=case.shape,
        plan=PoolPlan(case.lanes, case.memory, pixels, case.scaler),
        average=case.average,
    )


def frames_of(case: Case) -> np.ndarray:
    low = -128 if case.shape.signed else 0
    shape = (4, *case.size, case.channels)
    frames = np.random.default_rng(3).integers(low, low + 256, shape)
    frames[2], frames[3] = low, low + 255
    return frames


pools = bench_group(lambda name: make(CASES[name]), CASES)


@pytest.mark.parametrize("name", CASES)
def test_pools(name, pools):
    case, bench = CASES[name], pools[name]
    frames = frames_of(case)
    expected = [bench.component.model(frame) for frame in frames]
    for seed, stalls in enumerate((0.4, {"i": 0.6}, {"o": 0.8})):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})
    g = geometry_of(case)
    assert result.period("o") == max(g.rows * g.columns * g.words, g.height * g.width * g.chunks)


SMALL = {
    "maximum": Case((3, 3), 2, 2, 3, 1, NO_PAD),
    "average": Case((3, 3), 2, 2, 3, 1, NO_PAD, average=NINTH),
}
small = bench_group(lambda name: make(SMALL[name]), SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_latency_is_the_sum_of_its_registers(name, small):
    average, bench, frames = SMALL[name].average, small[name], frames_of(SMALL[name])[:1]
    result = bench.run({"i": frames}, {"o": [bench.component.model(frames[0])]})
    window, taps, running = len(WINDOW_REGISTERS), 9 - 1, 1
    end = 1 if average is None else LATENCY["inferred"] + len(FIFO_REGISTERS)
    assert result.first("o") - result.last("i") == window + taps + running + end


def test_models_by_hand():
    frame = np.array([[[-5], [-3]], [[-7], [-9]]])
    largest = make(Case((2, 2), 1, 1, 2, 1, (1, 1, 1, 1), S8)).model(frame)
    assert largest[..., 0].tolist() == [[-5, -3, -3], [-5, -3, -3], [-7, -7, -9]]
    quarter = Average(1 << 14, 16, -128, 127, signed_output=True)
    mean = make(Case((2, 2), 1, 1, 2, 1, (1, 1, 1, 1), S8, quarter)).model(frame)
    # Padding counts as zero; -5 / 4, -8 / 4 and so on, to the nearest.
    assert mean[..., 0].tolist() == [[-1, -2, -1], [-3, -6, -3], [-2, -4, -2]]
    moved = replace(quarter, offset=3 << 15)  # a code and a half more
    assert moved.model(np.array([-5, -8, 2])).tolist() == [0, -0, 2]
    assert moved.bias == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": 3}, "2 lanes do not divide 3"),
        ({"pad": (0, 3, 0, 0)}, r"windows of 3 x 3 may lie in a padding of \(0, 3, 0, 0\)"),
        ({"size": (2, 5)}, "smaller than the kernel"),
        ({"average": replace(NINTH, high=256)}, r"clamp 0\.\.256 does not fit"),
    ],
)
def test_bad_parameters_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(replace(Case((4, 4), 4, 2, 3, 1, NO_PAD), **changes)).elaborate(None)
