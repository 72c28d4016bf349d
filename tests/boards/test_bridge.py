import pytest

from boards import BOARDS
from boards.bridge import FT231X, FT232R, FT2232H


@pytest.mark.parametrize(
    ("bridge", "mhz", "baud"),
    [
        (FT2232H, 100, 6_000_000),
        (FT2232H, 48, 6_000_000),
        (FT2232H, 47, 4_000_000),
        (FT2232H, 0.5, 125_000),
        (FT232R, 100, 3_000_000),
        (FT231X, 20, 1_500_000),
    ],
)
def test_the_usual_rate_is_the_fastest_that_a_clock_receives_well(bridge, mhz, baud):
    assert bridge.usual(round(mhz * 1e6)) == baud


@pytest.mark.parametrize("bridge", [FT2232H, FT232R, FT231X])
def test_rates_have_whole_divisors(bridge):
    assert all(bridge.most_baud % baud == 0 for baud in bridge.rates)
    assert list(bridge.rates) == sorted(bridge.rates, reverse=True)


def test_boards_have_the_usual_rate():
    for board in BOARDS.values():
        assert board.baud == board.bridge.usual(board.clock_hz)
