import random

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.bit_reader import CODED
from hw.frames.decoder import FrameDecoder
from hw.frames.pipeline import slots
from hw.stream.fifo import StreamFifo
from hw.stream.lane_stream import lane_stream
from protocol.coding.decode import decode
from protocol.coding.encode import encode
from protocol.coding.rules import STEPS, Steps
from tests.harness import StreamBench


class Judged(wiring.Component):
    """A decoder whose verdicts are a stream, too."""

    def __init__(self, shape):
        self.decoder = FrameDecoder(shape)
        super().__init__(
            {
                "i": In(CODED),
                "o": Out(self.decoder.signature.members["o"].signature),
                "o_refused": Out(stream.Signature(1)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder = decoder = self.decoder
        m.submodules.verdicts = verdicts = StreamFifo(1, 64)
        wiring.connect(m, wiring.flipped(self.i), decoder.i)
        wiring.connect(m, decoder.o, wiring.flipped(self.o))
        m.d.comb += [verdicts.i.valid.eq(decoder.o_done), verdicts.i.payload.eq(decoder.o_refused)]
        wiring.connect(m, verdicts.o, wiring.flipped(self.o_refused))
        return m


def coded(data):
    """The transfers of a frame's bytes."""
    return [byte | (at == len(data) - 1) << 8 for at, byte in enumerate(data)]


def run(bench, shape, frames, **how):
    """Play frames' bytes; the model says what comes out."""
    made = [decode(data, shape) for data in frames]
    outputs = {
        "o": [one.frame for one in made],
        "o_refused": [[int(bool(one.fault))] for one in made],
    }
    return bench.run({"i": [coded(data) for data in frames]}, outputs, **how)


def photograph(rng, shape):
    """What has smooth parts, edges and noise."""
    rows, columns, channels = (np.arange(size) for size in shape)
    slope = rng.normal(0, 3, (3, len(channels)))
    smooth = rows[:, None, None] * slope[0] + columns[:, None] * slope[1] + 128
    smooth[len(rows) // 2 :, len(columns) // 3 :] += 60 * slope[2]
    noise = rng.normal(0, rng.choice([0, 1, 4, 30]), shape)
    return np.clip(smooth + noise, 0, 255).astype(np.uint8)


def some_steps(rng, channels):
    return Steps(int(rng.choice(STEPS)), int(rng.choice(STEPS)) if channels == 3 else 1)


SHAPES = [(9, 11, 3), (7, 13, 1), (5, 6, 2), (6, 5, 4), (8, 1, 3), (5, 2, 3), (1, 1, 1), (3, 3, 3)]


@pytest.mark.parametrize("shape", SHAPES)
def test_frames_are_what_the_model_makes_of_them(tmp_path, shape):
    rng = np.random.default_rng(shape[1])
    frames = [
        encode(photograph(rng, shape), some_steps(rng, shape[2])) for _ in range(12)
    ]
    frames.append(encode(rng.integers(0, 256, shape).astype(np.uint8), Steps()))
    bench = StreamBench(Judged(shape), "decoder", tmp_path)
    for seed, stalls in enumerate([0.4, {"i": 0.7}, {"o": 0.7}]):
        run(bench, shape, frames, stalls=stalls, seed=seed)
    run(bench, shape, frames)


def test_a_sample_a_cycle(tmp_path):
    shape = (24, 16, 3)
    rng = np.random.default_rng(5)
    noise = rng.integers(-4, 5, shape) + 128
    frames = [encode(noise.astype(np.uint8), Steps())] * 3
    bench = StreamBench(Judged(shape), "decoder", tmp_path)
    result = run(bench, shape, frames)
    samples = noise.size
    assert slots(shape) == 3
    assert samples < result.period("o") <= samples + 40
    grey = (24, 16, 1)
    assert slots(grey) == 3
