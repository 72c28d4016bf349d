"""The interfaces between the driver and whatever carries its packets."""

from __future__ import annotations

import time
from abc import abstractmethod

from gen.common.closing import Closing
from protocol.framing import Deframer, frame

PATIENCE = 0.25
"""Seconds without progress after which it is asked whether something was lost."""


class _Carrier(Closing):
    """What byte streams and packet links have in common. Use as a context manager, or ``close``."""

    @property
    @abstractmethod
    def name(self) -> str:
        """For people and error messages: which board this is, and on what link."""

    @property
    def advice(self) -> str:
        """What to look after when nothing comes from the board."""
        return "is it configured and powered, and is the baud rate right?"

    @property
    def seconds_per_byte(self) -> float:
        """How long the link takes for a byte; the driver's time-outs allow for it."""
        return 0.0

    @property
    def first(self) -> int | None:
        """Number that the first frame must have; ``None`` if any will do."""
        return None

    def now(self) -> float:
        """Seconds of the clock that the board runs by."""
        return time.monotonic()


class Link(_Carrier):
    """Carries packets to a board and back; may lose and damage some."""

    @abstractmethod
    def send(self, packets: list[bytes]) -> None:
        """Send packets; what the link buffers may still be under way on return."""

    @abstractmethod
    def receive(self, timeout: float) -> list[bytes]:
        """Wait up to ``timeout`` seconds for something to come; returns the packets in it."""


class Transport(_Carrier):
    """A byte stream to a board and back."""

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of ``data``; what the link buffers may still be under way on return."""

    @abstractmethod
    def read(self, timeout: float) -> bytes:
        """Wait up to ``timeout`` seconds for a byte; returns all that came."""


class ByteLink(Link):
    """Packets on a byte stream, which is closed together with it."""

    def __init__(self, transport: Transport):
        self._transport = transport
        self._deframer = Deframer()

    @property
    def name(self) -> str:
        """The byte stream's."""
        return self._transport.name

    @property
    def advice(self) -> str:
        """The byte stream's."""
        return self._transport.advice

    @property
    def seconds_per_byte(self) -> float:
        """The byte stream's."""
        return self._transport.seconds_per_byte

    @property
    def first(self) -> int | None:
        """The byte stream's."""
        return self._transport.first

    def now(self) -> float:
        """The byte stream's clock."""
        return self._transport.now()

    def send(self, packets: list[bytes]) -> None:
        """Send packets, each behind a flag."""
        if packets:
            self._transport.write(b"".join(frame(packet) for packet in packets))

    def receive(self, timeout: float) -> list[bytes]:
        """Wait for bytes, and find the packets in them."""
        return self._deframer.feed(self._transport.read(timeout))

    def close(self) -> None:
        """Close the byte stream."""
        self._transport.close()


class FramedLink(Transport):
    """A link as a byte stream, for what works on those: the other way round than a ByteLink."""

    def __init__(self, link: Link):
        self._link = link
        self._deframer = Deframer()

    @property
    def name(self) -> str:
        """The link's."""
        return self._link.name

    @property
    def advice(self) -> str:
        """The link's."""
        return self._link.advice

    @property
    def seconds_per_byte(self) -> float:
        """The link's."""
        return self._link.seconds_per_byte

    def now(self) -> float:
        """The link's clock."""
        return self._link.now()

    def write(self, data: bytes) -> None:
        """Send the packets that are complete."""
        self._link.send(self._deframer.feed(data))

    def read(self, timeout: float) -> bytes:
        """Wait for packets; returns them framed."""
        return b"".join(frame(packet) for packet in self._link.receive(timeout))

    def close(self) -> None:
        """Close the link."""
        self._link.close()
