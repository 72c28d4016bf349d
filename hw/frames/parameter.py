"""The parameter of a sample's code, from the magnitudes of its neighbours."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.delay import delayed
from hw.frames.rice import PARAMETER
from protocol.coding.rules import LEVEL_BITS, MOST_MAGNITUDE, THRESHOLDS

MAGNITUDE = range(MOST_MAGNITUDE + 1)
MAGNITUDE_BITS = MOST_MAGNITUDE.bit_length()
LOOP = 3
"""Steps from a sample's code to the next one of its channel, at least."""


class ParameterChooser(wiring.Component):
    """Chooses the parameter of a code a step.

    With a code that is read in step 0, ``o_parameter`` is its parameter then. ``i_ahead`` is of the
    sample above right in step -2, and ``i_mapped`` is of the sample itself in step 2.

    Parameters
    ----------
    slots : int
        Steps a pixel, at least :data:`LOOP`.

    Members
    -------
    i_mapped : In(LEVEL_BITS)
        Mapped residual.
    i_ahead : In(MAGNITUDE)
    o_magnitude : Out(MAGNITUDE)
        Of the sample, in step 3.
    o_parameter : Out(PARAMETER)
    """

    def __init__(self, slots: int):
        self._slots = slots
        super().__init__(
            {
                "i_mapped": In(LEVEL_BITS),
                "i_ahead": In(MAGNITUDE),
                "o_magnitude": Out(MAGNITUDE),
                "o_parameter": Out(PARAMETER),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        large = self.i_mapped[MAGNITUDE_BITS:].any()
        magnitude = Mux(large, MOST_MAGNITUDE, self.i_mapped[:MAGNITUDE_BITS])
        m.d.sync += self.o_magnitude.eq(magnitude)
        left = delayed(m, magnitude, self._slots - LOOP, "left")
        above = delayed(m, self.i_ahead, self._slots, "above")
        corner = delayed(m, above, self._slots, "corner")
        row = Signal(range(4 * MOST_MAGNITUDE + 1))
        m.d.sync += row.eq((self.i_ahead + corner) + (above << 1))
        total = Signal(range(6 * MOST_MAGNITUDE + 1))
        m.d.comb += total.eq(row + (left << 1))
        reached = Cat(total >= threshold for threshold in THRESHOLDS)
        # The thresholds ascend, so the last one that is reached tells how many are.
        for count in PARAMETER:
            below = reached[count - 1] if count else 1
            with m.If(below):
                m.d.sync += self.o_parameter.eq(count)
        return m
