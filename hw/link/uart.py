"""The asynchronous serial line: one start bit, eight data bits, one stop bit, no parity."""

from amaranth.hdl import Cat, Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

BYTE = stream.Signature(unsigned(8))
FEWEST_CYCLES = 6
"""Clock cycles that a bit must last at least."""


def _phase_step(clock_hz: int, baud: int) -> tuple[int, int]:
    """Width of a phase accumulator that turns over once a bit, and its step.

    The width leaves the step at least 12 significant bits: a rate error below 0.02 %.
    """
    if baud < 1 or clock_hz < FEWEST_CYCLES * baud:
        raise ValueError(
            f"{baud} baud needs a clock of at least {FEWEST_CYCLES * max(baud, 1)} Hz, "
            f"not {clock_hz} Hz"
        )
    width = 12 + (clock_hz // baud).bit_length()
    return width, ((baud << width) + clock_hz // 2) // clock_hz


class UartTransmitter(wiring.Component):
    """Sends bytes; back to back while there are some.

    Parameters
    ----------
    clock_hz, baud : int
        Their ratio need not be whole, and is at least 6.

    Members
    -------
    i : In(stream.Signature(8))
        ``ready`` is a register. One more byte is taken while one is sent.
    o_tx : Out(1)
        The line, a register.
    """

    i: In(BYTE)
    o_tx: Out(1, init=1)

    def __init__(self, clock_hz: int, baud: int):
        self._width, self._step = _phase_step(clock_hz, baud)
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        waiting = Signal()
        byte = Signal(8, reset_less=True)
        frame = Signal(9, init=0x1FF, reset_less=True)
        left = Signal(range(11))
        phase = Signal(self._width, reset_less=True)
        tick = Signal()
        m.d.comb += self.i.ready.eq(~waiting)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [byte.eq(self.i.payload), waiting.eq(1)]
        # The fraction of a bit that is left over after a byte counts for the next one.
        idle = left == 0
        with m.If(~idle):
            m.d.sync += Cat(phase, tick).eq(phase + self._step)
        with m.Else():
            m.d.sync += tick.eq(0)
        with m.If((idle | (tick & (left == 1))) & waiting):
            m.d.sync += [self.o_tx.eq(0), frame.eq(Cat(byte, 1)), left.eq(10), waiting.eq(0)]
        with m.Elif(tick):
            m.d.sync += [self.o_tx.eq(frame[0]), frame.eq(Cat(frame[1:], 1)), left.eq(left - 1)]
        return m


class UartReceiver(wiring.Component):
    """Receives bytes, each bit sampled once in its middle.

    Tolerates a sender that is 3 % fast or slow at 8 cycles a bit and more. A start bit that is gone
    by its middle is taken for noise.

    Parameters
    ----------
    clock_hz, baud : int
        Their ratio need not be whole, and is at least 6.

    Members
    -------
    i_rx : In(1)
        The line, asynchronous.
    o : Out(stream.Signature(8))
        A register; a byte that finds it occupied is lost.
    o_overrun : Out(1)
        For one cycle: a byte was lost.
    o_frame_error : Out(1)
        For one cycle: a byte was dropped because its stop bit was low.
    """

    i_rx: In(1, init=1)
    o: Out(BYTE)
    o_overrun: Out(1)
    o_frame_error: Out(1)

    def __init__(self, clock_hz: int, baud: int):
        self._width, self._step = _phase_step(clock_hz, baud)
        super().__init__()

    def elaborate(self, platform: object) -> Module:
        """Build the hardware."""
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.i_rx, line, init=1)
        phase = Signal(self._width, reset_less=True)
        tick = Signal()
        bits = Signal(8, reset_less=True)
        byte = Signal(8, reset_less=True)
        m.d.comb += self.o.payload.eq(byte)
        m.d.sync += Cat(phase, tick).eq(phase + self._step)
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        m.d.sync += [self.o_overrun.eq(0), self.o_frame_error.eq(0)]
        with m.FSM():
            with m.State("idle"):
                # Half a bit to the middle of the start bit, of which two cycles are past when the
                # accumulator's first turn shows.
                m.d.sync += [phase.eq((1 << (self._width - 1)) + 2 * self._step), tick.eq(0)]
                with m.If(~line):
                    m.next = "start"
            with m.State("start"), m.If(tick):
                m.d.sync += bits.eq(0x80)  # The one leaves when the eighth bit comes in.
                with m.If(line):
                    m.next = "idle"
                with m.Else():
                    m.next = "data"
            with m.State("data"), m.If(tick):
                m.d.sync += bits.eq(Cat(bits[1:], line))
                with m.If(bits[0]):
                    m.next = "stop"
            with m.State("stop"), m.If(tick):
                self._deliver(m, line, bits, byte)
                with m.If(line):
                    m.next = "idle"
                with m.Else():
                    m.next = "break"
            with m.State("break"), m.If(line):
                m.next = "idle"
        return m

    def _deliver(self, m: Module, line: Signal, bits: Signal, byte: Signal) -> None:
        with m.If(~line):
            m.d.sync += self.o_frame_error.eq(1)
        with m.Elif(self.o.valid & ~self.o.ready):
            m.d.sync += self.o_overrun.eq(1)
        with m.Else():
            m.d.sync += [self.o.valid.eq(1), byte.eq(bits)]
