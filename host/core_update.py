"""Give an IP core other contents for its memories, through its registers.

As :mod:`host.update` does over a board's link: only memories that do not hold what they should are
sent, as the core's checks tell. So an update that was cut short goes on where it was, and one with
the build's own network undoes it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from host.core_registers import CoreRegisters
from host.new_contents import NewContents
from protocol.contents.blocks import Status
from protocol.contents.image import check_of_all
from protocol.contents.layout import differing
from protocol.contents.writer import BlockWriter, in_frames
from protocol.registers import WORD_BYTES

TRANSFER_BYTES = 4096
"""At most, or a block."""
_COUNTERS = 1 << 32
_CONCURRENT = "does another program update it at the same time?"
_WRONG_FOLDER = "give the folder that it was generated in by --build"
_REASONS = {
    Status.MALFORMED: "it does not understand what it is sent, so host and core are not of one "
    "version; generate the core again with this version",
    Status.TAG: "what it was sent is not signed with its key; give the file of the key that it was "
    "generated with by --key",
    Status.COUNTER: f"it has seen this update's counter before; {_CONCURRENT}",
    Status.ORDER: f"it was sent something else in between; {_CONCURRENT}",
    Status.NOT_UPDATING: f"no update is under way any more; {_CONCURRENT}",
    Status.STRUCTURE: f"it is of another structure; {_WRONG_FOLDER}",
    Status.CHECK: "its memories do not hold what was written to them; load its bitstream again",
}


class Registers(Protocol):
    """The registers of a core, by their addresses from where it is: PYNQ's ``MMIO`` is such."""

    def read(self, offset: int, /) -> int:
        """32 bits."""

    def write(self, offset: int, value: int, /) -> object:
        """32 bits."""


@dataclass(frozen=True)
class CoreOutcome:
    """What an update did.

    Attributes
    ----------
    before, after : bytes
        Digests of the networks that the core said that it held.
    counter : int
        Of the last update that began.
    memories : tuple of int
        Numbers of those that were sent.
    sent : int
        Bytes; 0 if the core held the network already.
    seconds : float
    """

    before: bytes
    after: bytes
    counter: int
    memories: tuple[int, ...]
    sent: int
    seconds: float


def update_core(
    registers: Registers,
    contents: NewContents,
    key: bytes | None = None,
    *,
    timeout: float = 5.0,
    progress: Progress = SILENT,
) -> CoreOutcome:
    """Give a core a network, if it does not hold it.

    Frames that the core has taken must be answered meanwhile: someone takes what comes on
    ``m_axis`` and ``m_axis_top1``.

    Parameters
    ----------
    registers : Registers
    contents : NewContents
        Of the folder that ``python -m gen core`` wrote, and the network.
    key : bytes or None
        The core's, if it has one.
    timeout : float
        Seconds without any progress after which the core is given up.
    progress : Progress
        Told bytes.

    Raises
    ------
    FirebrickError
        If it cannot be updated, is not the right one, has another key, or does not go on.
    """
    return _Update(registers, contents, key, timeout, progress).run()


def advice(contents: NewContents) -> str:
    """What to do if an update of a core has ended before it was complete."""
    return (
        "The update is not complete. The core keeps what was written, and takes no frame until an "
        "update is complete: run the same again, which sends only what is missing, or update it "
        f"with {contents.folder.network}, which restores what it was generated with"
    )


class _Update:
    """An update of a core; see :func:`update_core`."""

    def __init__(
        self,
        registers: Registers,
        contents: NewContents,
        key: bytes | None,
        timeout: float,
        progress: Progress,
    ):
        self._core = CoreRegisters("the core", registers.read, registers.write)
        self._contents, self._key = contents, key
        self._timeout, self._progress = timeout, progress
        self._sent = 0

    def run(self) -> CoreOutcome:
        """Update it."""
        start = time.monotonic()
        self._progress.begin("what the core holds")
        self._check_core()
        before, missing = self._core.two("DIGEST"), self._missing()
        if missing is not None:
            self._complete(missing)
            if self._missing() is not None:
                raise FirebrickError(
                    f"the core took the update, and holds something else now; {_CONCURRENT}"
                )
        counter, after = self._core.value("UPDATE_COUNTER"), self._core.two("DIGEST")
        seconds, written = time.monotonic() - start, tuple(missing or ())
        return CoreOutcome(before, after, counter, written, self._sent, seconds)

    def _complete(self, missing: list[int]) -> None:
        """Send an update; what is to be done if that fails is told with the reason."""
        try:
            self._send(missing)
        except FirebrickError as error:
            if not self._core.updating:
                raise
            raise FirebrickError(f"{error}. {advice(self._contents)}") from None

    def _send(self, missing: list[int]) -> None:
        """Begin an update, write some memories, and commit."""
        contents, counter = self._contents, self._core.value("UPDATE_COUNTER") + 1
        if counter == _COUNTERS:
            raise FirebrickError(
                "the core's counter of updates is at its end; load its bitstream again"
            )
        writer = BlockWriter(counter, self._key)
        self._transfer(writer.begin(contents.layout.digest))
        blocks = [b for number in missing for b in writer.rows(number, contents.images[number])]
        check = check_of_all([image.check for image in contents.images])
        blocks.append(writer.commit(check, contents.network.digest))
        self._progress.begin("bytes of contents")
        begun, total = self._sent, sum(map(len, blocks))
        for data in in_frames(blocks, TRANSFER_BYTES):
            self._transfer(data)
            self._progress.advance(self._sent - begun, total)

    def _transfer(self, data: bytes) -> None:
        """Write some blocks, and see what becomes of them."""
        self._core.put("UPDATE_LENGTH", len(data))
        if not self._wait("UPDATE_STATUS", "READY"):
            self._core.put("UPDATE_LENGTH", 0)
            raise FirebrickError(
                "the core has frames that are not answered, and takes no update before: take its "
                "answers from m_axis and m_axis_top1, or forget frames with CONTROL.SOFT_RESET"
            )
        for at in range(0, len(data), WORD_BYTES):
            self._core.put("UPDATE_DATA", int.from_bytes(data[at : at + WORD_BYTES], "little"))
        if not self._wait("UPDATE_RESULT", "DONE"):
            raise FirebrickError(
                f"the core does not answer what it was sent; was it reset, or {_CONCURRENT}"
            )
        status = Status(self._core.value("UPDATE_RESULT", "STATUS"))
        self._sent += len(data)
        if status is not Status.OK:
            raise FirebrickError(f"the core refuses the update ({status.name}): {_REASONS[status]}")

    def _check_core(self) -> None:
        """Check that the core is the folder's, and can be updated with this key."""
        updates = self._core.info().updates
        if updates is None:
            raise FirebrickError(
                "the contents of the core's memories cannot be updated; generate it with "
                "`python -m gen core --updatable`, and load that bitstream"
            )
        layout = self._contents.layout
        if (updates.structure, updates.memories) != (layout.digest, len(layout.memories)):
            raise FirebrickError(
                f"the core is of structure {updates.structure.hex()} with {updates.memories} "
                f"memories, and {self._contents.folder} of {layout.digest.hex()} with "
                f"{len(layout.memories)}; {_WRONG_FOLDER}"
            )
        if not updates.keyed:
            self._key = None
        elif self._key is None:
            raise FirebrickError(
                "the core takes only what is signed with its key; give the file of the key by --key"
            )

    def _missing(self) -> list[int] | None:
        """Numbers of memories to be written; None if there is nothing to be done at all."""
        found = differing(self._contents.images, self._checks())
        right = self._core.two("DIGEST") == self._contents.network.digest
        return None if right and not found and not self._core.updating else found

    def _checks(self) -> Sequence[int]:
        """Of each memory."""
        checks = []
        for number in range(len(self._contents.images)):
            self._core.put("CHECK_INDEX", number)
            checks.append(int.from_bytes(self._core.two("CHECK"), "little"))
        return checks

    def _wait(self, name: str, field: str) -> bool:
        """Wait for a field; whether it was set in time."""
        start = time.monotonic()
        while not self._core.value(name, field):
            if time.monotonic() - start > self._timeout:
                return False
        return True
