"""The board's end of the protocol in plain Python: the model of ``hw/link/shell.py``.

It answers at once, where the hardware takes its time and may merge acknowledgements that follow
each other: what it says is what the hardware says when it is asked one thing at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from protocol.coding.decode import decode
from protocol.messages import DeviceInfo, Result, Statistics
from protocol.packets import CREDIT, Form, Kind, Packet

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
            0, 0, info.frame_bytes, 0, 0, info.credits, 0, 0, 0, 0, 0, 0, (0,) * info.streams
        )
        self._sequence = self._index = 0
        self._form = 0
        self._bytes = bytearray()

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
            self._bytes.clear()
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
        last = self._ends(packet)
        if last is None:
            self._count("dropped")
            yield self._place(Kind.NACK)
            return
        self._form = packet.form & Form.CODED
        self._bytes += packet.payload
        self._index += 1
        if last:
            self._sequence, self._index = (self._sequence + 1) % (1 << 16), 0
        yield self._place(Kind.ACK)
        if last:
            yield from self._answer(packet.sequence)
        self._update_pixels()

    def _ends(self, packet: Packet) -> bool | None:
        """Whether this is a frame's last packet; None if it is not the one that is next."""
        if (packet.sequence, packet.index) != (self._sequence, self._index):
            return None
        length = len(packet.payload)
        if packet.index and packet.form & Form.CODED != self._form:
            return None
        if packet.form & Form.CODED:
            last = bool(packet.form & Form.LAST)
            fits = 0 < length <= self.info.chunk if last else length == self.info.chunk
            return last if fits and self.info.coded else None
        left = self.info.frame_bytes - len(self._bytes)
        return length == left if length == min(self.info.chunk, left) else None

    def judge(self, data: bytes, *, coded: bool) -> tuple[np.ndarray, str]:
        """Class sums of a frame, and what is wrong with it; nothing if it is right.

        Parameters
        ----------
        data : bytes
            All of its bytes.
        coded : bool
            Whether these are codes, and not pixels.
        """
        if coded:
            made = decode(data, self.info.shape)
            return self.classify(made.frame), made.fault
        frame = np.frombuffer(data, dtype=np.uint8).reshape(self.info.shape)
        return self.classify(frame), ""

    def _answer(self, sequence: int) -> Iterator[bytes]:
        info = self.info
        sums, fault = self.judge(bytes(self._bytes), coded=bool(self._form))
        self._bytes.clear()
        result = Result(np.asarray(sums, dtype=np.int32), info.frame_bytes)
        self._count("answered")
        if fault:
            self._count("refused")
        self.statistics = replace(self.statistics, cycles=result.cycles)
        form = Form.REFUSED if fault else 0
        for index, payload in enumerate(result.encode(info.digest)):
            yield Packet(Kind.RESULT, sequence, index, payload, form).encode()

    def _place(self, kind: Kind) -> bytes:
        credit = CREDIT.encode(credit=self.info.credits, spare=0)
        return Packet(kind, self._sequence, self._index, credit).encode()

    def _count(self, name: str) -> None:
        self.statistics = replace(self.statistics, **{name: getattr(self.statistics, name) + 1})

    def _update_pixels(self) -> None:
        # Of a coded frame, pixels are made only once all of it is here.
        taken = 0 if self._form else len(self._bytes)
        left = self.info.frame_bytes - taken
        self.statistics = replace(self.statistics, pixels=left)
