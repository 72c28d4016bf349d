from fractions import Fraction

import pytest

from boards import mmcm, pll
from boards.clocking import TOLERANCE
from boards.mmcm import find_mmcm
from boards.pll import find_pll

FINDERS = (find_mmcm, find_pll)


@pytest.mark.parametrize("oscillator", [100_000_000, 200_000_000])
@pytest.mark.parametrize(
    "clock", [10_000_000, 33_333_333, 80_000_000, 101_300_000, 125_000_000, 187_654_321]
)
def test_mmcm_clocks_are_near_and_legal(oscillator, clock):
    settings = find_mmcm(oscillator, clock)
    assert abs(settings.frequency(oscillator) - clock) <= TOLERANCE * clock
    assert mmcm.VCO_HZ[0] <= settings.vco(oscillator) <= mmcm.VCO_HZ[1]
    assert mmcm.PFD_HZ[0] <= Fraction(oscillator, settings.divider) <= mmcm.PFD_HZ[1]
    assert 16 <= settings.multiplier8 <= 512
    assert 16 <= settings.output8 <= 1024


@pytest.mark.parametrize("oscillator", [12_000_000, 25_000_000, 48_000_000, 100_000_000])
@pytest.mark.parametrize("clock", [10_000_000, 33_333_333, 60_000_000, 75_000_000, 200_000_000])
def test_pll_clocks_are_near_and_legal(oscillator, clock):
    settings = find_pll(oscillator, clock)
    assert abs(settings.frequency(oscillator) - clock) <= TOLERANCE * clock
    assert pll.VCO_HZ[0] <= settings.vco(oscillator) <= pll.VCO_HZ[1]
    assert pll.PFD_HZ[0] <= Fraction(oscillator, settings.divider) <= pll.PFD_HZ[1]
    looped = settings.vco(oscillator) / settings.loop
    assert looped == Fraction(oscillator * settings.feedback, settings.divider)
    assert pll.CLOCK_HZ[0] <= looped <= pll.CLOCK_HZ[1]
    assert max(settings.divider, settings.loop, settings.output) <= 128
    assert settings.feedback <= 80


@pytest.mark.parametrize("find", FINDERS)
def test_exact_clocks_are_exact(find):
    for megahertz in (50, 75, 80, 90, 110, 120, 125, 150):
        settings = find(100_000_000, megahertz * 1_000_000)
        assert settings.frequency(100_000_000) == megahertz * 1_000_000


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("clock", [0, 1_000_000, 900_000_000])
def test_clocks_out_of_range_are_refused(find, clock):
    with pytest.raises(ValueError, match="out of range"):
        find(100_000_000, clock)


def test_a_clock_that_cannot_be_made_names_the_nearest():
    with pytest.raises(ValueError, match=r"4\.695 MHz cannot be made .* nearest is 4\.69\d+ MHz"):
        find_mmcm(12_000_000, 4_695_000)
    with pytest.raises(ValueError, match=r"101\.3 MHz cannot be made .* nearest is 101\.\d+ MHz"):
        find_pll(25_000_000, 101_300_000)
