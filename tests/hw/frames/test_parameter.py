import numpy as np
import pytest

from hw.frames.parameter import MAGNITUDE_BITS, ParameterChooser
from protocol.coding.rules import LEVEL_BITS, MOST_MAGNITUDE, parameter
from tests.harness import StreamBench
from tests.hw.frames.stepped import Stepped


def model(mapped, ahead, slots):
    """The parameter in each step."""

    def at(values, step):
        return int(values[step]) if step >= 0 else 0

    def total(step):
        left = min(at(mapped, step - slots + 2), MOST_MAGNITUDE)
        right, above, corner = (at(ahead, step - 2 - turn * slots) for turn in range(3))
        return 2 * left + 2 * above + corner + right

    return [parameter(total(step)) for step in range(len(mapped))]


@pytest.mark.parametrize("slots", [3, 5])
def test_parameters_follow_from_four_neighbours(tmp_path, slots):
    rng = np.random.default_rng(slots)
    # Parts with small ones and parts with large ones, so that all parameters come.
    mapped = (rng.integers(0, 512, (30, 30)) >> rng.integers(0, 9, (30, 1))).ravel()
    ahead = (rng.integers(0, 32, (30, 30)) >> rng.integers(0, 5, (30, 1))).ravel()
    unit = ParameterChooser(slots)
    inputs = {"i_mapped": LEVEL_BITS, "i_ahead": MAGNITUDE_BITS}
    stepped = Stepped(unit, inputs, "o_parameter")
    expected = model(mapped, ahead, slots)
    assert set(expected) == set(range(6))
    bench = StreamBench(stepped, "parameter", tmp_path)
    words = stepped.transfers(i_mapped=mapped, i_ahead=ahead)
    bench.run({"i": [words]}, {"o": [expected]}, stalls=0.4, seed=slots)
