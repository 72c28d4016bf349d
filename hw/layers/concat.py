"""Concatenation along channels."""

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from amaranth.hdl import Module, ShapeLike
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.stream.counter import Counter
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer


class Concat(wiring.Component):
    """Joins streams pixel by pixel: all channels of a pixel of ``i0``, then of ``i1``, and so on.

    Latency 1; one transfer a cycle.

    Parameters
    ----------
    parts : sequence of int
        Channels of each input, multiples of ``lanes``.
    lanes : int
    shape : shape-like
        Of a value.

    Members
    -------
    i0, i1, ... : In(lane_stream(lanes, shape))
        ``ready`` comes from registers alone.
    o : Out(lane_stream(lanes, shape))
        A register.

    Raises
    ------
    ValueError
        If there is no input, or the channels of one are not a positive multiple of ``lanes``.
    """

    def __init__(self, parts: Sequence[int], lanes: int, shape: ShapeLike):
        if not parts or any(part < 1 or part % lanes for part in parts):
            raise ValueError(f"{list(parts)} channels are not all multiples of {lanes} lanes")
        self._chunks = [part // lanes for part in parts]
        ports = {f"i{k}": In(lane_stream(lanes, shape)) for k in range(len(parts))}
        super().__init__({**ports, "o": Out(lane_stream(lanes, shape))})

    @staticmethod
    def model(*frames: np.ndarray) -> np.ndarray:
        """The frames (height, width, channels) side by side."""
        return np.concatenate(frames, axis=2)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        ends = list(accumulate(self._chunks))
        spans = [(end - size, end) for end, size in zip(ends, self._chunks, strict=True)]
        m.submodules.chunk = chunk = Counter(ends[-1], spans)
        m.submodules.skid = skid = SkidBuffer(self.o.payload.shape())
        connect(m, skid.o, flipped(self.o))
        m.d.comb += chunk.i_step.eq(skid.i.valid & skid.i.ready)
        for k in range(len(spans)):
            i = getattr(self, f"i{k}")
            m.d.comb += i.ready.eq(chunk.o_inside[k] & skid.i.ready)
            with m.If(chunk.o_inside[k]):
                m.d.comb += [skid.i.valid.eq(i.valid), skid.i.payload.eq(i.payload)]
        return m
