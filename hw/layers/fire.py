"""The Fire module of SqueezeNet (Iandola et al., 2016) as one piece of hardware."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.add import Add
from hw.layers.concat import Concat
from hw.layers.conv import (
    ConvEngine,
    ConvIntegers,
    chain,
    code_shape,
    make_matvec,
    make_padder,
    make_requantise,
    make_window,
    tap_queue,
)
from hw.layers.folding import EnginePlan
from hw.stream.fifo import MemoryKind, StreamFifo
from hw.stream.fork import Fork
from hw.stream.lane_converter import LaneConverter
from hw.stream.lane_stream import lane_stream
from hw.stream.stalls import stalled


@dataclass(frozen=True)
class Bypass:
    """The simple bypass: ``y = clamp((fire * m[0] + input * m[1] + 2**(shift-1)) >> shift)``.

    Attributes
    ----------
    multiplier : tuple of int
        Of the Fire module's result and of its input.
    shift, low, high : int
    signed_output : bool
    lanes : int
        Channels a transfer of the adder; divides the module's output channels.
    depth : int
        Transfers of the Fire module's input that wait for its output.
    kind : "block" or "lut"
        Memory that they wait in.
    """

    multiplier: tuple[int, int]
    shift: int
    low: int
    high: int
    signed_output: bool
    lanes: int
    depth: int
    kind: MemoryKind


class Expand(wiring.Component):
    """Both expand branches on one window memory, and their concatenation.

    The 1x1 branch takes the centre tap of the 3x3 branch's windows, so the two work on the same
    pixel and nothing has to wait a row.

    Parameters
    ----------
    one, three : ConvIntegers
        The 1x1 and the 3x3 branch; the same input, stride 1, and outputs of equal size.
    one_plan, three_plan : EnginePlan
    i_lanes : int
        Divides the input channels.
    lanes : int
        Divides the output channels of both branches.

    Members
    -------
    i : In(lane_stream(i_lanes, 8 bits))
    o : Out(lane_stream(lanes, 8 bits))
        Each pixel's 1x1 channels, then its 3x3 channels.
    o_stalled : Out(3)
        The streams of the 1x1 branch, of the 3x3 branch and of both were stalled a cycle ago.

    Raises
    ------
    ValueError
        If the kernels are not 1x1 without padding and KxK, K odd, padded by ``K // 2`` with zeros;
        or if the branches differ in their input's size, channels or sign or in their output's sign,
        or have a stride other than 1.
    """

    def __init__(
        self,
        one: ConvIntegers,
        one_plan: EnginePlan,
        three: ConvIntegers,
        three_plan: EnginePlan,
        *,
        i_lanes: int,
        lanes: int,
    ):
        kernel = three.weights.shape[1]
        margin = (kernel // 2,) * 4
        if one.weights.shape[1] != 1 or kernel % 2 == 0 or three.pad != margin or any(one.pad):
            raise ValueError("expand wants a 1x1 without padding beside a KxK padded by K // 2")
        if one.stride != 1 or three.stride != 1 or one.size != three.size:
            raise ValueError("both expand branches must keep the size of their input")
        if (one.channels[0], one.i_shape, one.o_shape) != (
            three.channels[0],
            three.i_shape,
            three.o_shape,
        ):
            raise ValueError("both expand branches must read and give numbers of the same kind")
        if any(three.pad_code):
            raise ValueError("the expand branches pad with zeros")
        self._one, self._one_plan = one.on_taps(three_plan.simd), one_plan
        self._three, self._three_plan = three, three_plan
        self._i_lanes, self._lanes = i_lanes, lanes
        super().__init__(
            {
                "i": In(lane_stream(i_lanes, three.i_shape)),
                "o": Out(lane_stream(lanes, three.o_shape)),
                "o_stalled": Out(3),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        one, three, plan = self._one, self._three, self._three_plan
        parts = [one.channels[1], three.channels[1]]
        m.submodules.lanes = lanes = LaneConverter(
            three.channels[0], self._i_lanes, plan.simd, three.i_shape
        )
        m.submodules.pad = pad = make_padder(three, plan)
        m.submodules.window = window = make_window(three, plan, tap=three.pad[:2])
        m.submodules.matvec3 = matvec3 = make_matvec(three, plan)
        m.submodules.requantise3 = requantise3 = make_requantise(three, plan)
        m.submodules.lanes3 = lanes3 = LaneConverter(
            parts[1], plan.lanes, self._lanes, three.o_shape
        )
        m.submodules.queue3 = queue3 = self._queue(parts[1])
        # A centre pixel comes faster than the 1x1 branch may take it; the 3x3 must not wait.
        m.submodules.centre = centre = tap_queue(three, plan)
        m.submodules.engine1 = engine1 = ConvEngine(one, self._one_plan, plan.simd)
        m.submodules.lanes1 = lanes1 = LaneConverter(
            parts[0], self._one_plan.lanes, self._lanes, three.o_shape
        )
        m.submodules.queue1 = queue1 = self._queue(parts[0])
        m.submodules.concat = concat = Concat(parts, self._lanes, three.o_shape)

        chain(m, wiring.flipped(self.i), lanes, pad, window, matvec3, requantise3, lanes3, queue3)
        chain(m, window.o_tap, centre, engine1, lanes1, queue1)
        wiring.connect(m, queue1.o, concat.i0)
        wiring.connect(m, queue3.o, concat.i1)
        wiring.connect(m, concat.o, wiring.flipped(self.o))
        m.d.sync += self.o_stalled.eq(stalled(engine1.o, requantise3.o, concat.o))
        return m

    def _queue(self, channels: int) -> StreamFifo:
        """Two pixels of a branch, which wait while the other branch's channels pass."""
        depth = max(2, 2 * channels // self._lanes)
        shape = data.ArrayLayout(self._three.o_shape, self._lanes)
        return StreamFifo(shape, depth)


class Fire(wiring.Component):
    """Squeeze, expand, concatenation and, if asked for, the simple bypass.

    Parameters
    ----------
    squeeze : ConvIntegers
    squeeze_plan : EnginePlan
    expand : Expand
        Takes ``squeeze_plan.lanes``.
    i_lanes : int
        Divides the input channels.
    bypass : Bypass or None

    Members
    -------
    i : In(lane_stream(i_lanes, 8 bits))
    o : Out(lane_stream(lanes, 8 bits))
        Of the concatenation's lanes, or of the bypass's.
    o_stalled : Out(4), or Out(5) with a bypass
        Streams that were stalled a cycle ago: of the squeeze layer, of the expand branches and of
        their concatenation, and of the bypass if there is one.
    """

    def __init__(
        self,
        squeeze: ConvIntegers,
        squeeze_plan: EnginePlan,
        expand: Expand,
        *,
        i_lanes: int,
        bypass: Bypass | None = None,
    ):
        self._squeeze, self._squeeze_plan = squeeze, squeeze_plan
        self._expand, self._i_lanes, self._bypass = expand, i_lanes, bypass
        payload = expand.o.payload.shape()
        self._fire_lanes, self._fire_shape = payload.length, payload.elem_shape
        lanes, shape = self._fire_lanes, self._fire_shape
        if bypass is not None:
            lanes, shape = bypass.lanes, code_shape(bypass.signed_output)
        super().__init__(
            {
                "i": In(lane_stream(i_lanes, squeeze.i_shape)),
                "o": Out(lane_stream(lanes, shape)),
                "o_stalled": Out(4 if bypass is None else 5),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.squeeze = squeeze = ConvEngine(
            self._squeeze, self._squeeze_plan, self._i_lanes
        )
        m.submodules.expand = expand = self._expand
        if self._bypass is None:
            out = chain(m, wiring.flipped(self.i), squeeze, expand)
        else:
            out = self._with_bypass(m, self._bypass, squeeze, expand)
        wiring.connect(m, out, wiring.flipped(self.o))
        outer = Signal(2)
        m.d.sync += outer.eq(stalled(squeeze.o, out))
        m.d.comb += self.o_stalled.eq(Cat(outer[0], expand.o_stalled, outer[1]))
        return m

    def _with_bypass(
        self, m: Module, bypass: Bypass, squeeze: ConvEngine, expand: Expand
    ) -> wiring.PureInterface:
        """Send the input two ways and add them up at the end; returns the sum's stream."""
        channels = self._squeeze.channels[0]
        i_shape = self._squeeze.i_shape
        m.submodules.fork = fork = Fork(self.i.payload.shape(), 2)
        m.submodules.bypass_queue = queue = StreamFifo(
            self.i.payload.shape(), bypass.depth, bypass.kind
        )
        m.submodules.lanes_a = lanes_a = LaneConverter(
            channels, self._fire_lanes, bypass.lanes, self._fire_shape
        )
        m.submodules.lanes_b = lanes_b = LaneConverter(
            channels, self._i_lanes, bypass.lanes, i_shape
        )
        m.submodules.add = add = Add(
            bypass.lanes,
            bypass.multiplier,
            bypass.shift,
            bypass.low,
            bypass.high,
            a_shape=self._fire_shape,
            b_shape=i_shape,
            o_shape=code_shape(bypass.signed_output),
        )
        wiring.connect(m, wiring.flipped(self.i), fork.i)
        wiring.connect(m, chain(m, fork.o0, squeeze, expand, lanes_a), add.i_a)
        wiring.connect(m, chain(m, fork.o1, queue, lanes_b), add.i_b)
        return add.o
