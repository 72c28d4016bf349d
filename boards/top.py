"""A board's top: clock, reset, UART and LEDs around the frame server."""

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal, Value
from amaranth.lib import io, wiring

from boards.clocking import ClockGenerator
from hw.shell import FrameServer
from hw.uart import UartReceiver, UartTransmitter

HEARTBEAT_HZ = 1
LEDS = 4
"""LED 0: heartbeat. 1: an answer is due. 2: an unknown command came, or a byte was lost."""


class BoardTop(Elaboratable):
    """Everything on the chip.

    Parameters
    ----------
    server : FrameServer
    clock_hz : int
    baud : int
        Of the UART.
    """

    def __init__(self, server: FrameServer, clock_hz: int, baud: int):
        self._server = server
        self._clock_hz = clock_hz
        self._baud = baud

    def elaborate(self, platform: Platform) -> Module:
        """Build the hardware."""
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.clock = ClockGenerator(self._clock_hz)
        m.submodules.server = server = self._server
        m.submodules.receiver = receiver = UartReceiver(self._clock_hz, self._baud)
        m.submodules.transmitter = transmitter = UartTransmitter(self._clock_hz, self._baud)
        wiring.connect(m, receiver.o, server.i)
        wiring.connect(m, server.o, transmitter.i)

        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [receiver.i_rx.eq(rx.i), tx.o.eq(transmitter.o_tx)]

        wrong = Signal()
        with m.If(receiver.o_overrun | receiver.o_frame_error):
            m.d.sync += wrong.eq(1)
        self._lights(m, platform, server.o_busy, wrong | server.o_unknown)
        return m

    def _lights(self, m: Module, platform: Platform, busy: Value, wrong: Value) -> None:
        half = self._clock_hz // (2 * HEARTBEAT_HZ)
        count = Signal(range(half))
        beat = Signal()
        m.d.sync += count.eq(count + 1)
        with m.If(count == half - 1):
            m.d.sync += [count.eq(0), beat.eq(~beat)]
        for index, light in enumerate((beat, busy, wrong)):
            pin = platform.request("led", index, dir="-")
            m.submodules[f"led{index}"] = buffer = io.Buffer("o", pin)
            m.d.comb += buffer.o.eq(light)
