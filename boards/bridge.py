"""The chips between boards' UARTs and USB: which rates they make, and which they are known to keep.

FTDI's data sheets give the FT2232H 12 Mbaud at most, the FT232R and the FT231X 3 Mbaud. An FT2232H
divides 12 MHz by a multiple of an eighth from 2 on, or by 1 or 1.5 (FTDI AN_120); the others divide
3 MHz so. The rates here have whole divisors: they are as exact as the bridge's crystal.
The CP2103's data sheet (Silicon Labs) gives it 1 Mbaud at most; it divides 24 MHz (AN205).

PyFtdi's manual ("UART support", section "Limitations") has measurements on an FT2232H's pins. Up to
6 Mbaud bits are as long as they should be, a low one 48.5 % of a pair; what is between that and
12 Mbaud comes out as some 8 Mbaud that flutters; 12 Mbaud is right on average, with low bits of
43 %. It calls what is above 6 Mbaud barely usable. So 6 Mbaud is the fastest to rely on, and
12 Mbaud is there for whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass

STEADY_CYCLES = 8
"""Clock cycles a bit at which our receiver tolerates a sender that is 3 % fast or slow."""


@dataclass(frozen=True)
class Bridge:
    """A chip between a UART and USB.

    Attributes
    ----------
    name : str
    most_baud : int
        That it can be asked for.
    rates : tuple of int
        Baud rates that it is known to keep, the fastest first.
    """

    name: str
    most_baud: int
    rates: tuple[int, ...]

    def usual(self, clock_hz: int) -> int:
        """The fastest of its rates that a board receives well at this clock; or the slowest."""
        steady = (baud for baud in self.rates if clock_hz >= STEADY_CYCLES * baud)
        return next(steady, self.rates[-1])


_SLOW = (1_000_000, 500_000, 250_000, 125_000)
FT2232H = Bridge("FT2232H", 12_000_000, (6_000_000, 4_000_000, 3_000_000, 2_000_000, *_SLOW))
FT232R = Bridge("FT232R", 3_000_000, (3_000_000, 1_500_000, *_SLOW))
FT231X = Bridge("FT231X", 3_000_000, FT232R.rates)
CP2103 = Bridge("CP2103", 1_000_000, _SLOW)
DAPLINK = Bridge("DAPLink", 1_000_000, (115_200,))
"""A microcontroller, of which we know no rate but the usual one."""
