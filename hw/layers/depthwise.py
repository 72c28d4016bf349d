"""The depthwise convolution engine: each channel is convolved by itself."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.conv import chain, load, make_padder, make_requantise, make_window
from hw.layers.conv_integers import ConvIntegers
from hw.layers.folding import DepthwisePlan
from hw.layers.matvec import MatrixVector
from hw.stream.lane_converter import LaneConverter
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from hw.stream.watch import watch


def make_depthwise_matvec(conv: ConvIntegers, plan: DepthwisePlan) -> MatrixVector:
    """The multipliers of a depthwise engine with their weights and accumulators."""
    return MatrixVector(
        conv.weights.reshape(conv.channels[1], -1),
        weight_bits=conv.weight_bits,
        pe=plan.simd,
        simd=1,
        lanes=plan.lanes,
        shape=conv.i_shape,
        accumulator=conv.accumulator_shape,
        kind=plan.weight_memory,
        multiplier=plan.multiplier,
        codebook=conv.codebook,
        depthwise=True,
        writable=conv.writable,
    )


class DepthwiseEngine(wiring.Component):
    """A depthwise convolution with bias, requantisation and clamp on a stream of pixels.

    ``rows * columns * ceil(C / pe) * KH * KW`` cycles a frame, if its input and output streams keep
    up. The window memory is read chunk by chunk, each of them tap by tap, so that ``pe``
    accumulators do. From a window's last word to its first code it takes 4 cycles (the window
    memory's), ``KH * KW - 1`` for the other taps, one for the ROM and one more with a codebook, the
    latencies of :class:`hw.arith.mac.MacConfig` and of
    :class:`hw.arith.sum_serialiser.SumSerialiser`, two in the results' FIFO, and those of the
    requantiser and of its FIFO.

    ``pe`` multipliers, none of which two channels can share: with ``dsp48e1`` a DSP block each,
    accumulator included; with ``mult18x18d`` one of these and an accumulator of LUTs; with ``lut``
    a chain of digits (``hw/arith/digits.py``) and the multiples of an activation, which is about
    twice what a multiplier of an array that shares these takes. ``lanes`` scalers.

    Parameters
    ----------
    conv : ConvIntegers
        With as many groups as channels.
    plan : DepthwisePlan
    i_lanes : int
        Divides the channels.

    Members
    -------
    i : In(lane_stream(i_lanes, 8 bits))
    o : Out(lane_stream(plan.lanes, 8 bits))
    i_load : In(LOAD)
        Only if the convolution is writable, as that of :class:`hw.layers.conv.ConvEngine`.

    Raises
    ------
    ValueError
        If the convolution is not depthwise.
    """

    def __init__(self, conv: ConvIntegers, plan: DepthwisePlan, i_lanes: int):
        if not conv.depthwise:
            raise ValueError(
                f"{conv.groups} groups of {conv.channels} channels are no depthwise convolution"
            )
        self._conv, self._plan, self._i_lanes = conv, plan, i_lanes
        ports = {
            "i": In(lane_stream(i_lanes, conv.i_shape)),
            "o": Out(lane_stream(plan.lanes, conv.o_shape)),
        }
        super().__init__(ports | ({"i_load": In(LOAD)} if conv.writable else {}))

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        conv, plan = self._conv, self._plan
        m.submodules.lanes = lanes = LaneConverter(
            conv.channels[0], self._i_lanes, plan.simd, conv.i_shape
        )
        m.submodules.pad = pad = make_padder(conv, plan)
        m.submodules.window = window = make_window(conv, plan)
        m.submodules.matvec = matvec = make_depthwise_matvec(conv, plan)
        m.submodules.requantise = requantise = make_requantise(conv, plan)
        out = chain(m, wiring.flipped(self.i), lanes, pad, window, matvec, requantise)
        wiring.connect(m, out, wiring.flipped(self.o))
        if conv.writable:
            load(m, self.i_load, matvec, requantise)
        watch(m, works=window.o.valid & window.o.ready)
        return m
