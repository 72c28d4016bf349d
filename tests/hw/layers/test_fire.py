"""The Fire module against the golden model, every tensor inside it included."""

from dataclasses import dataclass, field, replace

import pytest
from amaranth.hdl import unsigned

from gen.backend.assemble import conv_integers
from gen.ir.topology import FireStage, stages
from hw.layers.conv import code_shape
from hw.layers.fire import Bypass, Expand, Fire
from hw.layers.folding import EnginePlan
from hw.stream.lane_stream import lane_stream
from sim import golden
from tests.harness import Monitor, StreamBench
from tests.networks import NetworkBuilder, fire_network, random_frames


@dataclass(frozen=True)
class Case:
    squeeze: EnginePlan
    one: EnginePlan
    three: EnginePlan
    i_lanes: int
    lanes: int
    network: dict = field(default_factory=dict)


def plan(pe, simd, lanes, pixels, multiplier="dsp48e1"):
    return EnginePlan(pe, simd, lanes, multiplier, "block", "lut", pixels)


PADDED = 7  # columns of the 6 x 5 map with its padding
RING = 4 * PADDED + 6

CASES = {
    "equal lanes": Case(plan(4, 2, 2, 4), plan(4, 2, 2, 4), plan(8, 4, 4, RING), 2, 2),
    "narrow branches": Case(plan(2, 8, 2, 4, "lut"), plan(8, 1, 2, 4), plan(4, 2, 1, RING), 4, 4),
    "branches of unequal size, signed squeeze": Case(
        plan(3, 4, 3, 4, "mult18x18d"),
        plan(4, 3, 4, 4),
        plan(12, 3, 4, RING),
        4,
        4,
        {"squeeze": 6, "expand1x1": 8, "expand3x3": 20, "signed_squeeze": True},
    ),
    "spare channels in the shared words": Case(
        plan(5, 4, 5, 4), plan(4, 1, 2, 4), plan(4, 2, 1, RING), 4, 2, {"squeeze": 5}
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_fire_equals_golden_model(name, tmp_path):
    case = CASES[name]
    network = fire_network(5, **case.network)
    (stage,) = (s for s in stages(network) if isinstance(s, FireStage))
    squeeze, one, three = (
        conv_integers(network, c) for c in (stage.squeeze, stage.one, stage.three)
    )
    expand = Expand(one, case.one, three, case.three, i_lanes=case.squeeze.lanes, lanes=case.lanes)
    fire = Fire(squeeze, case.squeeze, expand, i_lanes=case.i_lanes)

    frames = random_frames(network, 3)
    tensors = golden.run(network, frames)
    x, y = tensors[stage.squeeze.inputs[0]], tensors[stage.name]
    monitors = {
        "squeeze.requantise.o": Monitor(
            lane_stream(case.squeeze.lanes, squeeze.o_shape), tensors[stage.squeeze.name]
        ),
        "expand.engine1.requantise.o": Monitor(
            lane_stream(case.one.lanes, unsigned(8)), tensors[stage.one.name]
        ),
        "expand.requantise3.o": Monitor(
            lane_stream(case.three.lanes, unsigned(8)), tensors[stage.three.name]
        ),
    }
    bench = StreamBench(fire, "fire", tmp_path)
    for seed, stalls in enumerate((0.4, {"o": 0.8})):
        bench.run({"i": x}, {"o": y}, stalls=stalls, seed=seed, monitors=monitors)
    result = bench.run({"i": x}, {"o": y}, monitors=monitors)
    assert result.period("o") == max(
        *engine_cycles(case, squeeze, one, three), *stream_cycles(y, x, case)
    )


def engine_cycles(case, *integers):
    for conv, folding in zip(integers, (case.squeeze, case.one, case.three), strict=True):
        geometry = conv.geometry(folding)
        yield geometry.rows * geometry.columns * geometry.folds * geometry.words
        yield geometry.height * geometry.width * geometry.chunks


def stream_cycles(y, x, case):
    yield y[0].size // case.lanes
    yield x[0].size // case.i_lanes


def test_bypass_equals_golden_model(tmp_path):
    builder = NetworkBuilder((6, 5, 3), 4)
    x = builder.conv("conv1", "input", 16, 1)
    x = builder.fire("fire2", x, 4, 8, 8, bypass=True)
    network = builder.finish("bypass", builder.conv("conv10", x, 3, 1))
    (stage,) = (s for s in stages(network) if isinstance(s, FireStage))
    add = stage.add
    squeeze, one, three = (
        conv_integers(network, c) for c in (stage.squeeze, stage.one, stage.three)
    )
    plans = plan(4, 4, 1, 4), plan(4, 4, 4, 4), plan(4, 4, 2, RING)
    expand = Expand(one, plans[1], three, plans[2], i_lanes=1, lanes=2)
    bypass = Bypass(
        multiplier=add.multiplier,
        shift=add.shift,
        low=add.low,
        high=add.high,
        signed_output=False,
        lanes=4,
        depth=(PADDED + 8) * 16 // 4,
        kind="lut",
    )
    fire = Fire(squeeze, plans[0], expand, i_lanes=4, bypass=bypass)
    frames = random_frames(network, 4)
    tensors = golden.run(network, frames)
    inputs, outputs = {"i": tensors["conv1"]}, {"o": tensors[stage.name]}
    monitors = {
        "expand.concat.o": Monitor(lane_stream(2, code_shape(False)), tensors[stage.concat.name])
    }
    bench = StreamBench(fire, "fire", tmp_path)
    for seed, stalls in enumerate((0.4, {"o": 0.8}, {"i": 0.8})):
        bench.run(inputs, outputs, stalls=stalls, seed=seed, monitors=monitors)
    result = bench.run(inputs, outputs, monitors=monitors)
    assert result.period("o") == 6 * 5 * 2 * 9


def test_refuses_what_is_no_fire_module():
    network = fire_network(5)
    (stage,) = (s for s in stages(network) if isinstance(s, FireStage))
    one, three = conv_integers(network, stage.one), conv_integers(network, stage.three)
    folding = plan(4, 4, 2, RING)
    with pytest.raises(ValueError, match="1x1 without padding beside"):
        Expand(three, folding, one, folding, i_lanes=1, lanes=2)
    other = replace(one, signed_output=True)
    with pytest.raises(ValueError, match="numbers of the same kind"):
        Expand(other, folding, three, folding, i_lanes=1, lanes=2)
