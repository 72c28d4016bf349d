"""The PHY of a simulated board: Ethernet frames as nibbles on its MII, both ways.

To the simulation goes a byte for every nibble time, with :data:`DATA_VALID` for a nibble of a
frame; while nothing comes, the line is idle. From it comes a byte for every nibble of a frame, and
one more without ``DATA_VALID`` behind its last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from math import gcd
from typing import Any

from amaranth.hdl import Cat, ClockSignal, Instance, Module, ResetSignal, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from boards.ethernet import MII_INPUTS, MII_OUTPUTS
from gen.backend.rtlil import MODULE

CLOCK_HZ = 25_000_000
DATA_VALID = 0x10
ERROR = 0x20
"""Goes with a nibble that the PHY could not read."""
PREAMBLE = b"\x55" * 7 + b"\xd5"
GAP = 12
"""Bytes between two Ethernet frames."""
CHECK_BYTES = 4
SHORTEST = 60
"""Bytes of an Ethernet frame without its check sequence; shorter ones are padded."""


class MiiPhy(wiring.Component):
    """A PHY around a board whose Ethernet is MII, the board as a module called ``module``.

    Its clocks run at 25 MHz on the average, or at half the board's clock if that is less.

    Parameters
    ----------
    clock_hz : int
        Of the board.

    Members
    -------
    i, o : In, Out(stream.Signature(8))
        Nibbles to and from the board, as said above.
    """

    def __init__(self, clock_hz: int):
        self._clock_hz = clock_hz
        super().__init__({"i": In(stream.Signature(8)), "o": Out(stream.Signature(8))})

    def elaborate(self, platform: Any) -> Module:
        """Build the hardware."""
        m = Module()
        clock, falls = clock_of(m, CLOCK_HZ, self._clock_hz)
        inputs = {name: Signal(width, name=name) for name, width in MII_INPUTS.items()}
        outputs = {name: Signal(width, name=name) for name, width in MII_OUTPUTS.items()}
        m.submodules.board = Instance(
            MODULE,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            i_i_phy_reset=ResetSignal(),
            i_i_rx_clk=clock,
            i_i_tx_clk=clock,
            o_o_busy=Signal(),
            o_o_wrong=Signal(),
            **{f"i_i_{name}": signal for name, signal in inputs.items()},
            **{f"o_o_{name}": signal for name, signal in outputs.items()},
        )
        # Both sides look at a signal on the rising edge, and this one changes and looks between.
        m.d.comb += self.i.ready.eq(falls)
        with m.If(falls):
            m.d.sync += inputs["rx_dv"].eq(0)
            m.d.sync += inputs["rx_er"].eq(0)
        with m.If(falls & self.i.valid):
            m.d.sync += Cat(inputs["rx_data"], inputs["rx_dv"], inputs["rx_er"]).eq(self.i.payload)
        sending = Signal()
        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(falls):
            m.d.sync += sending.eq(outputs["tx_en"])
            with m.If(outputs["tx_en"] | sending):
                m.d.sync += self.o.valid.eq(1)
                m.d.sync += self.o.payload.eq(Cat(outputs["tx_data"], outputs["tx_en"]))
        return m


def clock_of(m: Module, hz: int, tick_hz: int) -> tuple[Signal, Signal]:
    """A clock made of the ``sync`` domain's, which ticks faster, and the cycle in which it falls.

    It has ``hz`` on the average, or half of ``tick_hz`` if that is less.

    Parameters
    ----------
    m : Module
        Gets the logic.
    hz, tick_hz : int
        Of the clock, and of the ``sync`` domain's.
    """
    edges = min(2 * hz, tick_hz)
    common = gcd(edges, tick_hz)
    step, period = edges // common, tick_hz // common
    clock, turns = Signal(), Signal()
    if step == period:
        m.d.comb += turns.eq(1)
    else:
        phase = Signal(range(period))
        m.d.comb += turns.eq(phase >= period - step)
        m.d.sync += phase.eq(phase + step)
        with m.If(turns):
            m.d.sync += phase.eq(phase - (period - step))
    with m.If(turns):
        m.d.sync += clock.eq(~clock)
    return clock, turns & clock


def nibbles(ethernet_frame: bytes) -> bytes:
    """An Ethernet frame without check sequence, as the simulation gets it, and the gap behind."""
    padded = ethernet_frame.ljust(SHORTEST, b"\0")
    return raw_nibbles(padded + zlib.crc32(padded).to_bytes(CHECK_BYTES, "little"))


def raw_nibbles(ethernet_frame: bytes) -> bytes:
    """An Ethernet frame with its check sequence, right or wrong, as it goes to the simulation."""
    line = PREAMBLE + ethernet_frame
    coded = bytearray(2 * len(line))
    coded[0::2] = bytes(DATA_VALID | byte & 15 for byte in line)
    coded[1::2] = bytes(DATA_VALID | byte >> 4 for byte in line)
    return bytes(coded) + bytes(2 * GAP)


class FrameReader:
    """Finds Ethernet frames in what comes from the simulation.

    Attributes
    ----------
    damaged : int
        Frames without preamble, of half a byte too many, or with a wrong check sequence.
    """

    def __init__(self) -> None:
        self._nibbles = bytearray()
        self.damaged = 0

    def feed(self, coded: bytes) -> Iterator[bytes]:
        """Ethernet frames that end in ``coded``, without check sequence."""
        for nibble in coded:
            if nibble & DATA_VALID:
                self._nibbles.append(nibble & 15)
                continue
            frame = self._frame(bytes(self._nibbles))
            self._nibbles.clear()
            if frame is None:
                self.damaged += 1
            else:
                yield frame

    @staticmethod
    def _frame(nibbles: bytes) -> bytes | None:
        line = bytes(low | high << 4 for low, high in zip(*[iter(nibbles)] * 2, strict=False))
        frame, check = line[len(PREAMBLE) : -CHECK_BYTES], line[-CHECK_BYTES:]
        right = zlib.crc32(frame).to_bytes(CHECK_BYTES, "little") == check
        whole = len(nibbles) % 2 == 0 and line.startswith(PREAMBLE)
        return frame if whole and right else None
