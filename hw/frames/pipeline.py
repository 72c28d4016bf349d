"""A frame's way from codes to pixels, a sample a step."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.frames.colour import Dequantiser, InverseTransform, clipped
from hw.frames.delay import RowDelay, delayed
from hw.frames.parameter import LOOP, MAGNITUDE_BITS, ParameterChooser
from hw.frames.predictor import Predictor
from hw.frames.rice import RiceDecoder
from hw.stream.counter import Counter
from protocol.coding.rules import COLOURS, LEVEL_BITS, LONGEST, STEP_BITS, Shape, columns

_AHEAD = -2
"""Step in which what is above right is wanted, counted from that in which a code is read."""
_LEVEL = 3
"""Step in which the code's level is known."""
_SHORTEST_ROW = _LEVEL - _AHEAD + 2
"""Steps from a sample to the one that it is above right of, at least."""


def slots(shape: Shape) -> int:
    """Steps a pixel: as many as it has channels, unless that would be too early for what it needs.

    The next code of a channel follows from the last one, and a level comes back a row later.
    """
    return max(shape[2], LOOP, -(-_SHORTEST_ROW // (columns(shape) - 1)))


def row_memory(shape: Shape) -> tuple[int, int]:
    """How many values a row's memory holds, and the bits of each."""
    return _row_steps(shape) - 1, MAGNITUDE_BITS + LEVEL_BITS


def _row_steps(shape: Shape) -> int:
    """Steps from when a sample is known to when it is wanted as what is above right."""
    return (columns(shape) - 1) * slots(shape) - (_LEVEL - _AHEAD)


class SamplePipeline(wiring.Component):
    """Makes pixels of bits.

    To be reset between two frames, and enabled for each step.

    Parameters
    ----------
    shape : (height, width, channels)

    Members
    -------
    i_luma, i_chroma : In(STEP_BITS)
        Logarithms of the frame's steps.
    i_window : In(LONGEST)
        The bits that come next, the first one as the most significant.
    i_reads : In(1)
        This is a step of a frame's codes, one of :func:`slots` a pixel; otherwise what is under way
        moves on.
    o_length : Out(range(LONGEST + 1))
        How many bits a code has, in the same cycle.
    o_takes : Out(1)
        There is a code in this step.
    o_last : Out(1)
        It is the frame's last one.
    o : Out(8)
        A pixel's sample; in the frame's order.
    o_valid : Out(1)
        There is one in this step.
    o_empty : Out(1)
        None is under way.
    """

    def __init__(self, shape: Shape):
        self._shape = shape
        super().__init__(
            {
                "i_luma": In(STEP_BITS),
                "i_chroma": In(STEP_BITS),
                "i_window": In(LONGEST),
                "i_reads": In(1),
                "o_length": Out(range(LONGEST + 1)),
                "o_takes": Out(1),
                "o_last": Out(1),
                "o": Out(8),
                "o_valid": Out(1),
                "o_empty": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        first = self._turns(m)
        level = self._levels(m)
        sample, latency = self._samples(m, level, first)
        under_way = Signal(latency)
        m.d.sync += under_way.eq(Cat(self.o_takes, under_way))
        m.d.comb += [
            self.o.eq(clipped(sample)),
            self.o_valid.eq(under_way[-1]),
            self.o_empty.eq(~under_way.any()),
        ]
        return m

    def _turns(self, m: Module) -> Value:
        """Count steps and pixels; returns whether a step is a pixel's first."""
        height, width, channels = self._shape
        m.submodules.slot = slot = Counter(slots(self._shape), ((0, 1), (0, channels)))
        m.submodules.pixel = pixel = Counter(height * width)
        m.d.comb += [
            slot.i_step.eq(self.i_reads),
            pixel.i_step.eq(self.i_reads & slot.o_last),
            self.o_last.eq(slot.o_last & pixel.o_last),
            self.o_takes.eq(self.i_reads & slot.o_inside[1]),
        ]
        return self.i_reads & slot.o_inside[0]

    def _levels(self, m: Module) -> Value:
        """Levels, in step :data:`_LEVEL`."""
        count = slots(self._shape)
        m.submodules.rice = rice = RiceDecoder()
        m.submodules.chooser = chooser = ParameterChooser(count)
        m.submodules.predictor = predictor = Predictor(count)
        m.submodules.row = row = RowDelay(MAGNITUDE_BITS + LEVEL_BITS, _row_steps(self._shape))
        m.d.comb += [
            rice.i_window.eq(self.i_window),
            rice.i_parameter.eq(chooser.o_parameter),
            self.o_length.eq(rice.o_length),
            chooser.i_mapped.eq(rice.o_mapped),
            predictor.i_mapped.eq(rice.o_mapped),
            row.i.eq(Cat(chooser.o_magnitude, predictor.o_level)),
            Cat(chooser.i_ahead, predictor.i_ahead).eq(row.o),
        ]
        return predictor.o_level

    def _samples(self, m: Module, level: Value, first: Value) -> tuple[Value, int]:
        """Samples before they are clipped, and the step in which they come."""
        m.submodules.dequantiser = dequantiser = Dequantiser()
        m.d.comb += [dequantiser.i.eq(level), dequantiser.i_shift.eq(self.i_luma)]
        if self._shape[2] != COLOURS:
            return dequantiser.o, _LEVEL + 1
        first = delayed(m, first, _LEVEL, "first")
        m.submodules.transform = transform = InverseTransform()
        m.d.comb += [
            dequantiser.i_shift.eq(Mux(first, self.i_luma, self.i_chroma)),
            transform.i.eq(dequantiser.o),
            transform.i_first.eq(delayed(m, first, 1, "luma")),
        ]
        return transform.o, _LEVEL + 1 + InverseTransform.LATENCY
