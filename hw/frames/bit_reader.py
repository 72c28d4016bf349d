"""The bits of a frame's bytes, as many at a time as are wanted."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from protocol.coding.rules import LONGEST

CODED_BYTE = data.StructLayout({"byte": 8, "last": 1})
CODED = stream.Signature(CODED_BYTE)
"""The bytes of coded frames, one after another; ``last`` ends one."""
WINDOW = 32
"""Bits at hand: with fewer, codes of 8 bits would not come at one a cycle."""
ROOM = WINDOW - 8
"""A byte comes in if there are no more bits than these."""


class BitReader(wiring.Component):
    """A window on the bits of one frame; behind its last byte come ones.

    A byte a cycle comes in while up to 17 bits are taken. To be reset between two frames.

    A byte waits for a cycle in a register that is turned with the window, so that it need not be
    turned on its way into it: the bits of a code are taken in the same cycle.

    Members
    -------
    i : In(CODED)
        The bytes behind the first one. No more are taken behind ``last``.
    i_end : In(1)
        For one cycle, in place of all bytes: there are none.
    i_length : In(range(LONGEST + 1))
        How many bits to take at the end of this cycle; 0 unless ``o_enough``.
    o_window : Out(LONGEST)
        The bits that come next, the first one as the most significant.
    o_enough : Out(1)
        All bits of ``o_window`` are there. Follows from registers, as ``o_window`` does.
    o_ended : Out(1)
        The last byte has been taken.
    o_spent : Out(1)
        It has, and what is left is its padding.
    """

    i: In(CODED)
    i_end: In(1)
    i_length: In(range(LONGEST + 1))
    o_window: Out(LONGEST)
    o_enough: Out(1)
    o_ended: Out(1)
    o_spent: Out(1)

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        # What is behind the bits at hand is always ones.
        window = Signal(WINDOW, init=-1)
        count = Signal(range(-WINDOW, WINDOW + 1))
        # How many bits there are beyond a code, and places beyond a byte's; less than none, if
        # there is no code and no room. Counters of their own, since their signs decide at once.
        spare = Signal(range(-WINDOW - LONGEST, WINDOW - LONGEST + 1), init=-LONGEST)
        room = Signal(range(-8, ROOM + WINDOW + 1), init=ROOM)
        missed = Signal()
        waits, turned = Signal(), Signal(8)
        fits, fill, take = Signal(), Signal(), Signal()
        added = Mux(fill, 8, 0)
        complete = self.o_ended & ~waits
        m.d.comb += [
            fits.eq(room >= 0),
            fill.eq(waits & fits),
            self.i.ready.eq((~waits | fits) & ~self.o_ended),
            take.eq(self.i.valid & self.i.ready),
            self.o_window.eq(window[-LONGEST:]),
            self.o_enough.eq(complete | (spare >= 0)),
            self.o_spent.eq(complete & ~missed & ~count[3:].any() & window[-8:].all()),
        ]
        came = _turn(m, self.i.payload.byte, -count[:3], "came")
        m.d.sync += [
            waits.eq(take | (waits & ~fits)),
            turned.eq(_turn(m, Mux(take, came, turned), self.i_length, "turned")),
            window.eq(_shift(m, _insert(m, window, count, (fill, turned)), self.i_length)),
            count.eq((count + added) - self.i_length),
            spare.eq((spare + added) - self.i_length),
            room.eq((room - added) + self.i_length),
            missed.eq(missed | (count < 0)),
            self.o_ended.eq(self.o_ended | self.i_end | (take & self.i.payload.last)),
        ]
        return m


def _insert(m: Module, window: Signal, count: Signal, byte: tuple[Value, Value]) -> Signal:
    """The window with a byte behind the first ``count`` bits, at most :data:`ROOM`.

    Parameters
    ----------
    m : Module
    window, count : Signal
    byte : (Value, Value)
        Whether there is one, and the byte, turned right by ``count``.
    """
    fill, turned = byte
    whole, part = count[3:5], count[:3]
    filled = Signal(WINDOW)
    # Whether a byte would begin in this row of eight places, and up to which place in a row.
    row = [Signal(name=f"row{number}") for number in range(WINDOW // 8)]
    begun = [Signal(name=f"begun{place}") for place in range(8)]
    m.d.comb += [here.eq(fill & (whole == number)) for number, here in enumerate(row)]
    m.d.comb += [here.eq(part <= place) for place, here in enumerate(begun)]
    for place in range(WINDOW):
        number, within = divmod(place, 8)
        # Of a byte that began in the row before.
        goes_on = row[number - 1] & ~begun[within] if number else Const(0, 1)
        covered = (row[number] & begun[within]) | goes_on
        m.d.comb += filled[-1 - place].eq(Mux(covered, turned[7 - within], window[-1 - place]))
    return filled


def _turn(m: Module, byte: Value, by: Value, name: str) -> Value:
    """A byte rotated left, by up to seven places.

    Parameters
    ----------
    m : Module
    byte, by : Value
    name : str
        Of its steps.
    """
    for bit in range(3):
        turned = Signal(8, name=f"{name}{1 << bit}")
        m.d.comb += turned.eq(Mux(by[bit], byte.rotate_left(1 << bit), byte))
        byte = turned
    return byte


def _shift(m: Module, value: Signal, length: Value) -> Signal:
    """Left, by up to 31, with ones from the right.

    Parameters
    ----------
    m : Module
    value : Signal
    length : Value
    """
    for bit in range(len(length)):
        by = 1 << bit
        shifted = Signal(len(value), name=f"shifted{by}")
        ones = Const(-1, by)
        m.d.comb += shifted.eq(Mux(length[bit], Cat(ones, value[:-by]), value))
        value = shifted
    return value
