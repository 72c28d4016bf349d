"""Clocks of 7-series FPGAs: from a board's oscillator to the accelerator's ``sync`` domain.

An MMCM makes ``oscillator * multiplier / (divider * output)``; the multiplier and the output
divider come in eighths. The limits are those of the slowest speed grade in the data sheets (DS181,
DS182).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from amaranth.build import Platform
from amaranth.hdl import ClockSignal, Const, Elaboratable, Instance, Module, Signal, Value
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

VCO_HZ = (600_000_000, 1_200_000_000)
PFD_HZ = (10_000_000, 450_000_000)
CLOCK_HZ = (4_690_000, 400_000_000)
"""The slowest output of an MMCM, and about the fastest of a block RAM."""
TOLERANCE = Fraction(1, 10_000)
"""Relative error that a clock may have; a UART bears 200 times that."""
RESET_CYCLES = 8
"""Long enough to outlast the registers' staggered start at the end of configuration."""


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


def find_settings(oscillator_hz: int, clock_hz: int) -> MmcmSettings:
    """The settings that come nearest to ``clock_hz``; among equals, small divider and fast VCO.

    Raises
    ------
    ValueError
        If the clock is out of range, or cannot be made to within ``TOLERANCE``.
    """
    low, high = CLOCK_HZ
    if not low <= clock_hz <= high:
        raise ValueError(
            f"a clock of {clock_hz / 1e6:g} MHz is out of range; "
            f"{low / 1e6:g} to {high / 1e6:g} MHz can be made"
        )

    def rank(settings: MmcmSettings) -> tuple[Fraction, int, int]:
        error = abs(settings.frequency(oscillator_hz) - clock_hz)
        return error, settings.divider, -settings.multiplier8

    best = min(_candidates(oscillator_hz, clock_hz), key=rank)
    if rank(best)[0] > TOLERANCE * clock_hz:
        nearest = float(best.frequency(oscillator_hz)) / 1e6
        raise ValueError(
            f"a clock of {clock_hz / 1e6:g} MHz cannot be made from {oscillator_hz / 1e6:g} MHz; "
            f"the nearest is {nearest:.6g} MHz"
        )
    return best


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


class ClockGenerator(Elaboratable):
    """Clock and reset of the ``sync`` domain, which its parent defines.

    They come from the platform's default clock and reset.

    The oscillator drives the domain directly if it has the wanted frequency, through an MMCM
    otherwise. Reset is synchronous, lasts ``RESET_CYCLES`` after configuration, and is held while
    the MMCM is not locked or the board's reset button is pressed.

    Parameters
    ----------
    clock_hz : int
    """

    def __init__(self, clock_hz: int):
        self._clock_hz = clock_hz

    def elaborate(self, platform: Platform) -> Module:
        """Build the hardware."""
        m = Module()
        pin = platform.request(platform.default_clk, dir="-")
        m.submodules.clock_pin = buffer = io.Buffer("i", pin)
        button = Const(0)
        if platform.default_rst is not None:
            reset_pin = platform.request(platform.default_rst, dir="-")
            m.submodules.reset_pin = reset_buffer = io.Buffer("i", reset_pin)
            button = reset_buffer.i
        oscillator_hz = int(platform.default_clk_frequency)
        clock, locked = buffer.i, Const(1)
        if oscillator_hz != self._clock_hz:
            clock, locked = Signal(), Signal()
            settings = find_settings(oscillator_hz, self._clock_hz)
            m.submodules.mmcm = _mmcm(settings, oscillator_hz, buffer.i, clock, locked)
        m.submodules.clock_buffer = Instance("BUFG", i_I=clock, o_O=ClockSignal())
        m.submodules.reset = ResetSynchronizer(button | ~locked, stages=RESET_CYCLES)
        return m


def _mmcm(
    settings: MmcmSettings, oscillator_hz: int, source: Value, clock: Signal, locked: Signal
) -> Instance:
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
