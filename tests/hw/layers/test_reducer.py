from itertools import product

import numpy as np
import pytest
from amaranth.hdl import signed, unsigned

from hw.layers.reducer import Reducer, reducer_layout
from tests.harness import bench_group

DEPTHS, KINDS = (1, 2, 3, 5), ("lut", "block")


def make(depth, kind):
    return Reducer(depth, 1, unsigned(8), signed(16), lambda old, value: old + value, kind)


reducers = bench_group(make, product(DEPTHS, KINDS))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_sums_in_turn(depth, kind, reducers):
    rng = np.random.default_rng(depth)
    totals, words, expected = [0] * depth, [], []
    for index in range(12 * depth):
        value = int(rng.integers(256))
        fresh, restart, emit = index < depth or rng.random() < 0.2, *(rng.random(2) < 0.3)
        flags = {"values": [value], "fresh": int(fresh), "restart": int(restart), "emit": int(emit)}
        words.append(reducer_layout(unsigned(8), 1).const(flags).as_bits())
        total = value if fresh else totals[index % depth] + value
        totals[index % depth] = value if restart else total
        expected += [total] * int(emit)
    bench = reducers[depth, kind]
    bench.run({"i": [words]}, {"o": [expected]}, stalls=0.5)
    result = bench.run({"i": [words]}, {"o": [expected]})
    assert result.bubbles("i") == 0
