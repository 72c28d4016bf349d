"""Clocks: from a board's oscillator to the accelerator's ``sync`` domain.

What makes another frequency of the oscillator's differs from family to family: ``boards/mmcm.py``
for 7-series, ``boards/pll.py`` for ECP5.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol, TypeVar

from amaranth.build import Platform
from amaranth.hdl import ClockSignal, Const, Elaboratable, Module, Signal
from amaranth.lib import io
from amaranth.lib.cdc import ResetSynchronizer

TOLERANCE = Fraction(1, 10_000)
"""Relative error that a clock may have; a UART bears 200 times that."""
RESET_CYCLES = 8
"""Long enough to outlast the registers' staggered start at the end of configuration."""
RESET_HZ = 10_000_000
"""A reset lasts a cycle of this or more: an IDELAYCTRL wants 59.28 ns (DS182)."""


class Settings(Protocol):
    """How a clock is made from an oscillator's."""

    def frequency(self, oscillator_hz: int) -> Fraction:
        """The clock made from ``oscillator_hz``."""
        ...

    def rank(self, oscillator_hz: int) -> tuple[float, ...]:
        """Orders settings that make the same clock, the best first."""
        ...


S = TypeVar("S", bound=Settings)


def nearest(
    candidates: Iterable[S], oscillator_hz: int, clock_hz: int, limits: tuple[int, int]
) -> S:
    """The settings that come nearest to ``clock_hz``; among equals, those of the lowest rank.

    Parameters
    ----------
    candidates : settings that the hardware can do
    oscillator_hz, clock_hz : int
    limits : lowest and highest clock in Hz that can be made

    Raises
    ------
    ValueError
        If the clock is out of range, or cannot be made to within ``TOLERANCE``.
    """
    low, high = limits
    if not low <= clock_hz <= high:
        raise ValueError(
            f"a clock of {clock_hz / 1e6:g} MHz is out of range; "
            f"{low / 1e6:g} to {high / 1e6:g} MHz can be made"
        )

    def rank(settings: S) -> tuple[Fraction | float, ...]:
        error = abs(settings.frequency(oscillator_hz) - clock_hz)
        return error, *settings.rank(oscillator_hz)

    best = min(candidates, key=rank)
    if abs(best.frequency(oscillator_hz) - clock_hz) > TOLERANCE * clock_hz:
        closest = float(best.frequency(oscillator_hz)) / 1e6
        raise ValueError(
            f"a clock of {clock_hz / 1e6:g} MHz cannot be made from {oscillator_hz / 1e6:g} MHz; "
            f"the nearest is {closest:.6g} MHz"
        )
    return best


class ClockGenerator(Elaboratable):
    """Clock and reset of the ``sync`` domain, which its parent defines.

    They come from the platform's default clock and reset.

    The oscillator drives the domain directly if it has the wanted frequency, through what the
    platform's ``make_clock`` builds otherwise. Reset is synchronous, lasts ``RESET_CYCLES`` or more
    after configuration, and is held while that is not locked or the reset button is pressed.

    Parameters
    ----------
    clock_hz : int

    Attributes
    ----------
    oscillator : Signal
        The oscillator itself.
    """

    def __init__(self, clock_hz: int):
        self._clock_hz = clock_hz
        self.oscillator = Signal()

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
        m.d.comb += self.oscillator.eq(buffer.i)
        clock, locked = buffer.i, Const(1)
        if int(platform.default_clk_frequency) != self._clock_hz:
            clock, locked = platform.make_clock(m, buffer.i, self._clock_hz)
        platform.distribute_clock(m, clock, ClockSignal())
        cycles = max(RESET_CYCLES, -(-self._clock_hz // RESET_HZ))
        m.submodules.reset = ResetSynchronizer(button | ~locked, stages=cycles)
        return m
