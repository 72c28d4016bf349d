"""Give a running board other contents for its memories, over its link.

An update is begun, memories are written, and it is committed. Only memories that do not hold what
they should are sent, as the board's checks tell. So an update that was cut short goes on where it
was, and one with the build's own network undoes it.

A frame of contents whose answer was lost is sent again and then refused, though it was taken. So
what the board holds at the end decides, and not what it answered: it is asked after each round, and
what is missing goes into the next one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from gen.common.closing import Closing
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from host.exchange import Exchange
from host.new_contents import NewContents
from host.transport import ByteLink, Link, Transport
from host.update_plan import UpdatePlan
from protocol.contents.blocks import Status
from protocol.contents.writer import in_frames
from protocol.messages import ContentsState, DeviceInfo

ROUNDS = 20
"""A link that spoils so many is no link."""
WINDOWS = 8
"""A frame of contents is as long as what the board takes ahead so many times: then the answer, for
which the next one waits, costs little."""
_FINAL = (Status.MALFORMED, Status.TAG, Status.STRUCTURE)
"""What the next round would not change."""


@dataclass(frozen=True)
class Outcome:
    """What an update did.

    Attributes
    ----------
    before, after : DeviceInfo
        What the board said of itself.
    memories : tuple of int
        Numbers of those that were sent.
    sent : int
        Bytes in frames of contents, what a bad link made to be sent again left out; 0 if the board
        held the network already.
    seconds : float
    losses : dict
        What the link has cost.
    """

    before: DeviceInfo
    after: DeviceInfo
    memories: tuple[int, ...]
    sent: int
    seconds: float
    losses: dict[str, int]


class Updater(Closing):
    """An update of a board.

    Parameters
    ----------
    transport : Transport or Link
        Closed together with this.
    contents : NewContents
    key : bytes or None
        The board's.
    timeout : float
        Seconds without any progress after which the board is given up.

    Attributes
    ----------
    amid : bool
        An update has begun, or may have, and is not complete as far as is known.
    """

    def __init__(
        self,
        transport: Transport | Link,
        contents: NewContents,
        key: bytes | None,
        *,
        timeout: float = 5.0,
    ):
        self._link = transport if isinstance(transport, Link) else ByteLink(transport)
        self._exchange = Exchange(self._link, None, timeout)
        self._plan = UpdatePlan(contents, key, f"{self._link.name}: the board", "python -m gen")
        self._progress, self._sent = SILENT, 0
        self.amid = False

    def close(self) -> None:
        """Give the link back."""
        self._link.close()

    @property
    def advice(self) -> str:
        """What to do if the update ends while it is :attr:`amid`."""
        return self._plan.advice

    def run(self, progress: Progress = SILENT) -> Outcome:
        """Update the board, if it does not hold the network.

        Parameters
        ----------
        progress : Progress
            Told bytes.

        Raises
        ------
        FirebrickError
            If it cannot be updated, is not the right one, has another key, or stops to answer.
        """
        self._progress = progress
        try:
            return self._run()
        except FirebrickError as error:
            if self.amid:
                raise FirebrickError(f"{error}. {self.advice}") from None
            raise

    def _run(self) -> Outcome:
        start = time.monotonic()
        self._progress.begin("what the board holds")
        self._exchange.meet()
        before = self._exchange.info
        self._plan.check(before)
        state = self._exchange.contents()
        self.amid = state.updating
        missing, written = self._missing(state), set[int]()
        for _ in range(ROUNDS):
            if missing is None:
                self.amid = False
                break
            written.update(missing)
            losses = self._losses
            status = self._send(state, missing)
            state, last = self._exchange.contents(), missing
            self.amid = state.updating
            missing = self._missing(state)
            better = missing is None or len(missing) < len(last) or self._losses > losses
            if not better or (missing is not None and status in _FINAL):
                raise FirebrickError(self._plan.refusal(status))
        else:
            raise FirebrickError(
                f"{self._link.name}: the link loses too much, in {ROUNDS} attempts the update was "
                "not complete"
            )
        seconds = time.monotonic() - start
        numbers, losses_told = tuple(sorted(written)), self._exchange.losses()
        return Outcome(before, self._exchange.info, numbers, self._sent, seconds, losses_told)

    @property
    def _losses(self) -> int:
        """Times that frames were sent again, which then may be refused though they were taken."""
        return self._exchange.session.resent + self._exchange.session.resets

    def _missing(self, state: ContentsState) -> list[int] | None:
        """As :meth:`UpdatePlan.missing` says."""
        digest = self._exchange.info.digest
        return self._plan.missing(digest, state.checks, updating=state.updating)

    def _send(self, state: ContentsState, missing: list[int]) -> Status:
        """Begin an update, write some memories, and commit; returns why the board refused it."""
        begin, *blocks = self._plan.blocks(state.counter, missing)
        self.amid = True
        status = self._stream([begin])
        if status is not Status.OK:
            return status
        self._progress.begin("bytes of contents")
        info = self._exchange.info
        return self._stream(list(in_frames(blocks, WINDOWS * info.credits * info.chunk)))

    def _stream(self, frames: list[bytes]) -> Status:
        """Send frames ahead; returns why the first of them was refused, as far as that is known.

        The rest is not sent then. A frame behind which others were taken was taken itself.
        """
        session, waiting = self._exchange.session, list(reversed(frames))
        sizes: dict[int, int] = {}
        done, total, taken = 0, sum(map(len, frames)), -1
        refused = Status.OK
        while sizes or (waiting and refused is Status.OK):
            while waiting and refused is Status.OK and session.may_submit:
                if not session.unanswered:
                    self._exchange.begin()
                frame = waiting.pop()
                sizes[session.submit(frame, contents=True)] = len(frame)
            self._exchange.step()
            for ticket, status in self._answers():
                done += sizes.pop(ticket)
                self._progress.advance(done, total)
                if status is Status.OK:
                    taken = max(taken, ticket)
                elif ticket > taken and refused is Status.OK:
                    refused = status
        self._sent += done
        return refused

    def _answers(self) -> Iterable[tuple[int, Status]]:
        """What has come of frames, by their tickets."""
        results = self._exchange.session.results
        while results:
            ticket, result = results.popleft()
            word = int(result.sums[0])
            yield ticket, Status(word) if word in list(Status) else Status.MALFORMED
