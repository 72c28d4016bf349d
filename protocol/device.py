"""The board's end of the protocol in plain Python: the model of ``hw/link/shell.py``.

It answers at once, where the hardware takes its time and may merge acknowledgements that follow
each other: what it says is what the hardware says when it is asked one thing at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from protocol.messages import DeviceInfo, Result, Statistics
from protocol.packets import CREDIT, Kind, Packet

Classify = Callable[[np.ndarray], np.ndarray]
"""Class sums int32 (classes,) of a frame uint8 (height, width, channels)."""


class Device:
    """A board with all the credit that it says it gives, and no delays.

    Parameters
    ----------
    info : DeviceInfo
    classify : callable
        See :data:`Classify`.
    """

    def __init__(self, info: DeviceInfo, classify: Classify):
        self.info, self.classify = info, classify
        self.statistics = Statistics(
            0, 0, info.frame_bytes, 0, 0, info.credits, 0, 0, 0, 0, 0, (0,) * info.streams
        )
        self._sequence = self._index = 0
        self._pixels = bytearray()

    def receive(self, data: bytes) -> Iterator[bytes]:
        """Answers to a packet, damaged or not."""
        packet = Packet.decode(data)
        if packet is None:
            self._count("bad")
            yield self._place(Kind.NACK)
        elif packet.kind == Kind.FRAME:
            yield from self._frame(packet)
        elif packet.kind == Kind.RESET:
            self._sequence, self._index = packet.sequence, 0
            self._pixels.clear()
            self._update_pixels()
            yield Packet(Kind.RESET, packet.sequence).encode()
        elif packet.kind == Kind.INFO:
            yield Packet(Kind.INFO, packet.sequence, 0, self.info.encode()).encode()
        elif packet.kind == Kind.STATISTICS:
            said = replace(self.statistics, sequence=self._sequence, index=self._index)
            yield Packet(Kind.STATISTICS, packet.sequence, 0, said.encode()).encode()
        else:
            self._count("dropped")
            yield self._place(Kind.NACK)

    def _frame(self, packet: Packet) -> Iterator[bytes]:
        due = min(self.info.chunk, self.info.frame_bytes - len(self._pixels))
        place = (packet.sequence, packet.index, len(packet.payload))
        if place != (self._sequence, self._index, due):
            self._count("dropped")
            yield self._place(Kind.NACK)
            return
        self._pixels += packet.payload
        self._index += 1
        complete = len(self._pixels) == self.info.frame_bytes
        if complete:
            self._sequence, self._index = (self._sequence + 1) % (1 << 16), 0
        yield self._place(Kind.ACK)
        if complete:
            yield from self._answer(packet.sequence)
        self._update_pixels()

    def _answer(self, sequence: int) -> Iterator[bytes]:
        info = self.info
        frame = np.frombuffer(bytes(self._pixels), dtype=np.uint8)
        self._pixels.clear()
        sums = self.classify(frame.reshape(info.height, info.width, info.channels))
        result = Result(np.asarray(sums, dtype=np.int32), info.frame_bytes)
        self._count("answered")
        self.statistics = replace(self.statistics, cycles=result.cycles)
        for index, payload in enumerate(result.encode(info.digest)):
            yield Packet(Kind.RESULT, sequence, index, payload).encode()

    def _place(self, kind: Kind) -> bytes:
        credit = CREDIT.encode(credit=self.info.credits, spare=0)
        return Packet(kind, self._sequence, self._index, credit).encode()

    def _count(self, name: str) -> None:
        self.statistics = replace(self.statistics, **{name: getattr(self.statistics, name) + 1})

    def _update_pixels(self) -> None:
        left = self.info.frame_bytes - len(self._pixels)
        self.statistics = replace(self.statistics, pixels=left)
