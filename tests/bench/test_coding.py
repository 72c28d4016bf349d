import numpy as np

from bench.coding import _table, measure, title
from gen.common.progress import SILENT
from protocol.coding.rules import Steps
from tests.networks import random_frames, tiny_network


def test_what_is_lossless_changes_no_class():
    network = tiny_network()
    frames = random_frames(network, 6)
    modes = measure({"8": network}, frames, np.zeros(len(frames), int), SILENT)
    assert list(modes) == ["raw", "lossless", "step 2", "step 2, chroma 4", "step 4"]
    assert modes["raw"].same == modes["lossless"].same == {"8": 100.0}
    assert modes["raw"].top1 == modes["lossless"].top1
    assert modes["raw"].size == frames[0].size
    sizes = [mode.size for mode in list(modes.values())[1:]]
    assert sizes == sorted(sizes, reverse=True)
    rates = [mode.rate for mode in list(modes.values())[1:]]
    assert rates == sorted(rates)
    assert len(_table(modes).rows) == 5


def test_steps_have_names():
    assert title(Steps(2, 4)) == "step 2, chroma 4"
    assert title(Steps(4, 4)) == "step 4"
