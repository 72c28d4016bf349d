import numpy as np
import pytest
from amaranth.hdl import unsigned

from hw.stream.fork import Fork
from tests.harness import StreamBench


def test_every_branch_gets_every_transfer(tmp_path):
    bench = StreamBench(Fork(unsigned(8), 3), "fork", tmp_path)
    frames = list(np.random.default_rng(1).integers(0, 256, (3, 40)))
    outputs = {f"o{k}": frames for k in range(3)}
    for seed, stalls in enumerate([0.3, 0.7, {"o1": 0.8}, {"i": 0.6, "o2": 0.5}]):
        bench.run({"i": frames}, outputs, stalls=stalls, seed=seed)
    result = bench.run({"i": frames}, outputs)
    assert result.bubbles("i") == 0
    assert result.last("o2") == result.last("i")


def test_no_branch_is_refused():
    with pytest.raises(ValueError, match="not 0"):
        Fork(unsigned(8), 0)
