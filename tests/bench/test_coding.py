from functools import partial

import numpy as np

from bench.coding import STEPS, _table, _typical_table, measure, title, typical
from gen.common.progress import SILENT
from protocol.coding.rules import Steps
from sim.golden import class_sums
from tests.networks import random_frames, tiny_network


def test_what_is_lossless_changes_no_class():
    network = tiny_network()
    frames = random_frames(network, 6)
    modes = measure({"8": partial(class_sums, network)}, frames, np.zeros(len(frames), int), SILENT)
    assert list(modes) == ["raw", "lossless", *map(title, STEPS[1:])]
    assert modes["raw"].same == modes["lossless"].same == {"8": 100.0}
    assert modes["raw"].top1 == modes["lossless"].top1
    assert modes["raw"].size == frames[0].size
    coded = sorted(list(modes.values())[1:], key=lambda mode: mode.size)
    assert coded[0] is modes["step 8"]
    assert coded[-1] is modes["lossless"]
    assert [mode.rate for mode in coded] == sorted((m.rate for m in coded), reverse=True)
    assert len(_table(modes, "tiny").rows) == 1 + len(STEPS)


def test_only_the_steps_that_are_asked_for():
    network = tiny_network()
    frames, steps = random_frames(network, 3), (Steps(2, 2),)
    scores = {"8": partial(class_sums, network)}
    assert list(measure(scores, frames, np.zeros(3, int), SILENT, steps)) == ["raw", "step 2"]


def test_steps_have_names():
    assert title(Steps(2, 4)) == "step 2, chroma 4"
    assert title(Steps(4, 4)) == "step 4"


def test_smooth_pictures_leave_less_than_small_ones():
    ramp = np.arange(28, dtype=np.uint8)[None, :, None, None] * np.ones((2, 1, 28, 3), np.uint8)
    parts = typical(ramp)
    assert list(parts) == ["28x28, colour", "28x28, grey", "4x4, colour", "4x4, grey"]
    for left in parts.values():
        assert 0 < left["step 1, chroma 4"] <= left["lossless"]
    assert parts["28x28, colour"]["lossless"] < parts["4x4, colour"]["lossless"]
    assert len(_typical_table(parts).rows) == 4
