"""A board's top: clock, reset, lights, and the pads of its link."""

from amaranth.build import Platform
from amaranth.hdl import Cat, ClockDomain, Elaboratable, Module, Signal
from amaranth.lib import io

from boards.clocking import ClockGenerator
from boards.ethernet import EthernetBoard
from boards.serial import SerialBoard

HEARTBEAT_HZ = 1


class BoardTop(Elaboratable):
    """Everything on the chip.

    Its lights are 0: heartbeat; 1: a frame is on the board; 2: a packet was refused or a byte lost.
    A board may have fewer.

    Parameters
    ----------
    board : SerialBoard or EthernetBoard
    clock_hz : int
    """

    def __init__(self, board: SerialBoard | EthernetBoard, clock_hz: int):
        self._board = board
        self._clock_hz = clock_hz

    def elaborate(self, platform: Platform) -> Module:
        """Build the hardware."""
        m = Module()
        m.domains.sync = domain = ClockDomain()
        platform.add_clock_constraint(domain.clk, self._clock_hz)
        m.submodules.clock = clock = ClockGenerator(self._clock_hz)
        m.submodules.board = board = self._board
        board.connect_pads(m, platform, clock)
        half = self._clock_hz // (2 * HEARTBEAT_HZ)
        count, beat = Signal(range(half), reset_less=True), Signal(reset_less=True)
        m.d.sync += count.eq(count + 1)
        with m.If(count == half - 1):
            m.d.sync += [count.eq(0), beat.eq(~beat)]
        for index, light in enumerate(Cat(beat, board.o_busy, board.o_wrong)):
            if ("led", index) not in platform.resources:
                break
            pin = platform.request("led", index, dir="-")
            m.submodules[f"led{index}"] = buffer = io.Buffer("o", pin)
            m.d.comb += buffer.o.eq(light)
        platform.hold_pins(m)
        return m
