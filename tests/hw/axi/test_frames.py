import random

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.axi.frames import ERROR_BITS, FrameIntake
from hw.axi.signatures import beat
from hw.stream.fifo import StreamFifo
from hw.stream.lane_stream import lane_stream
from protocol.registers import CoreInfo, FrameError
from tests.harness import bench_group
from tests.hw.axi.cores import taken

CASES = [(bits, size) for bits in (8, 24, 32) for size in (1, 4, 7)]


def info(bits: int, size: int) -> CoreInfo:
    return CoreInfo(1, size, 1, 3, 1, bits, 1, bytes(8))


class Intake(wiring.Component):
    """The unit, with its verdicts as a stream."""

    def __init__(self, bits: int, size: int):
        self._unit = FrameIntake(info(bits, size))
        super().__init__(
            {
                "i": In(stream.Signature(beat(bits))),
                "o": Out(lane_stream(1, 8)),
                "o_errors": Out(stream.Signature(ERROR_BITS)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.unit = unit = self._unit
        m.submodules.errors = errors = StreamFifo(ERROR_BITS, 2)
        wiring.connect(m, wiring.flipped(self.i), unit.i)
        wiring.connect(m, unit.o, wiring.flipped(self.o))
        wiring.connect(m, errors.o, wiring.flipped(self.o_errors))
        m.d.comb += [
            errors.i.valid.eq(unit.o_judged),
            errors.i.payload.eq(unit.o_error),
            unit.i_room.eq(errors.i.ready),
        ]
        return m


intakes = bench_group(Intake, CASES)


def random_beats(bits, size, seed, faults=0.5):
    """Beats of frames of all lengths, marked in all ways; at last a right one."""
    rng = random.Random(seed)
    whole = info(bits, size).frame_beats
    sent = []
    for number in range(80):
        right = rng.random() >= faults or number == 79
        count = whole if right else rng.randrange(1, 2 * whole + 2)
        frame = [[rng.randrange(1 << bits), 0, 0] for _ in range(count)]
        frame[-1][1] = right or rng.random() < 0.7
        frame[0][2] = number == 79 or rng.random() < 0.5
        sent += frame
    return sent


def packed(beats, bits):
    return [data | last << bits | user << (bits + 1) for data, last, user in beats]


@pytest.mark.parametrize(("bits", "size"), CASES)
def test_all_that_can_come_ends_in_whole_frames(bits, size, intakes):
    found = set()
    for seed, stalls in enumerate((0.4, {"i": 0.6}, {"o": 0.7}, {"o_errors": 0.9})):
        sent = random_beats(bits, size, seed)
        frames = taken(sent, info(bits, size))
        found |= {frame.error for frame in frames}
        intakes[bits, size].run(
            {"i": [packed(sent, bits)]},
            {
                "o": [np.frombuffer(frame.data, np.uint8) for frame in frames],
                "o_errors": [[frame.error for frame in frames]],
            },
            stalls=stalls,
            seed=seed,
        )
    # A frame of a single beat cannot be too short, or begin anew amid itself.
    single = {FrameError.NONE, FrameError.LONG}
    assert found == (single if info(bits, size).frame_beats == 1 else set(FrameError))


@pytest.mark.parametrize(("bits", "size"), [(8, 7), (24, 7), (32, 4)])
def test_a_byte_a_cycle_when_nothing_stalls(bits, size, intakes):
    sent = random_beats(bits, size, 1, faults=0)
    frames = taken(sent, info(bits, size))
    result = intakes[bits, size].run(
        {"i": [packed(sent, bits)]},
        {
            "o": [np.frombuffer(frame.data, np.uint8) for frame in frames],
            "o_errors": [[0] * len(frames)],
        },
    )
    assert result.bubbles("o") == 0
