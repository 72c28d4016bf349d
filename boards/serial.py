"""A board on a serial line: all but its clock and its pads."""

from amaranth.build import Platform
from amaranth.hdl import DomainRenamer, Module, ResetSignal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import In, Out

from boards.clocking import ClockGenerator
from hw.link.shell import FrameServer
from hw.link.uart import UartReceiver, UartTransmitter
from hw.stream.reset_domain import add_domain


class SerialBoard(wiring.Component):
    """The shell at the end of a UART.

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
    o_busy, o_wrong : Out(1)
        See :class:`hw.link.shell.Shell`.
    """

    def __init__(self, server: FrameServer, clock_hz: int, baud: int):
        self._server = server
        self._clock_hz = clock_hz
        self._baud = baud
        super().__init__(
            {
                "i_rx": In(1, init=1),
                "o_tx": Out(1, init=1),
                "o_busy": Out(1),
                "o_wrong": Out(1),
            }
        )

    def elaborate(self, platform: Platform) -> Module:
        """Build the hardware."""
        m = Module()
        m.submodules.server = server = self._server
        # Pads may be far from all else: what is beside them has a reset of its own.
        add_domain(m, "line", ResetSignal())
        receiver = UartReceiver(self._clock_hz, self._baud)
        transmitter = UartTransmitter(self._clock_hz, self._baud)
        m.submodules.receiver = DomainRenamer("line")(receiver)
        m.submodules.transmitter = DomainRenamer("line")(transmitter)
        wiring.connect(m, receiver.o, server.i)
        wiring.connect(m, server.o, transmitter.i)
        m.d.comb += [
            receiver.i_rx.eq(self.i_rx),
            self.o_tx.eq(transmitter.o_tx),
            server.i_lost.eq(receiver.o_overrun | receiver.o_frame_error),
            self.o_busy.eq(server.o_busy),
            self.o_wrong.eq(server.o_wrong),
        ]
        return m

    def connect_pads(self, m: Module, platform: Platform, clock: ClockGenerator) -> None:
        """Add the line's pads to the top.

        Parameters
        ----------
        m : Module
            The top.
        platform : Platform
            With the pins of the UART.
        clock : ClockGenerator
            Not used: the UART's bits are timed by the accelerator's clock.
        """
        uart = platform.request("uart", 0, dir="-")
        m.submodules.rx = rx = io.Buffer("i", uart.rx)
        m.submodules.tx = tx = io.Buffer("o", uart.tx)
        m.d.comb += [self.i_rx.eq(rx.i), tx.o.eq(self.o_tx)]
