import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.frames.bit_reader import CODED
from hw.frames.decoder import FrameDecoder
from hw.frames.pipeline import slots
from hw.stream.fifo import StreamFifo
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


SHAPES = [(9, 11, 3), (7, 13, 1), (6, 5, 4), (8, 1, 3), (5, 2, 3), (1, 1, 2)]


@pytest.mark.parametrize("shape", SHAPES)
def test_frames_are_what_the_model_makes_of_them(tmp_path, shape):
    rng = np.random.default_rng(shape[1])
    frames = [encode(photograph(rng, shape), some_steps(rng, shape[2])) for _ in range(10)]
    frames.append(encode(rng.integers(0, 256, shape).astype(np.uint8), Steps()))
    bench = StreamBench(Judged(shape), "decoder", tmp_path)
    for seed, stalls in enumerate([0.4, {"i": 0.7}, {"o": 0.7}]):
        run(bench, shape, frames, stalls=stalls, seed=seed)
    run(bench, shape, frames)


def damaged(rng, data):
    """A frame's bytes, as no coder writes them."""
    damage = rng.choice(["end", "more", "head", "padding", "any", "zeros"])
    if damage == "end":
        return data[: rng.integers(1, len(data))]
    if damage == "more":
        return data + rng.bytes(int(rng.integers(1, 50)))
    if damage == "head":
        return bytes([data[0] ^ 1 << rng.integers(0, 8)]) + data[1:]
    if damage == "padding":
        return data[:-1] + bytes([data[-1] ^ 1])
    if damage == "zeros":
        return bytes(len(data))
    return rng.bytes(int(rng.integers(1, 2 * len(data))))


def test_malformed_frames_are_refused_and_the_next_one_is_right(tmp_path):
    shape = (5, 7, 3)
    rng = np.random.default_rng(7)
    frames, right = [], []
    for _ in range(60):
        photo = photograph(rng, shape)
        good = encode(photo, Steps())
        frames += [damaged(rng, good), good]
        right += [photo, photo]
    made = [decode(data, shape) for data in frames]
    assert sum(bool(one.fault) for one in made[::2]) > 40
    assert not any(one.fault for one in made[1::2])
    np.testing.assert_array_equal([one.frame for one in made[1::2]], right[1::2])
    bench = StreamBench(Judged(shape), "decoder", tmp_path)
    run(bench, shape, frames, stalls=0.3, seed=8)
    run(bench, shape, frames)


@pytest.mark.parametrize(("shape", "cycles"), [((24, 16, 3), 3), ((24, 16, 1), 3)])
def test_a_pixel_takes_as_many_cycles_as_it_has_slots(tmp_path, shape, cycles):
    noise = np.random.default_rng(5).integers(-4, 5, shape) + 128
    frames = [encode(noise.astype(np.uint8), Steps())] * 3
    bench = StreamBench(Judged(shape), "decoder", tmp_path)
    result = run(bench, shape, frames)
    assert slots(shape) == cycles
    pixels = shape[0] * shape[1]
    assert cycles * pixels < result.period("o") <= cycles * pixels + 40


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((9, 4, 3), 3),
        ((9, 3, 3), 4),
        ((9, 2, 1), 7),
        ((9, 1, 1), 3),
        ((1, 1, 1), 7),
        ((9, 9, 5), 5),
    ],
)
def test_narrow_frames_take_more_slots(shape, expected):
    assert slots(shape) == expected
