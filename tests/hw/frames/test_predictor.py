import numpy as np
import pytest

from hw.frames.predictor import Predictor
from protocol.coding.decode import add_residual, predict
from protocol.coding.rules import LEVEL_BITS
from tests.harness import StreamBench
from tests.hw.frames.stepped import Stepped


def model(mapped, ahead, slots):
    """The level in each step."""
    levels = [0, 0, 0]

    def at(values, step):
        return int(values[step]) if step >= 0 else 0

    for step in range(len(mapped) - 3):
        left = at(levels, step - slots + 3)
        above, corner = (at(ahead, step - 2 - turn * slots) for turn in (1, 2))
        levels.append(add_residual(predict(left, above, corner), at(mapped, step + 2)))
    return levels


@pytest.mark.parametrize("slots", [3, 4])
def test_levels_are_predicted_from_three_neighbours(tmp_path, slots):
    rng = np.random.default_rng(slots)
    # Large and small, so that neighbours are far apart, close and equal.
    mapped = rng.integers(0, 512, 800) >> rng.integers(0, 9, 800)
    ahead = rng.integers(-256, 256, 800) >> rng.integers(0, 9, 800)
    # What the first steps give follows from what is before the reset.
    mapped[:2] = 0
    stepped = Stepped(Predictor(slots), {"i_mapped": LEVEL_BITS, "i_ahead": LEVEL_BITS}, "o_level")
    bench = StreamBench(stepped, "predictor", tmp_path)
    words = stepped.transfers(i_mapped=mapped, i_ahead=ahead)
    bench.run({"i": [words]}, {"o": [model(mapped, ahead, slots)]}, stalls=0.4, seed=slots)
