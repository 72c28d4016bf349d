import numpy as np
import pytest

from hw.frames.delay import RowDelay
from tests.harness import StreamBench
from tests.hw.frames.stepped import Stepped


@pytest.mark.parametrize("steps", [2, 37])
def test_values_come_again(tmp_path, steps):
    values = np.random.default_rng(steps).integers(0, 256, 200).tolist()
    stepped = Stepped(RowDelay(8, steps), {"i": 8}, "o")
    bench = StreamBench(stepped, "delay", tmp_path)
    expected = [0] * steps + values[:-steps]
    bench.run({"i": [values]}, {"o": [expected]}, stalls=0.4, seed=steps)


def test_a_row_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="at least 2 steps, not 1"):
        RowDelay(8, 1)
