"""The sum of a bypass."""

import numpy as np
from amaranth.hdl import Module, Mux, Shape, ShapeLike, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.arith import multiply
from hw.stream.lane_stream import lane_stream
from hw.stream.skid_buffer import SkidBuffer

REGISTERS = ("operand", *multiply.REGISTERS, "total", "rounded", "clamped")
"""What a transfer passes until it is at the output's register, a cycle each."""


class Add(wiring.Component):
    """Adds two streams of different scales: the weighted sum, rounded, shifted and clamped.

    ``y = clamp((a * m[0] + b * m[1] + offset + 2**(shift-1)) >> shift, low, high)``, where ``m``
    are the multipliers; exact, with an arithmetic shift. Latency 8 (:data:`REGISTERS` and the
    output's); one transfer a cycle.

    Parameters
    ----------
    lanes : int
    multipliers : tuple of int
        Of a and b, unsigned 16 bits.
    shift : int
        1 to 47.
    low, high : int
        The clamp, inside ``o_shape``.
    a_shape, b_shape, o_shape : shape-like
    offset : int

    Members
    -------
    i_a : In(lane_stream(lanes, a_shape))
    i_b : In(lane_stream(lanes, b_shape))
        Each side is taken when both are there.
    o : Out(lane_stream(lanes, o_shape))
        A register.

    Raises
    ------
    ValueError
        If a multiplier is not an unsigned 16-bit number, the shift is not 1 to 47, or the clamp is
        no range inside ``o_shape``.
    """

    def __init__(
        self,
        lanes: int,
        multipliers: tuple[int, int],
        shift: int,
        low: int,
        high: int,
        a_shape: ShapeLike,
        b_shape: ShapeLike,
        o_shape: ShapeLike,
        offset: int = 0,
    ):
        for multiplier in multipliers:
            if not 0 <= multiplier < 1 << 16:
                raise ValueError(f"multiplier {multiplier} is not an unsigned 16-bit number")
        if not 1 <= shift <= 47:
            raise ValueError(f"shift {shift} is not 1 to 47")
        lowest, highest = _bounds(Shape.cast(o_shape))
        if not lowest <= low <= high <= highest:
            raise ValueError(f"clamp {low}..{high} is not a range inside {o_shape}")
        self._lanes = lanes
        self._multipliers = tuple(multipliers)
        self._shift = shift
        self._clamp = low, high
        self._rounding = offset + (1 << (shift - 1))
        super().__init__(
            {
                "i_a": In(lane_stream(lanes, a_shape)),
                "i_b": In(lane_stream(lanes, b_shape)),
                "o": Out(lane_stream(lanes, o_shape)),
            }
        )

    def model(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The sum of two arrays of integers."""
        total = (
            a.astype(np.int64) * self._multipliers[0] + b.astype(np.int64) * self._multipliers[1]
        )
        return np.clip((total + self._rounding) >> self._shift, *self._clamp)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.skid = skid = SkidBuffer(self.o.payload.shape(), pipeline=True)
        connect(m, skid.o, flipped(self.o))
        present = Signal(len(REGISTERS))
        both = self.i_a.valid & self.i_b.valid
        m.d.comb += [
            self.i_a.ready.eq(self.i_b.valid & skid.i.ready),
            self.i_b.ready.eq(self.i_a.valid & skid.i.ready),
            skid.i.valid.eq(present[-1]),
        ]
        with m.If(skid.o_advance):
            m.d.sync += present.eq(present << 1 | both)
            for lane in range(self._lanes):
                self._add_lane(m, lane, skid.i.payload[lane])
        return m

    def _add_lane(self, m: Module, lane: int, result: Value) -> None:
        """Registers between the steps, all inside the caller's enable; ``result`` is the last."""
        low, high = self._clamp
        products: list[Value] = []
        for port, multiplier in zip((self.i_a, self.i_b), self._multipliers, strict=True):
            # The operand may come straight from a block RAM, which takes half a cycle.
            name = f"operand{len(products)}_{lane}"
            value = Signal.like(port.payload[lane], name=name, reset_less=True)
            m.d.sync += value.eq(port.payload[lane])
            name = f"product{len(products)}_{lane}"
            products.append(multiply.multiply_enabled(m, value, multiplier, name))
        exact_total = products[0] + products[1]
        total = Signal(exact_total.shape(), name=f"total_{lane}", reset_less=True)
        exact_rounded = (total + self._rounding).shift_right(self._shift)
        rounded = Signal(exact_rounded.shape(), name=f"rounded_{lane}", reset_less=True)
        clamped = Signal(result.shape(), name=f"clamped_{lane}", reset_less=True)
        m.d.sync += [
            total.eq(exact_total),
            rounded.eq(exact_rounded),
            clamped.eq(Mux(rounded < low, low, Mux(rounded > high, high, rounded))),
        ]
        m.d.comb += result.eq(clamped)


def _bounds(shape: Shape) -> tuple[int, int]:
    low = -(1 << (shape.width - 1)) if shape.signed else 0
    return low, low + (1 << shape.width) - 1
