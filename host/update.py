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
from protocol.contents.blocks import Status
from protocol.contents.image import check_of_all
from protocol.contents.layout import differing
from protocol.contents.writer import BlockWriter, in_frames
from protocol.messages import ContentsState, DeviceInfo

ROUNDS = 20
"""A link that spoils so many is no link."""
WINDOWS = 8
"""A frame of contents is as long as what the board takes ahead so many times: then the answer, for
which the next one waits, costs little."""
_COUNTERS = 1 << 32
_CONCURRENT = "does another host update it at the same time?"
_WRONG_FOLDER = "give the --build folder that its bitstream was generated in"
_REASONS = {
    Status.MALFORMED: "it does not understand what it is sent, so host and board are not of one "
    "version; generate its sources again with this version",
    Status.TAG: "what it was sent is not signed with its key; give the file of the key that it was "
    "generated with by --key",
    Status.COUNTER: f"it has seen this update's counter before; {_CONCURRENT}",
    Status.ORDER: f"it was sent something else in between; {_CONCURRENT}",
    Status.NOT_UPDATING: f"no update is under way any more; {_CONCURRENT}",
    Status.STRUCTURE: f"it is of another structure; {_WRONG_FOLDER}",
    Status.CHECK: "its memories do not hold what was written to them; verify it with `python -m "
    "host verify` when it is configured again",
}
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
        self._contents, self._key, self._progress = contents, key, SILENT
        self._sent = 0
        self.amid = False

    def close(self) -> None:
        """Give the link back."""
        self._link.close()

    @property
    def advice(self) -> str:
        """What to do if the update ends while it is :attr:`amid`."""
        return (
            "The update is not complete. The board keeps what was written, and answers no frame "
            "until an update is complete: run the same command again, which sends only what is "
            f"missing, or update it with {self._contents.folder.network}, which restores what it "
            "was generated with"
        )

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
        self._check_board(before)
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
                raise FirebrickError(f"{self._link.name}: {_refusal(status)}")
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

    def _check_board(self, info: DeviceInfo) -> None:
        """Check that the board is the folder's, and can be updated with this key."""
        name, layout = self._link.name, self._contents.layout
        if not info.memories:
            raise FirebrickError(
                f"{name}: the contents of the board's memories cannot be updated; generate it with "
                "`python -m gen --updatable`, and load that bitstream"
            )
        if (info.structure, info.memories) != (layout.digest, len(layout.memories)):
            raise FirebrickError(
                f"{name}: the board is of structure {info.structure.hex()} with {info.memories} "
                f"memories, and {self._contents.folder} of {layout.digest.hex()} with "
                f"{len(layout.memories)}; {_WRONG_FOLDER}"
            )
        if info.keyed and self._key is None:
            raise FirebrickError(
                f"{name}: the board takes only what is signed with its key; give the file of the "
                "key by --key"
            )
        if not info.keyed:
            self._key = None

    def _missing(self, state: ContentsState) -> list[int] | None:
        """Numbers of memories to be written; None if there is nothing to be done at all."""
        found = differing(self._contents.images, state.checks)
        right = self._exchange.info.digest == self._contents.network.digest
        return None if right and not found and not state.updating else found

    def _send(self, state: ContentsState, missing: list[int]) -> Status:
        """Begin an update, write some memories, and commit; returns why the board refused it."""
        if state.counter + 1 == _COUNTERS:
            raise FirebrickError(
                f"{self._link.name}: the board's counter of updates is at its end; load its "
                "bitstream again"
            )
        writer, contents = BlockWriter(state.counter + 1, self._key), self._contents
        self.amid = True
        status = self._stream([writer.begin(contents.layout.digest)])
        if status is not Status.OK:
            return status
        self._progress.begin("bytes of contents")
        blocks = [
            block for number in missing for block in writer.rows(number, contents.images[number])
        ]
        check = check_of_all([image.check for image in contents.images])
        blocks.append(writer.commit(check, contents.network.digest))
        info = self._exchange.info
        most = WINDOWS * info.credits * info.chunk
        return self._stream(list(in_frames(blocks, most)))

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


def _refusal(status: Status) -> str:
    """Why an update did not come to its end, and what to do."""
    if status is Status.OK:
        return f"the board took the update, and holds something else now; {_CONCURRENT}"
    return f"the board refuses the update ({status.name}): {_REASONS[status]}"
