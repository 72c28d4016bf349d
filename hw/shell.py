"""The shell around an accelerator: commands, frames and results as bytes.

Integers are little endian. The host sends one byte of command, a frame's pixels behind ``FRAME``.
The board answers every command in turn:

- ``INFO``: ``INFO``, then 32 bytes: magic, u8 version, u8 0, u16 height, u16 width, u8 channels,
  u8 0, u16 classes, u16 0, u32 clock in Hz, 8 bytes of network digest, 4 bytes 0.
- ``FRAME``: ``RESULT``, u32 clock cycles from the frame's first pixel byte entering the
  accelerator to its last class sum leaving, then an i32 a class.

Other commands are ignored. Nothing but their number marks the pixels of a frame: if the link loses
one, the next byte takes its place, until the host sends as many as were lost or the board is reset.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.fifo import MemoryKind, StreamFifo
from hw.stream import lane_stream

VERSION = 1
MAGIC = b"FBRK"
INFO, FRAME, RESULT = b"IFR"

IN_FLIGHT = 8
"""Commands that may wait for their answers."""
RX_DEPTH = 64
"""Bytes that may wait while the accelerator pauses: its worst pause must be shorter than this many
bytes take on the link, since a UART cannot be told to stop."""
BLOCK_FROM = 128
"""From this many classes on, block RAM is cheaper for the sums than LUTs."""
COUNTER_BITS = 32


@dataclass(frozen=True)
class Identity:
    """What a board says of itself.

    Attributes
    ----------
    height, width, channels, classes : int
        Of the network's frames and results.
    clock_hz : int
    digest : bytes
        8 bytes that name the network.
    """

    height: int
    width: int
    channels: int
    classes: int
    clock_hz: int
    digest: bytes

    def __post_init__(self) -> None:
        for name, bits in (("height", 16), ("width", 16), ("channels", 8), ("classes", 16)):
            if not 1 <= getattr(self, name) < 1 << bits:
                raise ValueError(
                    f"{name} must be 1 to {(1 << bits) - 1}, not {getattr(self, name)}"
                )
        if len(self.digest) != 8:
            raise ValueError(f"the digest must be 8 bytes, not {len(self.digest)}")

    @property
    def frame_bytes(self) -> int:
        """Bytes of pixels in a frame."""
        return self.height * self.width * self.channels

    def encode(self) -> bytes:
        """The block that answers an ``INFO``."""
        return struct.pack(
            "<4sBxHHBxH2xI8s4x",
            MAGIC,
            VERSION,
            self.height,
            self.width,
            self.channels,
            self.classes,
            self.clock_hz,
            self.digest,
        )


def model(identity: Identity, data: bytes) -> Iterator[bytes | None]:
    """What the shell makes of bytes from the host: a frame's pixels, or ``None`` for an info."""
    position = 0
    while position < len(data):
        command = data[position]
        position += 1
        if command == INFO:
            yield None
        elif command == FRAME:
            frame = data[position : position + identity.frame_bytes]
            if len(frame) == identity.frame_bytes:
                yield frame
            position += identity.frame_bytes


class Shell(wiring.Component):
    """Byte protocol on one side, an accelerator's streams on the other.

    One byte a cycle each way. Frames may follow each other without waiting for results; with
    ``IN_FLIGHT`` answers due, the next command waits.

    Parameters
    ----------
    identity : Identity

    Members
    -------
    i, o : In, Out(stream.Signature(8))
        From and to the host.
    o_pixels : Out(lane_stream(1, unsigned(8)))
    i_sums : In(lane_stream(1, signed(32)))
    o_busy : Out(1)
        An answer is due.
    o_unknown : Out(1)
        An unknown command byte came since reset.
    """

    def __init__(self, identity: Identity):
        self._identity = identity
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "o_pixels": Out(lane_stream(1, unsigned(8))),
                "i_sums": In(lane_stream(1, signed(32))),
                "o_busy": Out(1),
                "o_unknown": Out(1),
            }
        )

    def elaborate(self, platform):
        """Build the hardware."""
        m = Module()
        classes = self._identity.classes
        # Each frame is in `due` from its command to its result, and in `starts`, then in `spans`,
        # for a part of that time: these two are as deep as `due`, so they are never full.
        m.submodules.due = due = StreamFifo(1, IN_FLIGHT)
        m.submodules.starts = starts = StreamFifo(COUNTER_BITS, IN_FLIGHT)
        m.submodules.spans = spans = StreamFifo(COUNTER_BITS, IN_FLIGHT)
        kind: MemoryKind = "lut" if classes < BLOCK_FROM else "block"
        m.submodules.sums = sums = StreamFifo(32, max(classes, 2), kind)
        now = Signal(COUNTER_BITS)
        m.d.sync += [now.eq(now + 1), self.o_busy.eq(due.o.valid)]
        self._receive(m, due, starts, now)
        self._collect(m, starts, spans, sums, now)
        self._answer(m, due, spans, sums)
        return m

    def _receive(self, m: Module, due: StreamFifo, starts: StreamFifo, now: Signal) -> None:
        """Commands into ``due``, pixels into the accelerator."""
        m.submodules.received = received = StreamFifo(8, RX_DEPTH)
        wiring.connect(m, wiring.flipped(self.i), received.i)
        byte = received.o.payload
        left = Signal(range(self._identity.frame_bytes + 1))
        first = Signal()
        in_frame = Signal()
        with m.If(~in_frame):
            known = (byte == INFO) | (byte == FRAME)
            m.d.comb += [
                due.i.valid.eq(received.o.valid & known),
                due.i.payload.eq(byte == FRAME),
                received.o.ready.eq(due.i.ready | ~known),
            ]
            with m.If(received.o.valid & ~known):
                m.d.sync += self.o_unknown.eq(1)
            with m.If(due.i.valid & due.i.ready & due.i.payload):
                m.d.sync += [
                    in_frame.eq(1),
                    first.eq(1),
                    left.eq(self._identity.frame_bytes - 1),
                ]
        with m.Else():
            m.d.comb += [
                self.o_pixels.valid.eq(received.o.valid),
                received.o.ready.eq(self.o_pixels.ready),
            ]
            with m.If(received.o.valid & received.o.ready):
                m.d.comb += starts.i.valid.eq(first)
                m.d.sync += [first.eq(0), left.eq(left - 1), in_frame.eq(left != 0)]
        m.d.comb += [self.o_pixels.payload[0].eq(byte), starts.i.payload.eq(now)]

    def _collect(
        self, m: Module, starts: StreamFifo, spans: StreamFifo, sums: StreamFifo, now: Signal
    ) -> None:
        """Class sums into ``sums``, and with the last of a frame its cycles into ``spans``."""
        index = Signal(range(max(self._identity.classes, 2)))
        last = index == self._identity.classes - 1
        taken = self.i_sums.valid & sums.i.ready
        m.d.comb += [
            sums.i.valid.eq(self.i_sums.valid),
            sums.i.payload.eq(self.i_sums.payload[0]),
            self.i_sums.ready.eq(sums.i.ready),
            spans.i.valid.eq(taken & last),
            spans.i.payload.eq(now - starts.o.payload),
            starts.o.ready.eq(taken & last),
        ]
        with m.If(taken):
            m.d.sync += index.eq(Mux(last, 0, index + 1))

    def _answer(self, m: Module, due: StreamFifo, spans: StreamFifo, sums: StreamFifo) -> None:
        """Answers in the order of ``due``, byte by byte."""
        block = Array(Const(byte, 8) for byte in self._identity.encode())
        classes = self._identity.classes
        position = Signal(range(max(len(block), 4)))
        words = Signal(range(max(classes, 2)))
        word = Signal(32)
        byte = Cat(word).word_select(position[:2], 8)
        given = self.o.valid & self.o.ready
        end = given & (position[:2] == 3)
        with m.FSM():
            with m.State("HEAD"):
                m.d.comb += [
                    self.o.valid.eq(due.o.valid & (~due.o.payload | spans.o.valid)),
                    self.o.payload.eq(Mux(due.o.payload, RESULT, INFO)),
                    due.o.ready.eq(given),
                ]
                with m.If(given):
                    m.d.sync += [position.eq(0), words.eq(0)]
                    m.next = "INFO"
                    with m.If(due.o.payload):
                        m.next = "CYCLES"
            with m.State("INFO"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(block[position])]
                with m.If(given):
                    m.d.sync += position.eq(position + 1)
                    with m.If(position == len(block) - 1):
                        m.next = "HEAD"
            with m.State("CYCLES"):
                m.d.comb += [
                    word.eq(spans.o.payload),
                    self.o.valid.eq(1),
                    self.o.payload.eq(byte),
                    spans.o.ready.eq(end),
                ]
                with m.If(given):
                    m.d.sync += position.eq(Mux(end, 0, position + 1))
                with m.If(end):
                    m.next = "SUMS"
            with m.State("SUMS"):
                m.d.comb += [
                    word.eq(sums.o.payload),
                    self.o.valid.eq(sums.o.valid),
                    self.o.payload.eq(byte),
                    sums.o.ready.eq(end),
                ]
                with m.If(given):
                    m.d.sync += position.eq(Mux(end, 0, position + 1))
                with m.If(end):
                    m.d.sync += words.eq(words + 1)
                    with m.If(words == classes - 1):
                        m.next = "HEAD"


class FrameServer(wiring.Component):
    """A shell and its accelerator: bytes in, bytes out. What is simulated, and what boards hold.

    Parameters
    ----------
    identity : Identity
    accelerator : wiring.Component
        With ports ``i``: lane_stream(1, unsigned(8)) of pixel bytes, ``o``:
        lane_stream(1, signed(32)) of class sums.

    Members
    -------
    i, o : In, Out(stream.Signature(8))
        From and to the host; see :class:`Shell`.
    o_busy, o_unknown : Out(1)
        See :class:`Shell`.
    """

    def __init__(self, identity: Identity, accelerator: wiring.Component):
        self._identity = identity
        self._accelerator = accelerator
        super().__init__(
            {
                "i": In(stream.Signature(8)),
                "o": Out(stream.Signature(8)),
                "o_busy": Out(1),
                "o_unknown": Out(1),
            }
        )

    def elaborate(self, platform):
        """Build the hardware."""
        m = Module()
        m.submodules.shell = shell = Shell(self._identity)
        m.submodules.accelerator = accelerator = self._accelerator
        wiring.connect(m, wiring.flipped(self.i), shell.i)
        wiring.connect(m, shell.o, wiring.flipped(self.o))
        wiring.connect(m, shell.o_pixels, accelerator.i)
        wiring.connect(m, accelerator.o, shell.i_sums)
        m.d.comb += [self.o_busy.eq(shell.o_busy), self.o_unknown.eq(shell.o_unknown)]
        return m
