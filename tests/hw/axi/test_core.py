"""The core on its buses: whole frames, faults of frames, registers, resets."""

import numpy as np
import pytest

from protocol.registers import BEAT_BITS
from tests.harness.shared import shared_folder
from tests.hw.axi.cores import CoreBench, beats
from tests.networks import random_frames


@pytest.fixture(scope="module")
def cores(tmp_path_factory):
    return CoreBench(tmp_path_factory.mktemp("cores"))


@pytest.mark.parametrize("bits", BEAT_BITS)
@pytest.mark.parametrize("stall", [0.0, 0.4])
def test_frames_are_answered_as_by_the_golden_model(cores, bits, stall):
    frames = random_frames(cores.network, 3)
    sent = [beat for frame in frames for beat in beats(frame.tobytes(), bits, user=bool(stall))]
    sums, best = cores.answers(frames)
    steps = [["send", sent], ["receive", "m_axis", len(sums)]]
    outcome = cores.run(bits, steps, stall=stall, seed=bits)
    assert outcome.sums == sums
    assert outcome.best == best
