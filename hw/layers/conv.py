"""The convolution engine: window memory, matrix-vector unit and requantiser in a row."""

from __future__ import annotations

from amaranth.hdl import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.conv_integers import ConvIntegers
from hw.layers.folding import DepthwisePlan, EnginePlan
from hw.layers.matvec import MatrixVector
from hw.layers.pad import Padder
from hw.layers.requantise import Requantise
from hw.layers.window import WindowBuffer
from hw.stream.fifo import StreamFifo
from hw.stream.lane_converter import LaneConverter
from hw.stream.lane_stream import lane_stream
from hw.stream.load import LOAD
from hw.stream.watch import watch


def make_window(
    conv: ConvIntegers, plan: EnginePlan | DepthwisePlan, *, tap: tuple[int, int] | None = None
) -> WindowBuffer:
    """The window memory of an engine.

    Parameters
    ----------
    conv : ConvIntegers
    plan : EnginePlan or DepthwisePlan
    tap : tuple of int or None
        A tap of the kernel to emit as well, for a 1x1 convolution beside this one.
    """
    geometry = conv.geometry(plan)
    return WindowBuffer(
        geometry,
        lanes=plan.simd,
        shape=conv.i_shape,
        capacity=plan.window_pixels * geometry.chunks,
        kind=plan.window_memory,
        tap=tap,
    )


def tap_queue(conv: ConvIntegers, plan: EnginePlan) -> StreamFifo:
    """Holds a pixel's words of a tap, which come faster than a 1x1 convolution may take them."""
    chunks = conv.geometry(plan).chunks
    return StreamFifo(data.ArrayLayout(conv.i_shape, plan.simd), max(2, chunks))


def make_matvec(conv: ConvIntegers, plan: EnginePlan) -> MatrixVector:
    """The matrix-vector unit of an engine; columns of a remainder chunk are zero."""
    return MatrixVector(
        conv.widened(plan.simd).weights.reshape(conv.channels[1], -1),
        weight_bits=conv.weight_bits,
        pe=plan.pe,
        simd=plan.simd,
        lanes=plan.lanes,
        shape=conv.i_shape,
        accumulator=conv.accumulator_shape,
        kind=plan.weight_memory,
        multiplier=plan.multiplier,
        codebook=conv.codebook,
        writable=conv.writable,
    )


def make_requantise(conv: ConvIntegers, plan: EnginePlan | DepthwisePlan) -> Requantise:
    """The requantiser of an engine."""
    return Requantise(
        conv.bias,
        conv.multiplier,
        shift=conv.shift,
        low=conv.low,
        high=conv.high,
        lanes=plan.lanes,
        i_shape=conv.accumulator_shape,
        o_shape=conv.o_shape,
        scaler=plan.scaler,
        memory=plan.scale_memory,
        bias_bits=conv.bias_bits,
        writable=conv.writable,
    )


def make_padder(conv: ConvIntegers, plan: EnginePlan | DepthwisePlan) -> Padder:
    """The padder in front of an engine's window memory."""
    spare = -conv.channels[0] % plan.simd
    return Padder(
        height=conv.size[0],
        width=conv.size[1],
        chunks=-(-conv.channels[0] // plan.simd),
        lanes=plan.simd,
        shape=conv.i_shape,
        pad=conv.pad,
        code=[*conv.pad_code, *[0] * spare],
    )


def load(m: Module, i_load: data.View, matvec: MatrixVector, requantise: Requantise) -> None:
    """Write an engine's memories: number 0 is of weights, 1 of biases and multipliers."""
    for number, port in enumerate((matvec.i_load, requantise.i_load)):
        m.d.comb += [
            port.eq(i_load),
            port.enable.eq(i_load.enable & (i_load.memory[0] == number)),
        ]


def chain(
    m: Module, source: wiring.PureInterface, *units: wiring.Component
) -> wiring.PureInterface:
    """Connect ``source`` through units with ports ``i`` and ``o``; returns the last ``o``."""
    for unit in units:
        wiring.connect(m, source, unit.i)
        source = unit.o
    return source


class ConvEngine(wiring.Component):
    """A convolution with bias, requantisation and clamp on a stream of pixels.

    ``rows * columns * ceil(Cout / pe) * KH * KW * ceil(Cin / simd)`` cycles a frame, if its input
    and output streams keep up; ``pe * simd`` multipliers.

    With ``tap``, a 1x1 convolution of the same map, stride and size of output reads its pixels from
    this engine's window memory: the tap that lies on them is as far from the kernel's first one as
    the padding is high and wide. They leave through a queue of a pixel, so that the windows wait
    for whoever reads them only when it is more than a pixel late.

    Parameters
    ----------
    conv : ConvIntegers
    plan : EnginePlan
    i_lanes : int
        Divides the input channels.
    tap : tuple of int or None
        Row and column of a tap of the kernel.

    Members
    -------
    i : In(lane_stream(i_lanes, 8 bits))
    o : Out(lane_stream(plan.lanes, 8 bits))
    o_tap : Out(lane_stream(plan.simd, 8 bits))
        Only with ``tap``: that pixel of each window, its last word filled up with zeros.
    i_load : In(LOAD)
        Only if the convolution is writable: words for its memories while no frame is in it. An even
        ``memory`` is that of weights, an odd one that of biases and multipliers.

    Raises
    ------
    ValueError
        If the convolution is in groups, or its kernel has no such tap.
    """

    def __init__(
        self,
        conv: ConvIntegers,
        plan: EnginePlan,
        i_lanes: int,
        tap: tuple[int, int] | None = None,
    ):
        if conv.groups != 1:
            raise ValueError(f"a convolution in {conv.groups} groups needs an engine for each")
        self._conv, self._plan, self._i_lanes, self._tap = conv, plan, i_lanes, tap
        ports = {
            "i": In(lane_stream(i_lanes, conv.i_shape)),
            "o": Out(lane_stream(plan.lanes, conv.o_shape)),
        }
        if tap is not None:
            ports["o_tap"] = Out(lane_stream(plan.simd, conv.i_shape))
        if conv.writable:
            ports["i_load"] = In(LOAD)
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        conv, plan = self._conv, self._plan
        m.submodules.lanes = lanes = LaneConverter(
            conv.channels[0], self._i_lanes, plan.simd, conv.i_shape
        )
        m.submodules.pad = pad = make_padder(conv, plan)
        m.submodules.window = window = make_window(conv, plan, tap=self._tap)
        m.submodules.matvec = matvec = make_matvec(conv, plan)
        m.submodules.requantise = requantise = make_requantise(conv, plan)
        out = chain(m, wiring.flipped(self.i), lanes, pad, window, matvec, requantise)
        wiring.connect(m, out, wiring.flipped(self.o))
        watch(m, works=window.o.valid & window.o.ready)
        if conv.writable:
            load(m, self.i_load, matvec, requantise)
        if self._tap is not None:
            m.submodules.tap_queue = queue = tap_queue(conv, plan)
            wiring.connect(m, window.o_tap, queue.i)
            wiring.connect(m, queue.o, wiring.flipped(self.o_tap))
        return m
