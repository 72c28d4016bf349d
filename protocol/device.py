"""The board's end of the protocol in plain Python: the model of ``hw/link/shell.py``.

It answers at once, where the hardware takes its time and may merge acknowledgements that follow
each other: what it says is what the hardware says when it is asked one thing at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from protocol.coding.decode import decode
from protocol.contents.blocks import Status
from protocol.contents.model import ContentsModel, Write
from protocol.messages import DeviceInfo, Result, Statistics
from protocol.packets import CREDIT, Form, Kind, Packet

Classify = Callable[[np.ndarray], np.ndarray]
"""Class sums int32 (classes,) of a frame uint8 (height, width, channels)."""
Load = Callable[[Write], None]
"""Puts a word into what :data:`Classify` goes by."""


class Device:
    """A board with all the credit that it says it gives, and no delays.

    Parameters
    ----------
    info : DeviceInfo
    classify : callable
        See :data:`Classify`.
    contents : ContentsModel, optional
        Of a board that has memories, and only of such a one.
    load : callable, optional
        See :data:`Load`.

    Attributes
    ----------
    info : DeviceInfo
        As the board describes itself now.

    Raises
    ------
    ValueError
        If there are memories without contents, or the other way round.
    """

    def __init__(
        self,
        info: DeviceInfo,
        classify: Classify,
        contents: ContentsModel | None = None,
        load: Load | None = None,
    ):
        if (contents is not None) != bool(info.memories):
            raise ValueError("a board has a model of its contents if it has memories")
        self.info, self.classify = info, classify
        self._contents, self._load = contents, load
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
            if self._contents is not None:
                self._contents.reset()
            self._update_pixels()
            yield Packet(Kind.RESET, packet.sequence).encode()
        elif packet.kind == Kind.INFO:
            yield Packet(Kind.INFO, packet.sequence, 0, self.info.encode()).encode()
        elif packet.kind == Kind.STATISTICS:
            said = replace(self.statistics, sequence=self._sequence, index=self._index)
            yield Packet(Kind.STATISTICS, packet.sequence, 0, said.encode()).encode()
        elif packet.kind == Kind.CONTENTS and self._contents is not None:
            payload = self._contents.state.encode()
            yield Packet(Kind.CONTENTS, packet.sequence, 0, payload).encode()
        else:
            self._count("dropped")
            yield self._place(Kind.NACK)

    def _frame(self, packet: Packet) -> Iterator[bytes]:
        last = self._ends(packet)
        if last is None:
            self._count("dropped")
            yield self._place(Kind.NACK)
            return
        self._form = packet.form & self._forms
        if self._form & Form.CONTENTS:
            self._take_contents(packet.payload)
        else:
            self._bytes += packet.payload
        self._index += 1
        if last:
            self._sequence, self._index = (self._sequence + 1) % (1 << 16), 0
        yield self._place(Kind.ACK)
        if last:
            yield from self._answer(packet.sequence)
        self._update_pixels()

    def _take_contents(self, data: bytes) -> None:
        """Some bytes of a frame of contents; what they say takes effect at once."""
        assert self._contents is not None
        for write in self._contents.feed(data):
            if self._load is not None:
                self._load(write)
        self.info = replace(
            self.info,
            digest=self._contents.digest,
            updating=self._contents.updating,
            counter=self._contents.counter,
        )

    @property
    def _forms(self) -> Form:
        """What the board looks at in the form of a packet, but for which is the last one."""
        return Form.CODED | Form.CONTENTS if self.info.memories else Form.CODED

    def _ends(self, packet: Packet) -> bool | None:
        """Whether this is a frame's last packet; None if it is not the one that is next."""
        if (packet.sequence, packet.index) != (self._sequence, self._index):
            return None
        length = len(packet.payload)
        form = packet.form & self._forms
        if packet.index and form != self._form:
            return None
        if form:
            last = bool(packet.form & Form.LAST)
            fits = 0 < length <= self.info.chunk if last else length == self.info.chunk
            taken = form == Form.CONTENTS or (form == Form.CODED and self.info.coded)
            return last if fits and taken else None
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
        if self._form & Form.CONTENTS:
            sums, refused = self._end_contents()
        else:
            sums, fault = self.judge(bytes(self._bytes), coded=bool(self._form))
            refused = bool(fault) or info.updating
        self._bytes.clear()
        result = Result(np.asarray(sums, dtype=np.int32), info.frame_bytes)
        self._count("answered")
        if refused:
            self._count("refused")
        self.statistics = replace(self.statistics, cycles=result.cycles)
        form = Form.REFUSED if refused else 0
        for index, payload in enumerate(result.encode(info.digest)):
            yield Packet(Kind.RESULT, sequence, index, payload, form).encode()

    def _end_contents(self) -> tuple[np.ndarray, bool]:
        """What is answered to a frame of contents, and whether it was refused."""
        assert self._contents is not None
        status = self._contents.end()
        words = np.zeros(self.info.classes, dtype=np.int32)
        words[0] = status
        return words, status is not Status.OK

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
