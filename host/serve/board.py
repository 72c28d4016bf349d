"""One board that many share: asked in turn, and met again when it went away."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from gen.common.closing import Closing
from gen.common.errors import FirebrickError
from host.driver import FrameDriver
from host.serve.limits import Limits
from host.serve.meters import Answer, BoardMeter, Latency, Meter
from host.serve.queue import FairQueue
from protocol.boards import lasting
from protocol.messages import DeviceInfo, Result

PERIOD = 0.5
"""Seconds between two questions how the board does."""
PAUSE = 1.0
"""Seconds after which a board that went away is looked for again."""


_log = logging.getLogger(__name__)


class BoardAway(Exception):
    """There is no board now; the message says why."""


@dataclass(eq=False)
class _Job:
    """A frame on its way."""

    frame: np.ndarray
    future: Future[Answer] = field(default_factory=Future)
    asked: float = field(default_factory=time.monotonic)
    sent: float = 0.0


@dataclass(frozen=True)
class BoardState:
    """What there is to tell of a board at one moment.

    Attributes
    ----------
    away : str or None
        Why there is none; None if there is one.
    since : float
        Seconds for which that has been so.
    met : int
        Times that it was met.
    answered, waiting, in_flight, clients : int
        Frames answered, in the queue, on the board; clients whose frames wait.
    frames_per_second : float
    latency : Latency or None
    stalled : tuple of float
    faults : dict
        As :class:`BoardMeter` has both.
    """

    away: str | None
    since: float
    met: int
    answered: int
    waiting: int
    in_flight: int
    clients: int
    frames_per_second: float
    latency: Latency | None
    stalled: tuple[float, ...]
    faults: dict[str, int]


class SharedBoard(Closing):
    """A board, and the thread that talks to it. Use it as a context manager.

    Parameters
    ----------
    meet : callable
        Opens the link and meets the board, as often as it is called.
    scale : float
        Seconds of the hardware to a second of the board's clock.
    limits : Limits
    pause : float
        Seconds between attempts to meet a board that went away.

    Raises
    ------
    FirebrickError
        If there is no board to begin with.
    """

    def __init__(
        self,
        meet: Callable[[], FrameDriver],
        scale: Callable[[FrameDriver], float],
        limits: Limits,
        *,
        pause: float = PAUSE,
    ):
        self._meet, self._scale, self._pause = meet, scale, pause
        self._lock = threading.Lock()
        self._queue: FairQueue[_Job] = FairQueue(limits.waiting, limits.waiting_of_one)
        self._running: deque[_Job] = deque()
        self._meter = Meter()
        self._stalled: tuple[float, ...] = ()
        self._faults: dict[str, int] = {}
        self._away: str | None = None
        self._since, self._met = time.monotonic(), 0
        first = meet()
        self.info: DeviceInfo = first.info()
        self.coding = str(first.coding)
        self._loop = asyncio.new_event_loop()
        self._wake, self._stop = asyncio.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(first,), name="board", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give the board back; frames without an answer get an error."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def submit(self, client: str, frame: np.ndarray) -> Future[Answer]:
        """Let a frame wait for its turn.

        Parameters
        ----------
        client : str
            Whose turn it takes.
        frame : uint8 array
            Of the board's shape.

        Raises
        ------
        BoardAway
            If there is no board now.
        QueueFull
            If too many frames wait.
        ValueError
            If it has another shape.
        """
        if frame.shape != self.info.shape or frame.dtype != np.uint8:
            raise ValueError(f"a frame is uint8 of {self.info.shape}, not {frame.shape}")
        job = _Job(frame)
        with self._lock:
            if self._away is not None:
                raise BoardAway(self._away)
            self._queue.put(client, job)
        self._loop.call_soon_threadsafe(self._wake.set)
        return job.future

    def state(self) -> BoardState:
        """What there is to tell now."""
        with self._lock:
            return BoardState(
                self._away,
                time.monotonic() - self._since,
                self._met,
                self._meter.answered,
                len(self._queue),
                len(self._running),
                self._queue.clients,
                self._meter.rate,
                self._meter.latency,
                self._stalled,
                self._faults,
            )

    def _run(self, first: FrameDriver) -> None:
        """Be the thread."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._live(first))

    async def _live(self, first: FrameDriver) -> None:
        """Serve until told to stop."""
        serving = asyncio.ensure_future(self._serve_for_ever(first))
        await self._stop.wait()
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        self._leave("the server is stopping")

    async def _serve_for_ever(self, board: FrameDriver | None) -> None:
        while True:
            try:
                met = await asyncio.to_thread(self._meet) if board is None else board
                with met:
                    await self._serve(met)
            except* (FirebrickError, OSError) as group:
                self._leave(str(group.exceptions[0]))
            except* Exception as group:
                self._leave("this server failed, and says why on its terminal")
                _log.exception("what talks to the board failed", exc_info=group)
            board = None
            await asyncio.sleep(self._pause)

    async def _serve(self, board: FrameDriver) -> None:
        """Serve as long as the board answers."""
        if lasting(board.info()) != lasting(self.info):
            raise FirebrickError("another board has come in its place; start this server again")
        meter = BoardMeter(board, self._scale(board))
        with self._lock:
            self._away, self._since, self._met = None, time.monotonic(), self._met + 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._answer(board))
            tasks.create_task(self._watch(meter))

    def _leave(self, reason: str) -> None:
        """Note that there is no board, and tell all who wait for it."""
        with self._lock:
            if self._away is None:
                self._since = time.monotonic()
            self._away = reason
            lost = [*self._running, *iter(self._queue.take, None)]
            self._running.clear()
        for job in lost:
            if job.sent or job.future.set_running_or_notify_cancel():
                job.future.set_exception(BoardAway(reason))

    async def _answer(self, board: FrameDriver) -> None:
        """Send frames as they come, and give the results to whom they belong."""
        results = cast(AsyncGenerator[Result, None], board.astream(self._frames()))
        async with contextlib.aclosing(results):
            async for result in results:
                now = time.monotonic()
                with self._lock:
                    job = self._running.popleft()
                    answer = Answer(result, job.sent - job.asked, now - job.sent)
                    self._meter.count(answer)
                job.future.set_result(answer)

    async def _frames(self) -> AsyncIterator[np.ndarray]:
        """Whatever waits, in turn, until the end of time."""
        while True:
            with self._lock:
                job = self._queue.take()
                if job is not None and job.future.set_running_or_notify_cancel():
                    job.sent = time.monotonic()
                    self._running.append(job)
            if job is None:
                self._wake.clear()
                await self._wake.wait()
            elif job.sent:
                yield job.frame

    async def _watch(self, meter: BoardMeter) -> None:
        """Ask the board how it does every now and then."""
        while True:
            meter.ask()
            with self._lock:
                self._stalled, self._faults = meter.stalled, meter.faults
            await asyncio.sleep(PERIOD)
