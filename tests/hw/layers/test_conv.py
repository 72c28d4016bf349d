"""The convolution engine against the golden model, in all shapes of kernel and folding."""

from dataclasses import dataclass, field, replace

import pytest

from gen.backend.assemble import conv_integers
from hw.arith.mac import MultiplierKind
from hw.layers.conv import ConvEngine
from hw.layers.folding import EnginePlan
from hw.stream.fifo import MemoryKind
from sim import golden
from tests.harness import StreamBench
from tests.networks import conv_network, random_frames


@dataclass(frozen=True)
class Case:
    pe: int
    simd: int
    lanes: int
    i_lanes: int = 1
    memory: MemoryKind = "block"
    multiplier: MultiplierKind = "dsp48e1"
    network: dict = field(default_factory=dict)


CASES = {
    "3x3 padded": Case(4, 3, 2, 3, network={"pad": 1, "channels": 8}),
    "remainder fold": Case(4, 1, 2, network={"channels": 10}),
    "remainder chunk": Case(6, 2, 3, network={"channels": 6, "pad": (1, 0, 0, 1)}),
    "stride 2": Case(8, 1, 4, memory="lut", network={"stride": 2, "pad": 1, "channels": 8}),
    "7x7 stride 2": Case(
        5, 3, 1, 3, network={"kernel": 7, "stride": 2, "shape": (13, 12, 3), "channels": 5}
    ),
    "1x1, one cycle a pixel": Case(6, 3, 6, 3, network={"kernel": 1}),
    "1x1 padded": Case(3, 1, 1, network={"kernel": 1, "pad": 1}),
    "signed output": Case(2, 3, 1, 3, network={"signed": True}),
    "4 bits": Case(6, 3, 2, 3, multiplier="lut", network={"weight_bits": 4}),
    "3-bit codes": Case(
        4, 2, 2, memory="lut", network={"weight_bits": 5, "code_bits": 3, "channels": 8}
    ),
    "4-bit codes": Case(3, 3, 1, 3, multiplier="lut", network={"weight_bits": 8, "code_bits": 4}),
    "2 bits": Case(3, 3, 1, 3, multiplier="mult18x18d", network={"weight_bits": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_engine_equals_golden_model(name, tmp_path):
    case = CASES[name]
    network = conv_network(3, **case.network)
    conv = network.convs[0]
    integers = conv_integers(network, conv)
    plan = EnginePlan(
        case.pe, case.simd, case.lanes, case.multiplier, case.memory, "lut", window_pixels=1
    )
    geometry = integers.geometry(plan)
    pixels = -(-(geometry.span + geometry.longest_step) // geometry.chunks)
    plan = replace(plan, window_pixels=max(pixels, 4))
    engine = ConvEngine(integers, plan, case.i_lanes)

    frames = random_frames(network, 3)
    expected = golden.run(network, frames)[conv.name]
    bench = StreamBench(engine, "conv", tmp_path)
    for seed, stalls in enumerate((0.4, {"o": 0.8})):
        bench.run({"i": frames}, {"o": expected}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": expected})

    height, width, _ = network.input.shape
    compute = geometry.rows * geometry.columns * geometry.folds * geometry.words
    writes = geometry.height * geometry.width * geometry.chunks
    assert result.period("o") == max(compute, writes, height * width * 3 // case.i_lanes)
