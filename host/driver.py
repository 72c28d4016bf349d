"""Classify frames on a board, whatever leads to it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from typing import TypeAlias

import numpy as np

from gen.common.closing import Closing
from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from host.coding import Coding, Encoded
from host.exchange import Exchange
from host.frame_exchange import UPDATING, FrameExchange
from host.transport import ByteLink, Link, Transport
from protocol.messages import DeviceInfo, Result, Statistics
from protocol.session import Session

GLANCE = 0.02
"""Seconds that tasks wait for the link before they look after frames that came meanwhile."""


Frame: TypeAlias = np.ndarray | Encoded
"""Pixels uint8 (height, width, channels), or what a board's :class:`Coding` makes of them."""


class FrameDriver(Closing):
    """An accelerator that classifies frames, wherever it is.

    Any number of an event loop's tasks may use it at once, but only one thread.

    Parameters
    ----------
    exchange : FrameExchange
        Closed together with this.
    coding : Coding, optional
        How frames travel; coded without loss, if it takes coded frames, and raw otherwise.

    Attributes
    ----------
    in_packets : bool
        Whether frames travel in packets, whose losses both ends count.

    Raises
    ------
    FirebrickError
        If the accelerator does not answer, is not the right one, or takes no frames that are coded
        so.
    """

    in_packets = True

    def __init__(self, exchange: FrameExchange, coding: Coding | None = None):
        self._exchange = exchange
        self._results: dict[int, Result] = {}
        self._wanted: set[int] = set()
        self._stepping: asyncio.Future[None] | None = None
        """The step that all tasks wait for; it goes on when one of them is cancelled."""
        try:
            exchange.meet()
            self._coding = Coding.chosen(coding, self.info())
        except BaseException:
            exchange.close()
            raise

    def close(self) -> None:
        """Give back what leads to the accelerator."""
        with self._exchange.turn:
            self._exchange.close()

    @property
    def coding(self) -> Coding:
        """How frames travel."""
        return self._coding

    @property
    def unanswered(self) -> int:
        """Frames without a result."""
        return self._exchange.unanswered

    @property
    def progress(self) -> int:
        """Grows with everything that brings a frame further."""
        return self._exchange.progress

    def losses(self) -> dict[str, int]:
        """What has gone wrong on the way so far; zeros where nothing has."""
        return self._exchange.losses()

    def clock(self) -> float:
        """Seconds of the clock that the board runs by."""
        return self._exchange.now()

    def sent(self) -> float:
        """When the last of a frame's pixels were given away, by :meth:`clock`."""
        return self._exchange.sent

    def info(self) -> DeviceInfo:
        """What the board said of itself."""
        return self._exchange.info

    def stats(self) -> Statistics:
        """Ask the board how it is doing."""
        said = self._exchange.statistics()
        self._collect()
        return said

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
        return {self._exchange.layer(index): cycles for index, cycles in enumerate(counts)}

    def reset(self) -> None:
        """Make the board forget all frames that it holds; those without a result are sent again."""
        self._exchange.reset()
        self._collect()

    def rest(self, seconds: float) -> None:
        """Send no further frame for so many seconds of the board's clock, and take what comes."""
        if not self._exchange.unanswered:
            self._exchange.begin()
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0.0:
            self._step(left)

    def infer(self, frame: Frame) -> Result:
        """Classify one frame, uint8 (height, width, channels)."""
        return next(self.stream([frame]))

    async def ainfer(self, frame: Frame) -> Result:
        """Classify one frame without holding up other tasks."""
        async for result in self.astream([frame]):
            return result
        raise AssertionError("a stream of one frame has one result")

    def stream(
        self, frames: Iterable[Frame], *, in_flight: int | None = None
    ) -> Generator[Result, None, None]:
        """Classify frames, sending ahead so that the board never waits for the host.

        Parameters
        ----------
        frames : iterable of uint8 arrays (height, width, channels), or of Encoded
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
                if frame is None and not ready and (tickets or not self._exchange.may_submit):
                    self._step()
        finally:
            self._forget(tickets)

    async def astream(
        self,
        frames: Iterable[Frame] | AsyncIterable[Frame],
        *,
        in_flight: int | None = None,
    ) -> AsyncIterator[Result]:
        """As :meth:`stream`, leaving the event loop to other tasks while it waits.

        It waits for the next frame and for results at the same time, so frames may depend on
        results.
        """
        source = aiter(frames if isinstance(frames, AsyncIterable) else _each(frames))
        tickets: deque[int] = deque()
        coming: asyncio.Future[Frame | None] | None = None
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
                if frame is None and not ready and (tickets or not self._exchange.may_submit):
                    await self._astep(GLANCE)
        finally:
            if coming is not None:
                coming.cancel()
            self._forget(tickets)

    def _may_send(self, tickets: deque[int], in_flight: int | None) -> bool:
        if in_flight is not None and in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, not {in_flight}")
        return self._exchange.may_submit and (in_flight is None or len(tickets) < in_flight)

    def _submit(self, frame: Frame, tickets: deque[int]) -> None:
        expected = self.info().shape
        kind = np.dtype(np.uint8) if isinstance(frame, Encoded) else frame.dtype
        if frame.shape != expected or kind != np.uint8:
            raise FirebrickError(
                f"a frame for this board is uint8 of shape {expected}, not {kind} of {frame.shape}"
            )
        sent = frame if isinstance(frame, Encoded) else self._coding.encoded(frame)
        with self._exchange.turn:
            while not self._exchange.may_submit:  # others may have sent since it was looked at
                self._step()
            if not self._exchange.unanswered:
                self._exchange.begin()
            ticket = self._exchange.submit(sent.data, coded=sent.coded)
        tickets.append(ticket)
        self._wanted.add(ticket)

    async def _asubmit(self, frame: Frame, tickets: deque[int]) -> None:
        while not self._exchange.may_submit or (self._stepping and not self._stepping.done()):
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
        self._exchange.forget(tickets)
        for ticket in tickets:
            self._wanted.discard(ticket)
            self._results.pop(ticket, None)

    def _step(self, wait: float = math.inf) -> None:
        """Take a step, and keep the results that somebody wants."""
        with self._exchange.turn:
            self._exchange.step(wait)
            self._collect()

    def _collect(self) -> None:
        """Keep the results that somebody wants."""
        for ticket, result in self._exchange.results():
            if ticket in self._wanted:
                self._results[ticket] = result


class Driver(FrameDriver):
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
        If the board does not answer, takes no frames that are coded so, or cannot answer as the
        network does: it holds another one, or an update is not complete.
    """

    def __init__(
        self,
        transport: Transport | Link,
        network: QuantizedNetwork | None = None,
        *,
        timeout: float = 5.0,
        coding: Coding | None = None,
    ):
        link = transport if isinstance(transport, Link) else ByteLink(transport)
        exchange = Exchange(link, network, timeout)
        self._session = exchange.session
        super().__init__(exchange, coding)
        if network is not None and self.info().updating:
            self.close()
            raise FirebrickError(f"{link.name}: {UPDATING}")

    @property
    def session(self) -> Session:
        """The talk with the board, for those who want to know what was lost."""
        return self._session


async def _next(source: AsyncIterator[Frame]) -> Frame | None:
    return await anext(source, None)


async def _is_done(coming: asyncio.Future[Frame | None], *, wait: bool) -> bool:
    """Let other tasks run; wait for this one if asked to."""
    await asyncio.wait({coming}, timeout=None if wait else 0)
    return coming.done()


async def _each(frames: Iterable[Frame]) -> AsyncIterator[Frame]:
    for frame in frames:
        yield frame


Accelerator = Driver
"""What :class:`Driver` was called before; the hardware has that name."""
