import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.axi.answers import AnswerOutput
from hw.axi.signatures import beat
from tests.harness import bench_group

CLASSES = [1, 2, 5]


class Answers(wiring.Component):
    """The unit without its soft reset, which the benches of whole cores have."""

    def __init__(self, classes: int):
        self._unit = AnswerOutput(classes)
        super().__init__(
            {
                "i": In(stream.Signature(signed(32))),
                "i_verdict": In(stream.Signature(1)),
                "o": Out(stream.Signature(beat(32))),
                "o_best": Out(stream.Signature(beat(64))),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self._unit
        for name in ("i", "i_verdict"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(unit, name))
        for name in ("o", "o_best"):
            wiring.connect(m, getattr(unit, name), wiring.flipped(getattr(self, name)))
        return m


outputs = bench_group(Answers, CLASSES)


def streams(classes, seed, frames=30):
    """Random answers, many of them with equal sums, and what must come of them."""
    rng = np.random.default_rng(seed)
    sums = rng.integers(-3, 3, (frames, classes))
    sums[::3] = rng.integers(-(2**31), 2**31, sums[::3].shape)
    wrong = rng.integers(0, 2, frames)
    best = np.argmax(sums, axis=1)
    packets = [
        [int(v) % 2**32 | int(c == classes - 1) << 32 | int(w) << 33 for c, v in enumerate(row)]
        for row, w in zip(sums, wrong, strict=True)
    ]
    tops = [
        int(c) | int(row[c]) % 2**32 << 32 | 1 << 64 | int(w) << 65
        for row, c, w in zip(sums, best, wrong, strict=True)
    ]
    return {"i": list(sums), "i_verdict": [wrong]}, {"o": packets, "o_best": [tops]}


@pytest.mark.parametrize("classes", CLASSES)
def test_packets_and_best_classes(classes, outputs):
    for seed, stalls in enumerate((0.4, {"i_verdict": 0.9}, {"o": 0.7}, {"o_best": 0.9})):
        inputs, expected = streams(classes, seed)
        outputs[classes].run(inputs, expected, stalls=stalls, seed=seed)


def test_a_sum_a_cycle_when_nothing_stalls(outputs):
    inputs, expected = streams(5, 9)
    result = outputs[5].run(inputs, expected)
    assert result.bubbles("o") == 0
    assert result.first("o") == 1
