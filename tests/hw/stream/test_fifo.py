from itertools import product

import numpy as np
import pytest
from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.stream.fifo import CreditFifo, StreamFifo
from tests.harness import bench_group

DEPTHS, KINDS = (2, 3, 16), ("lut", "block")
fifos = bench_group(lambda *case: StreamFifo(unsigned(12), *case), product(DEPTHS, KINDS))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_order_and_throughput(depth, kind, fifos):
    bench = fifos[depth, kind]
    words = np.random.default_rng(depth).integers(0, 4096, (3, 40, 1))
    for seed, stalls in enumerate((0.5, {"o": 0.8}, {"i": 0.8})):
        bench.run({"i": words}, {"o": words}, stalls=stalls, seed=seed)
    result = bench.run({"i": words}, {"o": words})
    assert result.first("o") - result.first("i") == 2
    assert result.bubbles("o") == result.bubbles("i") == 0


class DelayLine(wiring.Component):
    """A pipeline that cannot stall, ended by a CreditFifo."""

    i: In(stream.Signature(8))
    o: Out(stream.Signature(8))

    def __init__(self, latency, depth):
        self._latency, self._depth = latency, depth
        super().__init__()

    def elaborate(self, platform):
        m = Module()
        m.submodules.results = results = CreditFifo(unsigned(8), self._depth)
        accept = self.i.valid & results.o_credit
        m.d.comb += [self.i.ready.eq(results.o_credit), results.i_take.eq(accept)]
        valid, value = accept, self.i.payload
        for _ in range(self._latency):
            next_valid, next_value = Signal(), Signal(8)
            m.d.sync += [next_valid.eq(valid), next_value.eq(value)]
            valid, value = next_valid, next_value
        m.d.comb += [results.i_push.eq(valid), results.i_payload.eq(value)]
        wiring.connect(m, results.o, wiring.flipped(self.o))
        return m


LINES = [(1, 5), (5, 9), (5, 2)]  # latency, depth
lines = bench_group(DelayLine, LINES)


@pytest.mark.parametrize(("latency", "depth"), LINES)
def test_credits_lose_nothing(latency, depth, lines):
    bench = lines[latency, depth]
    words = np.random.default_rng(latency).integers(0, 256, (3, 40, 1))
    for seed, stalls in enumerate((0.5, {"o": 0.9}, {"i": 0.8})):
        bench.run({"i": words}, {"o": words}, stalls=stalls, seed=seed)
    result = bench.run({"i": words}, {"o": words})
    if depth >= latency + 4:
        assert result.bubbles("o") == 0


def test_refuses_what_cannot_work():
    with pytest.raises(ValueError, match="at least 2, not 1"):
        StreamFifo(unsigned(8), 1)
    with pytest.raises(ValueError, match="'block' or 'lut', not 'ram'"):
        StreamFifo(unsigned(8), 4, "ram").elaborate(None)  # type: ignore[arg-type]
