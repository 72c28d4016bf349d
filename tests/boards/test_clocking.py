from fractions import Fraction

import pytest

from boards.clocking import PFD_HZ, TOLERANCE, VCO_HZ, find_settings


@pytest.mark.parametrize("oscillator", [100_000_000, 200_000_000])
@pytest.mark.parametrize(
    "clock", [10_000_000, 33_333_333, 80_000_000, 101_300_000, 125_000_000, 187_654_321]
)
def test_clocks_are_near_and_legal(oscillator, clock):
    settings = find_settings(oscillator, clock)
    assert abs(settings.frequency(oscillator) - clock) <= TOLERANCE * clock
    assert VCO_HZ[0] <= settings.vco(oscillator) <= VCO_HZ[1]
    assert PFD_HZ[0] <= Fraction(oscillator, settings.divider) <= PFD_HZ[1]
    assert 16 <= settings.multiplier8 <= 512
    assert 16 <= settings.output8 <= 1024


def test_exact_clocks_are_exact():
    for megahertz in (50, 75, 80, 90, 110, 120, 125, 150):
        settings = find_settings(100_000_000, megahertz * 1_000_000)
        assert settings.frequency(100_000_000) == megahertz * 1_000_000


@pytest.mark.parametrize("clock", [0, 1_000_000, 900_000_000])
def test_clocks_out_of_range_are_refused(clock):
    with pytest.raises(ValueError, match="out of range"):
        find_settings(100_000_000, clock)


def test_a_clock_that_cannot_be_made_names_the_nearest():
    with pytest.raises(ValueError, match=r"4\.695 MHz cannot be made .* nearest is 4\.69\d+ MHz"):
        find_settings(12_000_000, 4_695_000)
