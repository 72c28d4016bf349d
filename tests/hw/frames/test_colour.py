import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.colour import Dequantiser, InverseTransform, clipped
from hw.frames.predictor import LEVEL
from protocol.coding.levels import to_pixels
from protocol.coding.rules import LEVEL_BITS, STEP_BITS, STEPS, Steps
from tests.harness import StreamBench
from tests.hw.frames.stepped import Stepped

LATENCY = 1 + InverseTransform.LATENCY


class Colours(wiring.Component):
    """From levels to samples, all units of the module one after another."""

    i: In(LEVEL)
    i_shift: In(STEP_BITS)
    i_first: In(1)
    o: Out(8)

    def elaborate(self, platform):
        m = Module()
        m.submodules.dequantiser = dequantiser = Dequantiser()
        m.submodules.transform = transform = InverseTransform()
        m.d.sync += transform.i_first.eq(self.i_first)
        m.d.comb += [
            dequantiser.i.eq(self.i),
            dequantiser.i_shift.eq(self.i_shift),
            transform.i.eq(dequantiser.o),
            self.o.eq(clipped(transform.o)),
        ]
        return m


def test_pixels_are_what_the_model_makes_of_levels(tmp_path):
    rng = np.random.default_rng(1)
    # Any levels at all, and such as frames have.
    levels = rng.integers(-256, 256, (4, 80, 3)) >> rng.integers(0, 4, (4, 80, 1))
    expected, words = [], []
    stepped = Stepped(Colours(), {"i": LEVEL_BITS, "i_shift": STEP_BITS, "i_first": 1}, "o")
    for part, (luma, chroma) in zip(levels, ((1, 1), (2, 4), (4, 8), (8, 2)), strict=True):
        expected += to_pixels(part[None], Steps(luma, chroma)).ravel().tolist()
        shifts = [STEPS.index(luma)] + [STEPS.index(chroma)] * 2
        words += stepped.transfers(
            i=part.ravel(), i_shift=shifts * len(part), i_first=[1, 0, 0] * len(part)
        )
    assert {0, 255} < set(expected)
    bench = StreamBench(stepped, "colour", tmp_path)
    # Before the first pixel there is black.
    shown = ([0] * LATENCY + expected)[: len(words)]
    bench.run({"i": [words]}, {"o": [shown]}, stalls=0.4, seed=1)
