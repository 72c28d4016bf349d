"""The convolution engine: window memory, matrix-vector unit and requantiser in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from amaranth.hdl import Module, Shape, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.layers.folding import EnginePlan
from hw.layers.matvec import MatrixVector
from hw.layers.pad import Padder
from hw.layers.requantise import Requantise
from hw.layers.window import WindowBuffer, WindowGeometry
from hw.stream.lane_converter import LaneConverter
from hw.stream.lane_stream import lane_stream


@dataclass(frozen=True, eq=False)
class ConvIntegers:
    """All integers of a convolution.

    Attributes
    ----------
    weights : int array (Cout, K, K, Cin)
    weight_bits : int
    bias, multiplier : int array (Cout,)
    shift, low, high : int
        Of the requantiser.
    stride : int
    pad : tuple of int
        Top, left, bottom, right.
    pad_code : tuple of int
        Code of a padding pixel, one a channel.
    size : tuple of int
        Height and width of the input map, without padding.
    signed_input, signed_output : bool
    accumulator : tuple of int
        Smallest and largest value of any partial sum.
    codebook : int array or None
        Ascending levels that all weights are of, where codes are stored.
    """

    weights: np.ndarray
    weight_bits: int
    bias: np.ndarray
    multiplier: np.ndarray
    shift: int
    low: int
    high: int
    stride: int
    pad: tuple[int, int, int, int]
    pad_code: tuple[int, ...]
    size: tuple[int, int]
    signed_input: bool
    signed_output: bool
    accumulator: tuple[int, int]
    codebook: np.ndarray | None = None

    @property
    def i_shape(self) -> Shape:
        """Of an input code."""
        return code_shape(self.signed_input)

    @property
    def o_shape(self) -> Shape:
        """Of an output code."""
        return code_shape(self.signed_output)

    @property
    def accumulator_shape(self) -> Shape:
        """Holds every partial sum."""
        low, high = self.accumulator
        return signed(max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + 1)

    @property
    def channels(self) -> tuple[int, int]:
        """Input and output channels."""
        return self.weights.shape[3], self.weights.shape[0]

    def geometry(self, plan: EnginePlan) -> WindowGeometry:
        """The windows that an engine of folding ``plan`` reads."""
        top, left, bottom, right = self.pad
        return WindowGeometry(
            height=self.size[0] + top + bottom,
            width=self.size[1] + left + right,
            chunks=-(-self.channels[0] // plan.simd),
            kernel=self.weights.shape[1],
            stride=self.stride,
            folds=-(-self.channels[1] // plan.pe),
        )


def code_shape(is_signed: bool) -> Shape:
    """Shape of an 8-bit activation."""
    return signed(8) if is_signed else unsigned(8)


def make_window(conv: ConvIntegers, plan: EnginePlan, *, centre: bool = False) -> WindowBuffer:
    """The window memory of an engine.

    Parameters
    ----------
    conv : ConvIntegers
    plan : EnginePlan
    centre : bool
        Also emit each window's centre tap, for a 1x1 branch.
    """
    geometry = conv.geometry(plan)
    return WindowBuffer(
        geometry,
        lanes=plan.simd,
        shape=conv.i_shape,
        capacity=plan.window_pixels * geometry.chunks,
        kind=plan.window_memory,
        centre=centre,
    )


def make_matvec(conv: ConvIntegers, plan: EnginePlan) -> MatrixVector:
    """The matrix-vector unit of an engine; columns of a remainder chunk are zero."""
    cin, cout = conv.channels
    spare = -cin % plan.simd
    weights = np.pad(conv.weights, ((0, 0), (0, 0), (0, 0), (0, spare)))
    return MatrixVector(
        weights.reshape(cout, -1),
        weight_bits=conv.weight_bits,
        pe=plan.pe,
        simd=plan.simd,
        lanes=plan.lanes,
        shape=conv.i_shape,
        accumulator=conv.accumulator_shape,
        kind=plan.weight_memory,
        multiplier=plan.multiplier,
        codebook=conv.codebook,
    )


def make_requantise(conv: ConvIntegers, plan: EnginePlan) -> Requantise:
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
    )


def make_padder(conv: ConvIntegers, plan: EnginePlan) -> Padder:
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

    ``rows * columns * ceil(Cout / pe) * K * K * ceil(Cin / simd)`` cycles a frame, if its input
    and output streams keep up; ``pe * simd`` multipliers.

    Parameters
    ----------
    conv : ConvIntegers
    plan : EnginePlan
    i_lanes : int
        Divides the input channels.

    Members
    -------
    i : In(lane_stream(i_lanes, 8 bits))
    o : Out(lane_stream(plan.lanes, 8 bits))
    """

    def __init__(self, conv: ConvIntegers, plan: EnginePlan, i_lanes: int):
        self._conv, self._plan, self._i_lanes = conv, plan, i_lanes
        super().__init__(
            {
                "i": In(lane_stream(i_lanes, conv.i_shape)),
                "o": Out(lane_stream(plan.lanes, conv.o_shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        conv, plan = self._conv, self._plan
        m.submodules.lanes = lanes = LaneConverter(
            conv.channels[0], self._i_lanes, plan.simd, conv.i_shape
        )
        m.submodules.pad = pad = make_padder(conv, plan)
        m.submodules.window = window = make_window(conv, plan)
        m.submodules.matvec = matvec = make_matvec(conv, plan)
        m.submodules.requantise = requantise = make_requantise(conv, plan)
        out = chain(m, wiring.flipped(self.i), lanes, pad, window, matvec, requantise)
        wiring.connect(m, out, wiring.flipped(self.o))
        return m
