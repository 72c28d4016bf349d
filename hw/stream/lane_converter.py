"""Streams of more or fewer lanes."""

from math import gcd

import numpy as np
from amaranth.hdl import Cat, Module, ShapeLike, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.stream.counter import Counter
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer


class LaneConverter(wiring.Component):
    """Regroups the channels of each pixel into transfers of another number of lanes.

    When the output's lanes do not divide the channels, the last transfer of each pixel is filled
    up with zero lanes. Latency 2 (0 when the lanes are equal). Throughput: one transfer of
    ``gcd(i_lanes, o_lanes)`` lanes a cycle, which is the narrower side's when it divides the
    other. No path crosses from one side's handshake to the other's, unless the lanes are equal.

    Parameters
    ----------
    channels : int
        Of a pixel.
    i_lanes : int
        Divides ``channels``.
    o_lanes : int
    shape : shape-like
        Of a value.

    Members
    -------
    i : In(lane_stream(i_lanes, shape))
    o : Out(lane_stream(o_lanes, shape))

    Raises
    ------
    ValueError
        If ``i_lanes`` do not divide the channels, or ``o_lanes`` is below 1.
    """

    def __init__(self, channels: int, i_lanes: int, o_lanes: int, shape: ShapeLike):
        if i_lanes < 1 or channels % i_lanes:
            raise ValueError(f"{i_lanes} input lanes do not divide {channels} channels")
        if o_lanes < 1:
            raise ValueError(f"a stream needs at least one lane, not {o_lanes}")
        self._channels = channels
        self._i_lanes = i_lanes
        self._o_lanes = o_lanes
        self._shape = shape
        super().__init__(
            {"i": In(lane_stream(i_lanes, shape)), "o": Out(lane_stream(o_lanes, shape))}
        )

    def model(self, frame: np.ndarray) -> np.ndarray:
        """The frame (height, width, channels) with zero channels up to a multiple of the lanes."""
        return np.pad(frame, ((0, 0), (0, 0), (0, -self._channels % self._o_lanes)))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        i, o = flipped(self.i), flipped(self.o)
        if self._i_lanes == self._o_lanes:
            connect(m, i, o)
            return m
        lanes = gcd(self._i_lanes, self._o_lanes)
        m.submodules.skid = skid = SkidBuffer(data.ArrayLayout(self._shape, lanes))
        if lanes == self._i_lanes:
            connect(m, i, skid.i)
        else:
            m.submodules.split = split = _Split(self._i_lanes, lanes, self._shape)
            connect(m, i, split.i)
            connect(m, split.o, skid.i)
        if lanes == self._o_lanes:
            connect(m, skid.o, o)
        else:
            chunks = self._channels // lanes
            m.submodules.collect = collect = _Collect(chunks, lanes, self._o_lanes, self._shape)
            connect(m, skid.o, collect.i)
            connect(m, collect.o, o)
        return m


class _Split(wiring.Component):
    """Wide transfers to narrow ones; the wide side's ready follows the narrow side's."""

    def __init__(self, i_lanes: int, o_lanes: int, shape: ShapeLike):
        self._o_lanes = o_lanes
        self._ratio = i_lanes // o_lanes
        super().__init__(
            {"i": In(lane_stream(i_lanes, shape)), "o": Out(lane_stream(o_lanes, shape))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wide = self.i.payload.as_value()
        narrow = self.o.payload.as_value()
        held = Signal(len(wide), reset_less=True)
        m.submodules.turn = turn = Counter(self._ratio)
        m.d.comb += [
            narrow.eq(held[: len(narrow)]),
            turn.i_step.eq(self.o.valid & self.o.ready),
            self.i.ready.eq(~self.o.valid | (turn.o_last & self.o.ready)),
        ]
        with m.If(self.i.ready):
            m.d.sync += [held.eq(wide), self.o.valid.eq(self.i.valid)]
        with m.Elif(self.o.ready):
            m.d.sync += held.eq(Cat(held[len(narrow) :], held[-len(narrow) :]))
        return m


class _Collect(wiring.Component):
    """Narrow transfers to wide ones, ``chunks`` narrow ones a pixel."""

    def __init__(self, chunks: int, i_lanes: int, o_lanes: int, shape: ShapeLike):
        self._chunks = chunks
        self._ratio = o_lanes // i_lanes
        super().__init__(
            {"i": In(lane_stream(i_lanes, shape)), "o": Out(lane_stream(o_lanes, shape))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        narrow = self.i.payload.as_value()
        slots = [Signal(len(narrow), name=f"slot{k}", reset_less=True) for k in range(self._ratio)]
        here = Signal(self._ratio, init=1)
        full = Signal()
        take = Signal()
        m.d.comb += [
            self.o.payload.as_value().eq(Cat(*slots)),
            self.i.ready.eq(~self.o.valid | self.o.ready),
            take.eq(self.i.valid & self.i.ready),
            full.eq(here[-1]),
        ]
        if self._chunks % self._ratio:
            m.submodules.chunk = chunk = Counter(self._chunks)
            m.d.comb += [chunk.i_step.eq(take), full.eq(here[-1] | chunk.o_last)]
        with m.If(self.i.ready):
            m.d.sync += self.o.valid.eq(take & full)
        with m.If(take):
            m.d.sync += here.eq(here.rotate_left(1))
            with m.If(full):
                m.d.sync += here.eq(1)
            if self._chunks % self._ratio:
                with m.If(here[0]):
                    m.d.sync += [slot.eq(0) for slot in slots[1:]]
            for k, slot in enumerate(slots):
                with m.If(here[k]):
                    m.d.sync += slot.eq(narrow)
        return m
