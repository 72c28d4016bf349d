"""The EHXPLLL of ECP5 FPGAs: makes ``oscillator * feedback * loop / (divider * output)``.

The output CLKOP is the clock. The loop is closed inside the PLL through the output CLKOS, whose
divider ``loop`` multiplies what ``feedback`` alone could make. The limits are those of the data
sheet (FPGA-DS-02012, sysCLOCK PLL timing).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from amaranth.hdl import Const, Instance, Signal, Value

from boards.clocking import nearest

VCO_HZ = (400_000_000, 800_000_000)
PFD_HZ = (10_000_000, 400_000_000)
CLOCK_HZ = (3_125_000, 400_000_000)
"""Of any output, CLKOS included."""
LARGEST_DIVIDER = 128
LARGEST_FEEDBACK = 80
MIDDLE_OF_VCO_HZ = sum(VCO_HZ) // 2


@dataclass(frozen=True)
class PllSettings:
    """How an EHXPLLL makes a clock."""

    divider: int
    feedback: int
    loop: int
    output: int

    def frequency(self, oscillator_hz: int) -> Fraction:
        """The clock made from ``oscillator_hz``."""
        return self.vco(oscillator_hz) / self.output

    def vco(self, oscillator_hz: int) -> Fraction:
        """What the oscillator inside the PLL runs at."""
        return Fraction(oscillator_hz * self.feedback * self.loop, self.divider)

    def rank(self, oscillator_hz: int) -> tuple[float, ...]:
        """Least jitter first: a small divider, then a VCO far from its limits."""
        return self.divider, abs(float(self.vco(oscillator_hz)) - MIDDLE_OF_VCO_HZ), self.feedback


def find_pll(oscillator_hz: int, clock_hz: int) -> PllSettings:
    """The settings that come nearest to ``clock_hz``; raises as ``clocking.nearest``."""
    return nearest(_candidates(oscillator_hz, clock_hz), oscillator_hz, clock_hz, CLOCK_HZ)


def _candidates(oscillator_hz: int, clock_hz: int) -> Iterator[PllSettings]:
    """For every legal VCO frequency, the nearest output divider."""
    for divider in range(1, LARGEST_DIVIDER + 1):
        if not PFD_HZ[0] * divider <= oscillator_hz <= PFD_HZ[1] * divider:
            continue
        for feedback in range(1, LARGEST_FEEDBACK + 1):
            looped = oscillator_hz * feedback / divider
            if not CLOCK_HZ[0] <= looped <= CLOCK_HZ[1]:
                continue
            for loop in range(1, LARGEST_DIVIDER + 1):
                if VCO_HZ[0] <= looped * loop <= VCO_HZ[1]:
                    output = round(looped * loop / clock_hz)
                    if 1 <= output <= LARGEST_DIVIDER:
                        yield PllSettings(divider, feedback, loop, output)


def pll(settings: PllSettings, source: Value, clock: Signal, locked: Signal) -> Instance:
    """An EHXPLLL that makes ``clock`` of ``source``, in phase with nothing.

    Parameters
    ----------
    settings : PllSettings
        From :func:`find_pll`, for the frequency of ``source``.
    source : Value
    clock, locked : Signal
        What it drives: the clock, and whether that is steady.
    """
    return Instance(
        "EHXPLLL",
        # Analogue settings as Project Trellis' ecppll chooses them.
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        a_MFG_ENABLE_FILTEROPAMP="1",
        a_MFG_GMCREF_SEL="2",
        p_CLKI_DIV=settings.divider,
        p_FEEDBK_PATH="INT_OS",
        p_CLKFB_DIV=settings.feedback,
        p_CLKOP_ENABLE="ENABLED",
        p_CLKOP_DIV=settings.output,
        p_CLKOP_CPHASE=settings.output - 1,
        p_CLKOP_FPHASE=0,
        p_CLKOS_ENABLE="ENABLED",
        p_CLKOS_DIV=settings.loop,
        p_CLKOS_CPHASE=settings.loop - 1,
        p_CLKOS_FPHASE=0,
        i_CLKI=source,
        i_RST=Const(0),
        i_STDBY=Const(0),
        i_PLLWAKESYNC=Const(0),
        i_ENCLKOP=Const(0),
        i_ENCLKOS=Const(0),
        i_PHASESEL0=Const(0),
        i_PHASESEL1=Const(0),
        i_PHASEDIR=Const(0),
        i_PHASESTEP=Const(0),
        i_PHASELOADREG=Const(0),
        o_CLKOP=clock,
        o_LOCK=locked,
    )
