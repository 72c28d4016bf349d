import numpy as np
from amaranth.hdl import unsigned

from hw.stream.skid_buffer import SkidBuffer
from tests.harness import StreamBench


def test_passes_everything_on(tmp_path):
    frames = list(np.random.default_rng(8).integers(0, 256, (3, 60)))
    bench = StreamBench(SkidBuffer(unsigned(8)), "skid", tmp_path)
    for seed, stalls in enumerate([0.5, {"i": 0.5}, {"o": 0.8}]):
        bench.run({"i": frames}, {"o": frames}, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, {"o": frames})
    assert result.bubbles("i") == result.bubbles("o") == 0
    assert result.first("o") == 1
