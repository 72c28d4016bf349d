"""A board's top: clock, reset, pads, and between them a serial line around the frame server."""

from amaranth.build import Platform
from amaranth.hdl import ClockDomain, Elaboratable, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from boards.clocking import ClockGenerator
from hw.shell import FrameServer
from hw.uart import UartReceiver, UartTransmitter

HEARTBEAT_HZ = 1
LIGHTS = 3


class SerialBoard(wiring.Component):
    """All of a board but its clock and its pads.

    Parameters
    ----------
    server : FrameServer
    clock_hz : int
    baud : int
        Of the UART.

    Members
    -------
    i_rx : In(1)
        The serial line from the host, asynchronous.
    o_tx : Out(1)
        The one to the host.
    o_lights : Out(3)
        0: heartbeat. 1: a frame is on the board. 2: a packet was refused or a byte lost.
    """

    def __init__(self, server: FrameServer, clock_hz: int, baud: int):
        self._server = server
        self._clock_hz = clock_hz
        self._baud = baud
        super().__init__({"i_rx": In(1, init=1), "o_tx": Out(1, init=1), "o_lights": Out(LIGHTS)})

    def elaborate(self, platform: Platform) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.server = server = self._server
        m.submodules.receiver = receiver = UartReceiver(self._clock_hz, self._baud)
        m.submodules.transmitter = transmitter = UartTransmitter(self._clock_hz, self._baud)
        wiring.connect(m, receiver.o, server.i)
        wiring.connect(m, server.o, transmitter.i)
        half = self._clock_hz // (2 * HEARTBEAT_HZ)
        count, beat = Signal(range(half)), Signal()
        m.d.sync += count.eq(count + 1)
        with m.If(count == half - 1):
            m.d.sync += [count.eq(0), beat.eq(~beat)]
        m.d.comb += [
            receiver.i_rx.eq(self.i_rx),
            self.o_tx.eq(transmitter.o_tx),
            server.i_lost.eq(receiver.o_overrun | receiver.o_frame_error),
            self.o_lights[0].eq(beat),
            self.o_lights[1].eq(server.o_busy),
            self.o_lights[2].eq(server.o_wrong),
        ]
        return m


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
        m.submodules.board = board = SerialBoard(self._server, self._clock_hz, self._baud)
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [board.i_rx.eq(rx.i), tx.o.eq(board.o_tx)]
        for index in range(LIGHTS):
            pin = platform.request("led", index, dir="-")
            m.submodules[f"led{index}"] = buffer = io.Buffer("o", pin)
            m.d.comb += buffer.o.eq(board.o_lights[index])
        return m
