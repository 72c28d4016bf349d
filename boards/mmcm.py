"""The MMCM of 7-series FPGAs: makes ``oscillator * multiplier / (divider * output)``.

Multiplier and output divider come in eighths. The limits are those of the slowest speed grade in
the data sheets (DS181, DS182).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from amaranth.hdl import Const, Instance, Signal, Value

from boards.clocking import nearest

VCO_HZ = (600_000_000, 1_200_000_000)
PFD_HZ = (10_000_000, 450_000_000)
CLOCK_HZ = (4_690_000, 400_000_000)
"""The slowest output of an MMCM, and about the fastest of a block RAM."""


@dataclass(frozen=True)
class MmcmSettings:
    """How an MMCM makes a clock; ``multiplier8`` and ``output8`` are in eighths."""

    divider: int
    multiplier8: int
    output8: int

    def frequency(self, oscillator_hz: int) -> Fraction:
        """The clock made from ``oscillator_hz``."""
        return Fraction(oscillator_hz * self.multiplier8, self.divider * self.output8)

    def vco(self, oscillator_hz: int) -> Fraction:
        """What the oscillator inside the MMCM runs at."""
        return Fraction(oscillator_hz * self.multiplier8, self.divider * 8)

    def rank(self, oscillator_hz: int) -> tuple[float, ...]:
        """Least jitter first: a small divider and a fast VCO."""
        return self.divider, -self.multiplier8


def find_mmcm(oscillator_hz: int, clock_hz: int) -> MmcmSettings:
    """The settings that come nearest to ``clock_hz``; raises as ``clocking.nearest``."""
    return nearest(_candidates(oscillator_hz, clock_hz), oscillator_hz, clock_hz, CLOCK_HZ)


def _candidates(oscillator_hz: int, clock_hz: int) -> Iterator[MmcmSettings]:
    """For every legal VCO frequency, the nearest output divider."""
    for divider in range(1, 107):
        if not PFD_HZ[0] <= oscillator_hz / divider <= PFD_HZ[1]:
            continue
        for multiplier8 in range(16, 513):
            scaled = oscillator_hz * multiplier8
            if not VCO_HZ[0] * 8 * divider <= scaled <= VCO_HZ[1] * 8 * divider:
                continue
            output8 = round(scaled / (divider * clock_hz))
            if 16 <= output8 <= 1024:
                yield MmcmSettings(divider, multiplier8, output8)


def mmcm(
    settings: MmcmSettings, oscillator_hz: int, source: Value, clock: Signal, locked: Signal
) -> Instance:
    """An MMCM that makes ``clock`` of ``source``.

    Parameters
    ----------
    settings : MmcmSettings
        From :func:`find_mmcm`.
    oscillator_hz : int
        Of ``source``.
    source : Value
    clock, locked : Signal
        What it drives: the clock, and whether that is steady.
    """
    feedback = Signal()
    return Instance(
        "MMCME2_BASE",
        p_CLKIN1_PERIOD=1e9 / oscillator_hz,
        p_DIVCLK_DIVIDE=settings.divider,
        p_CLKFBOUT_MULT_F=settings.multiplier8 / 8,
        p_CLKOUT0_DIVIDE_F=settings.output8 / 8,
        i_CLKIN1=source,
        i_CLKFBIN=feedback,
        i_RST=Const(0),
        i_PWRDWN=Const(0),
        o_CLKFBOUT=feedback,
        o_CLKOUT0=clock,
        o_LOCKED=locked,
    )
