"""The depthwise engine against its model, in all shapes of kernel and folding."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from hw.arith.mac import MacConfig, MultiplierKind
from hw.arith.sum_serialiser import SumSerialiser
from hw.layers.depthwise import DepthwiseEngine
from hw.layers.folding import DepthwisePlan
from hw.layers.matvec import operand_cycles
from hw.layers.requantise import LATENCY
from hw.layers.window import REGISTERS as WINDOW_REGISTERS
from hw.stream.fifo import REGISTERS as FIFO_REGISTERS
from hw.stream.fifo import MemoryKind
from tests.harness import bench_group
from tests.hw.layers.convolutions import frames_for, random_conv, roomy_pixels


@dataclass(frozen=True)
class Case:
    size: tuple[int, int]
    channels: int
    kernel: tuple[int, int]
    lanes: int
    pe: int | None = None
    i_lanes: int = 1
    multiplier: MultiplierKind = "dsp48e1"
    memory: MemoryKind = "lut"
    conv: dict = field(default_factory=dict)


CASES = {
    "3x3 padded": Case((6, 5), 8, (3, 3), 4, i_lanes=2, conv={"pad": (1, 1, 1, 1)}),
    "serial results": Case(
        (6, 7), 12, (3, 3), 1, pe=6, i_lanes=3, memory="block", conv={"pad": (1, 1, 1, 1)}
    ),
    "stride 2, padded below and to the right": Case(
        (6, 8), 4, (3, 3), 2, i_lanes=4, conv={"stride": 2, "pad": (0, 0, 1, 1)}
    ),
    "remainder chunk": Case((5, 6), 10, (3, 3), 2, pe=4, i_lanes=5, multiplier="lut"),
    "one lane, signed": Case(
        (5, 4),
        3,
        (3, 3),
        1,
        conv={"signed_input": True, "signed_output": True, "pad": (1, 0, 0, 1), "pad_code": -3},
    ),
    "1x5, codes": Case(
        (3, 7),
        6,
        (1, 5),
        3,
        i_lanes=3,
        multiplier="lut",
        conv={"weight_bits": 6, "code_bits": 3, "pad": (0, 2, 0, 2)},
    ),
    "5x1": Case(
        (9, 3), 4, (5, 1), 1, pe=4, multiplier="mult18x18d", conv={"weight_bits": 4, "stride": 2}
    ),
    "the whole map, several chunks": Case((4, 3), 6, (4, 3), 1, pe=2, multiplier="mult18x18d"),
    "1x1": Case((3, 4), 4, (1, 1), 2, i_lanes=4, conv={"signed_input": True}),
}


def integers_of(case):
    channels = case.channels
    return random_conv(case.size, (channels, *case.kernel, 1), groups=channels, **case.conv)


def plan_of(case, conv):
    """A plan in which frames follow one another without a bubble."""
    plan = DepthwisePlan(
        case.pe or case.lanes, case.lanes, case.multiplier, case.memory, case.memory, 1
    )
    return replace(plan, window_pixels=roomy_pixels(conv.geometry(plan)))


def make(case):
    conv = integers_of(case)
    return DepthwiseEngine(conv, plan_of(case, conv), case.i_lanes)


engines = bench_group(lambda name: make(CASES[name]), CASES)


@pytest.mark.parametrize("name", CASES)
def test_engine_equals_its_model(name, engines):
    case, bench = CASES[name], engines[name]
    conv = integers_of(case)
    plan = plan_of(case, conv)
    geometry = conv.geometry(plan)
    frames = frames_for(conv, 4)
    expected = [conv.model(frame) for frame in frames]
    assert len(np.unique(expected)) > 10
    for seed, stalls in enumerate((0.4, {"i": 0.7}, {"o": 0.8})):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})

    height, width = case.size
    compute = geometry.rows * geometry.columns * geometry.words
    writes = geometry.height * geometry.width * geometry.chunks
    reads = height * width * case.channels // np.gcd(case.i_lanes, plan.simd)
    assert result.period("o") == max(compute, writes, reads)


SMALL = random_conv((3, 3), (4, 3, 3, 1), groups=4, weight_bits=4)
ARITHMETIC = [("dsp48e1", "dsp48e1"), ("lut", "inferred")]  # multiplier and scaler


def make_small(multiplier, scaler):
    plan = DepthwisePlan(4, 2, multiplier, "lut", "lut", 18, scaler)
    return DepthwiseEngine(SMALL, plan, i_lanes=4)


small = bench_group(make_small, ARITHMETIC)


@pytest.mark.parametrize(("multiplier", "scaler"), ARITHMETIC)
def test_latency_is_the_sum_of_its_registers(multiplier, scaler, small):
    frames = frames_for(SMALL, 3)[:1]
    result = small[multiplier, scaler].run({"i": frames}, {"o": [SMALL.model(frames[0])]})
    config = MacConfig(multiplier, 4, 1, 4, SMALL.accumulator_shape.width, False, depthwise=True)
    window, taps, operands = len(WINDOW_REGISTERS), 9 - 1, operand_cycles(config)
    arithmetic = config.latency + SumSerialiser.latency(config) + LATENCY[scaler]
    queues = 2 * len(FIFO_REGISTERS)
    assert result.first("o") - result.last("i") == window + taps + operands + arithmetic + queues


def test_each_channel_is_convolved_by_itself():
    conv = random_conv((4, 4), (3, 2, 2, 1), groups=3)
    frame = frames_for(conv, 3)[0]
    alone = replace(
        conv,
        weights=conv.weights[1:2],
        bias=conv.bias[1:2],
        multiplier=conv.multiplier[1:2],
        pad_code=(0,),
        groups=1,
    )
    assert np.array_equal(conv.model(frame)[..., 1:2], alone.model(frame[..., 1:2]))


def test_refuses_what_is_not_depthwise():
    plan = DepthwisePlan(1, 1, "lut", "lut", "lut", 99)
    for groups, weights in ((1, (4, 3, 3, 4)), (2, (2, 3, 3, 2)), (2, (4, 3, 3, 1))):
        with pytest.raises(ValueError, match="no depthwise"):
            DepthwiseEngine(random_conv((4, 4), weights, groups=groups), plan, 1)
    conv = random_conv((4, 4), (4, 3, 3, 1), groups=4)
    with pytest.raises(ValueError, match="must divide pe 3 and the 4 channels"):
        DepthwiseEngine(conv, replace(plan, lanes=2, pe=3), 1).elaborate(None)
