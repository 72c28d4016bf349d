"""Classify frames on a board, whatever link it hangs on."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator

import numpy as np

from gen.common.closing import Closing
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from host.coding import Coding
from host.transport import PATIENCE, ByteLink, Link, Transport
from protocol.messages import DeviceInfo, ProtocolError, Result, Statistics
from protocol.packets import OVERHEAD
from protocol.session import Phase, Session

GLANCE = 0.02
"""Seconds that tasks wait for the link before they look after frames that came meanwhile."""
EASE = 0.9
"""What is left of a patience above that with every step forward: it may have been a lost answer
that made it grow, and no slow board."""


class Driver(Closing):
    """A board that classifies frames.

    What the link loses is sent again; an error means that the board does not answer at all, has
    stopped, or is not the right one. Any number of an event loop's tasks may use it at once, but
    only one thread.

    Parameters
    ----------
    transport : Transport or Link
        Closed together with the accelerator.
    network : QuantizedNetwork, optional
        What the board should hold; refused if it holds another.
    timeout : float
        Seconds without any progress after which the board is given up.
    coding : Coding, optional
        How frames travel; coded without loss, if the board takes coded frames, and raw otherwise.

    Raises
    ------
    FirebrickError
        If the board does not answer, holds another network, or takes no frames that are coded so.
    """

    def __init__(
        self,
        transport: Transport | Link,
        network: QuantizedNetwork | None = None,
        *,
        timeout: float = 5.0,
        coding: Coding | None = None,
    ):
        self._link = transport if isinstance(transport, Link) else ByteLink(transport)
        self._network = network
        self._timeout = timeout
        self._session = Session(None if network is None else network.digest, self._link.first)
        self._results: dict[int, Result] = {}
        self._wanted: set[int] = set()
        self._patience = PATIENCE
        self._turn = threading.RLock()
        """Held by whoever uses the link: a task's step goes on when the task is cancelled."""
        self._stepping: asyncio.Future[None] | None = None
        """The step that all tasks wait for."""
        self._seen: deque[Statistics] = deque(maxlen=2)
        """What the board said of itself since it last came further."""
        self._begin()
        try:
            while self._session.phase is not Phase.READY:
                self._step()
            self._coding = Coding.chosen(coding, self.info())
        except BaseException:
            self._link.close()
            raise

    def close(self) -> None:
        """Give the link back."""
        with self._turn:
            self._link.close()

    @property
    def session(self) -> Session:
        """The talk with the board, for those who want to know what was lost."""
        return self._session

    @property
    def coding(self) -> Coding:
        """How frames travel."""
        return self._coding

    def losses(self) -> dict[str, int]:
        """What the link has cost so far; zeros where it lost and damaged nothing."""
        session = self._session
        return {
            "damaged packets": session.damaged,
            "repetitions": session.returned,
            "frames computed again": session.resent,
            "sessions begun again": session.resets,
        }

    def clock(self) -> float:
        """Seconds of the clock that the board runs by."""
        return self._link.now()

    def info(self) -> DeviceInfo:
        """What the board said of itself."""
        assert self._session.info is not None
        return self._session.info

    def stats(self) -> Statistics:
        """Ask the board how it is doing."""
        self._begin()
        self._session.ask()
        while self._session.statistics is None:
            self._step()
        return self._session.statistics

    def stalls(self, before: Statistics | None = None) -> dict[str, int]:
        """About how many cycles each layer's output waited for the next layer.

        Parameters
        ----------
        before : Statistics, optional
            Count from then on; since the board was configured if not given.

        Returns
        -------
        dict
            By layer, from the first to the last; empty if the board does not count.
        """
        counts = self.stats().stall_cycles(before)
        return {self._layer(index): cycles for index, cycles in enumerate(counts)}

    def _layer(self, index: int) -> str:
        return f"layer {index}" if self._network is None else self._network.ops[index].name

    def reset(self) -> None:
        """Make the board forget all frames that it holds; those without a result are sent again."""
        self._begin()
        self._session.reset()
        while self._session.phase is not Phase.READY:
            self._step()

    def rest(self, seconds: float) -> None:
        """Send no further frame for so many seconds of the board's clock, and take what comes."""
        if not self._session.unanswered:
            self._begin()
        end = self._link.now() + seconds
        while (left := end - self._link.now()) > 0.0:
            self._step(left)

    def infer(self, frame: np.ndarray) -> Result:
        """Classify one frame, uint8 (height, width, channels)."""
        return next(self.stream([frame]))

    async def ainfer(self, frame: np.ndarray) -> Result:
        """Classify one frame without holding up other tasks."""
        async for result in self.astream([frame]):
            return result
        raise AssertionError("a stream of one frame has one result")

    def stream(
        self, frames: Iterable[np.ndarray], *, in_flight: int | None = None
    ) -> Generator[Result, None, None]:
        """Classify frames, sending ahead so that the board never waits for the host.

        Parameters
        ----------
        frames : iterable of uint8 arrays (height, width, channels)
            Read only as far as frames are sent.
        in_flight : int, optional
            Frames sent and not yet answered, at most; as many as the board takes if not given.

        Yields
        ------
        Result
            In the order of the frames.
        """
        source = iter(frames)
        tickets: deque[int] = deque()
        more = True
        try:
            while more or tickets:
                frame = None
                if more and self._may_send(tickets, in_flight):
                    frame = next(source, None)
                    more = frame is not None
                if frame is not None:
                    self._submit(frame, tickets)
                    self._step(0.0)
                ready = list(self._finished(tickets))
                yield from ready
                if frame is None and not ready and (tickets or not self._session.may_submit):
                    self._step()
        finally:
            self._forget(tickets)

    async def astream(
        self,
        frames: Iterable[np.ndarray] | AsyncIterable[np.ndarray],
        *,
        in_flight: int | None = None,
    ) -> AsyncIterator[Result]:
        """As :meth:`stream`, leaving the event loop to other tasks while it waits.

        It waits for the next frame and for results at the same time, so frames may depend on
        results.
        """
        source = aiter(frames if isinstance(frames, AsyncIterable) else _each(frames))
        tickets: deque[int] = deque()
        coming: asyncio.Future[np.ndarray | None] | None = None
        more = True
        try:
            while more or tickets:
                if more and coming is None and self._may_send(tickets, in_flight):
                    coming = asyncio.ensure_future(_next(source))
                frame = None
                if coming is not None and await _is_done(coming, wait=not tickets):
                    frame, coming = coming.result(), None
                    more = frame is not None
                if frame is not None:
                    await self._asubmit(frame, tickets)
                ready = list(self._finished(tickets))
                for result in ready:
                    yield result
                if frame is None and not ready and (tickets or not self._session.may_submit):
                    await self._astep(GLANCE)
        finally:
            if coming is not None:
                coming.cancel()
            self._forget(tickets)

    def _may_send(self, tickets: deque[int], in_flight: int | None) -> bool:
        if in_flight is not None and in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, not {in_flight}")
        return self._session.may_submit and (in_flight is None or len(tickets) < in_flight)

    def _submit(self, frame: np.ndarray, tickets: deque[int]) -> None:
        expected = self.info().shape
        if frame.shape != expected or frame.dtype != np.uint8:
            raise FirebrickError(
                f"a frame for this board is uint8 of shape {expected}, "
                f"not {frame.dtype} of {frame.shape}"
            )
        data, coded = self._coding.data(frame)
        with self._turn:
            while not self._session.may_submit:  # others may have sent since it was looked at
                self._step()
            if not self._session.unanswered:
                self._begin()
            ticket = self._session.submit(data, coded=coded)
        tickets.append(ticket)
        self._wanted.add(ticket)

    async def _asubmit(self, frame: np.ndarray, tickets: deque[int]) -> None:
        while not self._session.may_submit or (self._stepping and not self._stepping.done()):
            await self._astep(GLANCE)
        self._submit(frame, tickets)
        await self._astep(0.0)

    async def _astep(self, wait: float) -> None:
        """Take one step, together with all other tasks that wait for one."""
        await asyncio.sleep(0)  # whoever has a frame to send goes first
        if self._stepping is None or self._stepping.done():
            self._stepping = asyncio.ensure_future(asyncio.to_thread(self._step, wait))
        await asyncio.shield(self._stepping)

    def _finished(self, tickets: deque[int]) -> Iterator[Result]:
        """Results that are there, as far as none is missing."""
        while tickets and tickets[0] in self._results:
            ticket = tickets.popleft()
            self._wanted.discard(ticket)
            yield self._results.pop(ticket)

    def _forget(self, tickets: deque[int]) -> None:
        """Nobody will ask for these results."""
        for ticket in tickets:
            self._wanted.discard(ticket)
            self._results.pop(ticket, None)

    def _begin(self) -> None:
        """Count time from now on."""
        self._moved = self._retried = self._left = self._link.now()
        self._heard = self._session.heard

    def _step(self, wait: float = math.inf) -> None:
        """Send what may be sent, wait a little for what comes, and notice if nothing does."""
        with self._turn:
            self._exchange(wait)

    def _exchange(self, wait: float) -> None:
        session, link = self._session, self._link
        info = session.info
        window = 0 if info is None else info.credits * (info.chunk + OVERHEAD)
        patience = self._patience + 2 * window * link.seconds_per_byte
        progress, heard = session.progress, session.heard
        away = link.now() - self._left  # the caller's own time, which is nobody's fault
        self._moved, self._retried = self._moved + away, self._retried + away
        link.send(list(session.packets()))
        left = max(self._moved, self._retried) + patience - link.now()
        try:
            for packet in link.receive(min(max(left, 0.0), wait)):
                session.receive(packet)
        except ProtocolError as error:
            raise FirebrickError(
                f"{link.name}: the board answers, but {error}; load the bitstream that was "
                "generated with this network, or give the right --build folder"
            ) from None
        while session.results:
            ticket, result = session.results.popleft()
            if result.refused:
                raise FirebrickError(
                    f"{link.name}: the board says that a coded frame is malformed, so host and "
                    "board are not of one version; generate its sources again, or use --coding raw"
                )
            if ticket in self._wanted:
                self._results[ticket] = result
        said = session.statistics
        if said is not None and (not self._seen or self._seen[-1] is not said):
            self._seen.append(said)
        self._left = now = link.now()
        if session.heard != heard and self._retried > self._moved:
            # An answer to a retry: the next one may wait twice as long as this took.
            self._patience = max(self._patience, min(2 * (now - self._retried), self._timeout / 4))
        if session.progress != progress:
            self._moved = now
            self._heard = session.heard
            self._seen.clear()
            self._patience = max(PATIENCE, EASE * self._patience)
        elif now - self._moved > self._timeout + 2 * window * link.seconds_per_byte:
            raise FirebrickError(f"{link.name}: {self._diagnosis(now - self._moved)}")
        elif now - max(self._moved, self._retried) >= patience:
            session.retry()
            self._retried = now

    def _diagnosis(self, seconds: float) -> str:
        """Who has stopped, and what to do."""
        session = self._session
        wait = f"for {seconds:.1f} s"
        if session.heard == self._heard:
            damaged = f" ({session.damaged} damaged packets came)" if session.damaged else ""
            due = "its information" if session.info is None else f"{session.unanswered} results"
            return (
                f"the board has said nothing {wait}, with {due} due{damaged}; {self._link.advice}"
            )
        known = session.statistics
        if known is None:
            return f"the board answers, but not what it was asked, {wait}; reset it"
        taken = self.info().frame_bytes - known.pixels
        where = f"{taken} of {self.info().frame_bytes} bytes of a frame have gone in"
        if session.unaccepted:
            return (
                f"the board answers, but its accelerator takes no pixels {wait}: {where}, "
                f"{known.in_flight} frames wait in it; {self._stalled()}. Reset the board"
            )
        return (
            f"the board answers and has all pixels, but its accelerator gives no result {wait}: "
            f"{known.in_flight} frames wait in it, {where}; {self._stalled()}. Reset the board"
        )

    def _stalled(self) -> str:
        """Where in the accelerator nothing moves, by how its counters grow meanwhile."""
        if len(self._seen) < 2 or not self._seen[0].stalls:
            return "it does not say which of its streams is stalled"
        before, after = self._seen
        stalled = [i for i, cycles in enumerate(after.stall_cycles(before)) if cycles]
        if stalled:
            name = self._layer(stalled[-1])
            return f"the stream of {name} is stalled, since what comes behind it takes nothing"
        if after.stalled != before.stalled:
            return "the stream of pixels is stalled, since the first layer takes nothing"
        return (
            "no stream between its layers is stalled, so one of them has stopped by itself, or "
            "the board is slow (a simulated one may need a longer time-out)"
        )


async def _next(source: AsyncIterator[np.ndarray]) -> np.ndarray | None:
    return await anext(source, None)


async def _is_done(coming: asyncio.Future[np.ndarray | None], *, wait: bool) -> bool:
    """Let other tasks run; wait for this one if asked to."""
    await asyncio.wait({coming}, timeout=None if wait else 0)
    return coming.done()


async def _each(frames: Iterable[np.ndarray]) -> AsyncIterator[np.ndarray]:
    for frame in frames:
        yield frame


Accelerator = Driver
"""What :class:`Driver` was called before; the hardware has that name."""
