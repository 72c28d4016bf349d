"""Averages over whole frames."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Module, Shape
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.layers.average import Average, sum_shape
from hw.layers.global_sum import GlobalSum
from hw.layers.requantise import ScalerKind
from hw.stream.fifo import MemoryKind
from hw.stream.lane_stream import lane_stream


class GlobalAverage(wiring.Component):
    """Averages each channel over the pixels of a frame: a running sum a channel, then a scaler.

    No pixel is kept. Exact. One input transfer a cycle; the frame's first code leaves 2 cycles
    (:class:`GlobalSum`), :data:`hw.layers.requantise.LATENCY` and the 2 of its FIFO after the
    first transfer of the last pixel came in. A scaler a lane, and a sum a channel in memory.

    Parameters
    ----------
    pixels, channels : int
        Of a frame.
    lanes : int
        Divides ``channels``.
    shape : Shape
        Of a value, ``unsigned(8)`` or ``signed(8)``.
    average : Average
    scaler : "dsp48e1" or "inferred"
    memory : "block" or "lut"
        Of the sums.

    Members
    -------
    i : In(lane_stream(lanes, shape))
    o : Out(lane_stream(lanes, average.o_shape))
        ``channels / lanes`` transfers a frame.

    Raises
    ------
    ValueError
        As :class:`GlobalSum` and :class:`Requantise` do.
    """

    def __init__(
        self,
        pixels: int,
        channels: int,
        lanes: int,
        shape: Shape,
        average: Average,
        *,
        scaler: ScalerKind = "inferred",
        memory: MemoryKind = "lut",
    ):
        sums = sum_shape(pixels, shape)
        self._average = average
        self._sum = GlobalSum(pixels, channels, lanes, shape, sums.width, memory)
        self._requantise = average.requantise(lanes, sums, scaler)
        super().__init__(
            {"i": In(lane_stream(lanes, shape)), "o": Out(lane_stream(lanes, average.o_shape))}
        )

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The averages of a frame (height, width, channels), as a frame of one pixel."""
        return self._average.model(GlobalSum.model(frame))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.sum = self._sum
        m.submodules.requantise = self._requantise
        connect(m, flipped(self.i), self._sum.i)
        connect(m, self._sum.o, self._requantise.i)
        connect(m, self._requantise.o, flipped(self.o))
        return m
