"""Frames to an IP core and class sums back, by an AXI DMA.

One frame is under way to the core and one answer from it, since the DMA takes no more. Further
frames wait in buffers of their own, and the next answer has another buffer than the one that is
read, so that core and DMA wait for a look at them at most.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from host.axi_dma import AxiDma, DmaFault
from host.core_registers import CoreRegisters
from host.frame_exchange import UPDATING, FrameExchange
from host.pynq_loading import Hardware
from protocol.messages import DeviceInfo, Result, Statistics

FRAMES = 4
"""Frames without an answer, at most: two in the core, one on its way, one that waits."""
POLL = 50e-6
"""Seconds between two looks at the DMA."""
SETTLE = 1e-3
"""Seconds in which the core gives out what is left of an answer that a reset cut short; at a class
sum a clock cycle, that is tens of thousands of them."""


@dataclass
class _Job:
    """A frame without an answer.

    Attributes
    ----------
    ticket : int
    buffer : uint8 array (bytes,)
        Its beats, where the DMA reaches them.
    begun : float
        When it was begun to be sent.
    """

    ticket: int
    buffer: Any
    begun: float = 0.0


class DmaExchange(FrameExchange):
    """An IP core behind an AXI DMA.

    That a frame was malformed is in its answer's ``TUSER``, which a DMA does not show; so the
    core's count of them since its reset is looked at with each answer. Whatever goes wrong, DMA and
    core are reset, and frames without an answer are sent again unless they are forgotten.

    Parameters
    ----------
    hardware : Hardware
    network : QuantizedNetwork or None
        That the core must hold; any if None.
    timeout : float
        Seconds without any progress after which the core is given up.

    Attributes
    ----------
    hardware : Hardware
    timeout : float

    Raises
    ------
    FirebrickError
        If the core is not the right one, the DMA is not fit for it, or there is no memory.
    """

    def __init__(self, hardware: Hardware, network: QuantizedNetwork | None, timeout: float):
        super().__init__(network)
        self.hardware, self.timeout = hardware, timeout
        self._name = hardware.name
        self._core = CoreRegisters(hardware.name, hardware.core.read, hardware.core.write)
        self._about = about = self._core.info()
        if network is not None:
            self._core.check(about, network)
        self._info = self._core.as_board(about, FRAMES)
        self._frame_bytes = about.frame_beats * about.beat_bits // 8
        self._dma = AxiDma(hardware.dma, hardware.name, self._frame_bytes)
        self._waiting: deque[_Job] = deque()
        self._given: deque[_Job] = deque()
        """Those that the core has, or the DMA sends; the oldest first."""
        self._sending = self._torn = False
        self._done: list[tuple[int, Result]] = []
        self._forgotten: set[int] = set()
        self._tickets = self._cycles = 0
        self._counts = {"malformed frames": 0, "frames computed again": 0, "resets": 0}
        self._moved = self._left = self.now()
        self._progress = 0
        self._frames: list[Any] = []
        self._answers: deque[Any] = deque()
        self._allocate()

    def _allocate(self) -> None:
        allocate = self.hardware.allocate
        try:
            for _ in range(FRAMES):
                self._frames.append(allocate(shape=(self._frame_bytes,), dtype=np.uint8))
            for _ in range(2):
                self._answers.append(allocate(shape=(self._about.classes,), dtype=np.int32))
        except (MemoryError, OSError, RuntimeError) as error:
            self._free()
            raise FirebrickError(
                f"{self._name}: no memory for frames ({error}); close other programs that use it"
            ) from None

    def _free(self) -> None:
        for buffers in (self._frames, self._answers):
            while buffers:
                buffers.pop().freebuffer()

    def close(self) -> None:
        """Stop the DMA, and give the memory back that it writes to."""
        try:
            if self._answers:
                self._dma.stop()
        except KeyboardInterrupt:
            self._dma.stop()
            raise
        finally:
            self._free()

    @property
    def name(self) -> str:
        """The overlay's."""
        return self._name

    @property
    def info(self) -> DeviceInfo:
        """As for a board; what the core held when it was opened, or at the last :meth:`look`."""
        return self._info

    def look(self, network: QuantizedNetwork | None = None) -> None:
        """See what the core holds now; all of it is of this network, if one is named."""
        self._info = self._core.as_board(self._about, FRAMES)
        self._network = self._network if network is None else network

    def settle(self) -> None:
        """Bring what is under way to its end: frames that were submitted are answered.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """
        with self.turn:
            if self._torn:
                self.meet()
            while self.unanswered:
                self._step(math.inf)

    @property
    def unanswered(self) -> int:
        """Frames without a result."""
        return len(self._waiting) + len(self._given)

    @property
    def progress(self) -> int:
        """Grows with everything that brings a frame further."""
        return self._progress

    @property
    def may_submit(self) -> bool:
        """Whether another frame may be submitted."""
        return self.unanswered < FRAMES

    def now(self) -> float:
        """Seconds of the processor's clock."""
        return time.monotonic()

    def meet(self) -> None:
        """Bring DMA and core into a known state; what the core is has been asked before."""
        self.begin()
        try:
            self._restart()
        except DmaFault as fault:
            raise FirebrickError(f"{self._name}: the DMA {fault}") from None

    def begin(self) -> None:
        """Count time from now on."""
        self._moved = self._left = self.now()

    def submit(self, data: bytes, *, coded: bool = False) -> int:
        """Take a frame to send while :attr:`may_submit` allows it; returns its result's ticket.

        Raises
        ------
        FirebrickError
            If the core is amid an update.
        ValueError
            If :attr:`may_submit` does not allow it, it is coded, or not a frame's bytes.
        """
        if self._info.updating:
            raise FirebrickError(f"{self._name}: {UPDATING}")
        if coded or len(data) != self._about.frame_bytes:
            raise ValueError(f"a core takes raw frames of {self._about.frame_bytes} bytes")
        used = {id(job.buffer) for job in (*self._waiting, *self._given)}
        buffer = next((one for one in self._frames if id(one) not in used), None)
        if buffer is None:
            raise ValueError("no room for another frame")
        # All of it at once: PYNQ.remote sends a buffer whenever a part of it is written.
        buffer[:] = np.frombuffer(data.ljust(self._frame_bytes, b"\0"), np.uint8)
        self._tickets += 1
        self._waiting.append(_Job(self._tickets, buffer))
        return self._tickets

    def forget(self, tickets: Iterable[int]) -> None:
        """Send those no more that have not been sent; what comes of the others nobody takes."""
        self._forgotten.update(tickets)

    def _step(self, wait: float) -> None:
        now = self.now()
        self._moved += now - self._left  # the caller's own time, which is nobody's fault
        try:
            if self._torn:
                self._restart()
            self._torn = True  # until all is done that belongs together
            self._wait(now + wait)
            self._torn = False
        except DmaFault as fault:
            self._fail(f"the DMA {fault}")
        self._left = self.now()

    def _wait(self, end: float) -> None:
        """Wait until something comes further, or up to a time."""
        while not self._move():
            now = self.now()
            if self.unanswered and now - self._moved > self.timeout:
                self._fail(self._diagnosis(now - self._moved))
            if now >= end or not self.unanswered:
                return
            time.sleep(POLL)
        self._moved = self.now()
        self._progress += 1

    def _move(self) -> bool:
        """Take from the DMA what it has done, and give it more; whether anything came further."""
        moved = False
        if self._sending and self._dma.sent():
            self._sending, self.sent, moved = False, self.now(), True
        if (length := self._dma.received()) is not None:
            self._take_answer(length)
            moved = True
        self._drop_forgotten()
        if not self._sending and self._waiting:
            job = self._waiting.popleft()
            self._given.append(job)
            job.begun = self.sent = self.now()
            self._dma.send(job.buffer)
            self._sending = moved = True
        return moved

    def _drop_forgotten(self) -> None:
        """Frames that nobody waits for any more, as far as they have not been sent."""
        if self._forgotten:
            self._waiting = deque(j for j in self._waiting if j.ticket not in self._forgotten)
            self._forgotten &= {job.ticket for job in self._given}

    def _take_answer(self, length: int) -> None:
        """Read an answer of some bytes, and give the next one a buffer before."""
        buffer = self._answers[0]
        self._answers.rotate()
        self._dma.receive(self._answers[0])
        about = self._about
        if malformed := self._core.value("MALFORMED"):  # since the reset
            self._counts["malformed frames"] += malformed
            self._fail(
                f"the core found a frame malformed: {self._core.last_error()}; the DMA's stream "
                f"must be {about.beat_bits} bits wide, and nothing else may send to the core"
            )
        if length != 4 * about.classes or not self._given:
            self._fail(
                f"the core sent {length} bytes; answers of {4 * about.classes} bytes due: "
                f"{len(self._given)}; nothing else may send to it"
            )
        job = self._given.popleft()
        self._cycles = round((self.now() - job.begun) * about.clock_hz)
        sums = np.array(buffer[:], dtype=np.int32)
        self._done.append((job.ticket, Result(sums, self._cycles)))

    def _diagnosis(self, seconds: float) -> str:
        """Where frames have stopped."""
        accepted, answered = self._core.value("ACCEPTED"), self._core.value("ANSWERED")
        where = "takes no more pixels" if self._sending else "has all pixels, and does not answer"
        return (
            f"the core {where} for {seconds:.1f} s; answers due: {len(self._given)}; frames since "
            f"its last reset: {accepted} taken, {answered} answered; load the overlay again "
            "(--reload)"
        )

    def _fail(self, text: str) -> NoReturn:
        """Give up what is under way, so that the next frame finds all in order.

        Raises
        ------
        FirebrickError
            Always.
        """
        try:
            self._restart()
        except DmaFault as fault:
            text += f"; and after a reset the DMA {fault}"
        raise FirebrickError(f"{self._name}: {text}")

    def reset(self) -> None:
        """Make the core forget its frames; those without a result are sent again.

        Raises
        ------
        FirebrickError
            If the DMA cannot be reset.
        """
        with self.turn:
            self._counts["resets"] += 1
            self.meet()

    def _restart(self) -> None:
        """Reset DMA and core, throw away what is left of an answer, and wait for the next one.

        It ends in disorder, to be restarted, unless it comes to its end.
        """
        self._torn = True
        self._dma.stop()
        self._core.soft_reset()
        self._counts["frames computed again"] += len(self._given)
        self._waiting.extendleft(reversed(self._given))
        self._given.clear()
        self._sending = False
        self._dma.start()
        self._dma.receive(self._answers[0])
        end, over = self.now() + SETTLE, False
        while not over:
            over = self.now() >= end  # and one look more, however long it took to come here
            if self._dma.received() is not None:
                self._dma.receive(self._answers[0])
        self._torn = False

    def results(self) -> list[tuple[int, Result]]:
        """What has been answered since this was last asked, by ticket."""
        found, self._done = self._done, []
        return found

    def statistics(self) -> Statistics:
        """What the core counts, in a board's terms; what only boards count is 0.

        ``bad`` are malformed frames, ``cycles`` as in the last result.
        """
        with self.turn:
            core, about = self._core, self._about
            return Statistics(
                cycles=self._cycles,
                stalled=0,
                pixels=about.frame_bytes,
                sequence=0,
                index=0,
                credit=FRAMES - self.unanswered,
                in_flight=len(self._given),
                answered=core.value("ANSWERED") % (1 << 16),
                bad=core.value("MALFORMED") % (1 << 16),
                dropped=0,
                lost=0,
                stalls=tuple(core.stall_samples(layer) for layer in range(about.layers)),
            )

    def top_class(self) -> int | None:
        """The best class of the last frame that was answered; None if none was since a reset."""
        with self.turn:
            if not self._core.value("ANSWERED"):
                return None
            return self._core.value("TOP1", "CLASS")

    def losses(self) -> dict[str, int]:
        """What has gone wrong so far; zeros where nothing has."""
        return dict(self._counts)
