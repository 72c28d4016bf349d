"""Levels: what is predicted from three neighbours, and the residual."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.delay import delayed
from hw.frames.parameter import LOOP
from protocol.coding.rules import LEVEL_BITS

LEVEL = signed(LEVEL_BITS)


class Predictor(wiring.Component):
    """Gives a level a step.

    With a code that is read in step 0, ``i_mapped`` is of that sample in step 2, and ``o_level`` in
    step 3. ``i_ahead`` is of the sample above right in step -2.

    Parameters
    ----------
    slots : int
        Steps a pixel, at least :data:`hw.frames.parameter.LOOP`.

    Members
    -------
    i_mapped : In(LEVEL_BITS)
        Mapped residual.
    i_ahead : In(LEVEL)
    o_level : Out(LEVEL)
    """

    def __init__(self, slots: int):
        self._slots = slots
        super().__init__(
            {"i_mapped": In(LEVEL_BITS), "i_ahead": In(LEVEL), "o_level": Out(LEVEL)},
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        # In step -1: what follows from the row above.
        early_above = delayed(m, self.i_ahead, self._slots + 1, "ahead")
        early_corner = delayed(m, early_above, self._slots, "behind")
        slope = Signal(signed(LEVEL_BITS + 1))
        m.d.sync += slope.eq(early_above - early_corner)
        # In step 0: what follows from the level to the left.
        above, corner = (
            delayed(m, value, 1, name)
            for value, name in ((early_above, "above"), (early_corner, "corner"))
        )
        left = delayed(m, self.o_level, self._slots - LOOP, "left")
        plane, left_larger = Signal(LEVEL), Signal()
        corner_below_left, corner_below_above = Signal(), Signal()
        m.d.sync += [
            plane.eq(left + slope),
            left_larger.eq(left > above),
            corner_below_left.eq(corner < left),
            corner_below_above.eq(slope >= 0),
        ]
        # In step 1: one of three. Where two are equal, either comparison gives the same.
        late_left, late_above = delayed(m, left, 1, "late_left"), delayed(m, above, 1, "late_above")
        between = corner_below_left ^ corner_below_above
        take_left = left_larger ^ ~corner_below_left
        predicted = Signal(LEVEL)
        m.d.sync += predicted.eq(Mux(between, plane, Mux(take_left, late_left, late_above)))
        # In step 2.
        sign = self.i_mapped[0].replicate(LEVEL_BITS)
        m.d.sync += self.o_level.eq(predicted + ((self.i_mapped >> 1) ^ sign))
        return m
