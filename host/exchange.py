"""A driver's talk with its board: packets out and in, patience, and who it is that has stopped."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gen.common.errors import FirebrickError
from gen.ir.network import QuantizedNetwork
from host.frame_exchange import UPDATABLE, UPDATING, FrameExchange
from host.transport import PATIENCE, Link
from protocol.boards import OtherNetwork
from protocol.messages import ContentsState, DeviceInfo, ProtocolError, Result, Statistics
from protocol.packets import OVERHEAD
from protocol.session import Phase, Session

EASE = 0.9
"""What is left of a patience above that with every step forward: it may have been a lost answer
that made it grow, and no slow board."""
_WRONG_BOARD = (
    "load the bitstream that was generated with this network, or give the right --build folder"
)


class Exchange(FrameExchange):
    """A session on a link, step by step.

    Parameters
    ----------
    link : Link
        Closed together with this.
    network : QuantizedNetwork or None
        That the board must hold; any if None.
    timeout : float
        Seconds without any progress after which the board is given up.

    Attributes
    ----------
    link : Link
    session : Session
    """

    def __init__(self, link: Link, network: QuantizedNetwork | None, timeout: float):
        super().__init__(network)
        self.link = link
        self.session = Session(None if network is None else network.digest, link.first)
        self._timeout = timeout
        self._patience = PATIENCE
        self._seen: deque[Statistics] = deque(maxlen=2)
        """What the board said of itself since it last came further."""

    def close(self) -> None:
        """Give the link back."""
        self.link.close()

    @property
    def name(self) -> str:
        """The link's."""
        return self.link.name

    def now(self) -> float:
        """The link's clock."""
        return self.link.now()

    @property
    def unanswered(self) -> int:
        """Frames without a result."""
        return self.session.unanswered

    @property
    def progress(self) -> int:
        """Grows with everything that brings a frame further."""
        return self.session.progress

    @property
    def may_submit(self) -> bool:
        """Whether another frame may be submitted."""
        return self.session.may_submit

    def submit(self, data: bytes, *, coded: bool = False) -> int:
        """Take a frame to send while :attr:`may_submit` allows it; returns its result's ticket."""
        return self.session.submit(data, coded=coded)

    def forget(self, tickets: Iterable[int]) -> None:
        """Leave them: what the session has begun, it brings to its end."""

    def reset(self) -> None:
        """Make the board forget its frames; those without a result are sent again.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """
        self.session.reset()
        self.meet()

    def meet(self) -> None:
        """Step until the board has said what it is.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """
        self.begin()
        while self.session.phase is not Phase.READY:
            self.step()

    @property
    def info(self) -> DeviceInfo:
        """What the board said of itself."""
        assert self.session.info is not None
        return self.session.info

    def statistics(self) -> Statistics:
        """Ask the board how it is doing.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """
        self.begin()
        self.session.ask()
        while self.session.statistics is None:
            self.step()
        return self.session.statistics

    def contents(self) -> ContentsState:
        """Ask the board what its memories hold; :attr:`info` is as new then.

        Raises
        ------
        FirebrickError
            As :meth:`step` does.
        """
        self.begin()
        self.session.ask_contents()
        while self.session.contents is None or self.session.in_doubt:
            self.step()
        return self.session.contents

    def losses(self) -> dict[str, int]:
        """What the link has cost so far; zeros where it lost and damaged nothing."""
        session = self.session
        return {
            "damaged packets": session.damaged,
            "repetitions": session.returned,
            "frames computed again": session.resent,
            "sessions begun again": session.resets,
        }

    def begin(self) -> None:
        """Count time from now on."""
        self._moved = self._retried = self._left = self.link.now()
        self._heard = self.session.heard

    def _step(self, wait: float) -> None:
        session, link = self.session, self.link
        patience = self._patience + self._window_seconds
        progress, heard = session.progress, session.heard
        away = link.now() - self._left  # the caller's own time, which is nobody's fault
        self._moved, self._retried = self._moved + away, self._retried + away
        if packets := list(session.packets()):
            link.send(packets)
            self.sent = link.now()
        left = max(self._moved, self._retried) + patience - link.now()
        self._receive(min(max(left, 0.0), wait))
        said = session.statistics
        if said is not None and (not self._seen or self._seen[-1] is not said):
            self._seen.append(said)
        self._left = now = link.now()
        if session.heard != heard and self._retried > self._moved:
            # An answer to a retry: the next one may wait twice as long as this took.
            self._patience = max(self._patience, min(2 * (now - self._retried), self._timeout / 4))
        if session.progress != progress:
            self._move(now)
        else:
            self._wait(now, patience)

    @property
    def _window_seconds(self) -> float:
        """How long the link takes at most for what may be under way, there and back."""
        info = self.session.info
        window = 0 if info is None else info.credits * (info.chunk + OVERHEAD)
        return 2 * window * self.link.seconds_per_byte

    def _receive(self, timeout: float) -> None:
        """Take what comes."""
        try:
            for packet in self.link.receive(timeout):
                self.session.receive(packet)
        except ProtocolError as error:
            advice = self._advice(error)
            raise FirebrickError(
                f"{self.link.name}: the board answers, but {error}; {advice}"
            ) from None

    def _advice(self, error: ProtocolError) -> str:
        """What to do about a board that is not the right one."""
        updatable = isinstance(error, OtherNetwork) and error.info.memories
        return UPDATABLE if updatable else _WRONG_BOARD

    def _move(self, now: float) -> None:
        """Note that something came further."""
        self._moved = now
        self._heard = self.session.heard
        self._seen.clear()
        self._patience = max(PATIENCE, EASE * self._patience)

    def _wait(self, now: float, patience: float) -> None:
        """Retry, or give up, if nothing has come further for long."""
        if now - self._moved > self._timeout + self._window_seconds:
            raise FirebrickError(f"{self.link.name}: {self._diagnosis(now - self._moved)}")
        if now - max(self._moved, self._retried) >= patience:
            self.session.retry()
            self._retried = now

    def results(self) -> list[tuple[int, Result]]:
        """What has been answered since this was last asked, by ticket.

        Raises
        ------
        FirebrickError
            If the board could not decode a frame, or gives no answers amid an update.
        """
        found = []
        while self.session.results:
            ticket, result = self.session.results.popleft()
            if result.refused:
                raise FirebrickError(f"{self.link.name}: {self._refusal()}")
            found.append((ticket, result))
        return found

    def _refusal(self) -> str:
        """Why the board has refused a frame."""
        if self.info.memories and self.contents().updating:
            return UPDATING
        return (
            "the board says that a coded frame is malformed, so host and board are not of one "
            "version; generate its sources again, or use --coding raw"
        )

    def _diagnosis(self, seconds: float) -> str:
        """Who has stopped, and what to do."""
        session = self.session
        wait = f"for {seconds:.1f} s"
        if session.heard == self._heard:
            damaged = f" ({session.damaged} damaged packets came)" if session.damaged else ""
            due = "its information" if session.info is None else f"{session.unanswered} results"
            return f"the board has said nothing {wait}, with {due} due{damaged}; {self.link.advice}"
        known = session.statistics
        if known is None:
            return f"the board answers, but not what it was asked, {wait}; reset it"
        taken = self.info.frame_bytes - known.pixels
        where = f"{taken} of {self.info.frame_bytes} bytes of a frame have gone in"
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
            name = self.layer(stalled[-1])
            return f"the stream of {name} is stalled, since what comes behind it takes nothing"
        if after.stalled != before.stalled:
            return "the stream of pixels is stalled, since the first layer takes nothing"
        return (
            "no stream between its layers is stalled, so one of them has stopped by itself, or "
            "the board is slow (a simulated one may need a longer time-out)"
        )
