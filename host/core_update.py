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
from host.update_plan import CONCURRENT, UpdatePlan
from protocol.contents.blocks import Status
from protocol.contents.writer import in_frames
from protocol.registers import WORD_BYTES

TRANSFER_BYTES = 4096
"""At most, or a block."""


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
    return _Update(registers, plan_core(contents, key), timeout, progress).run()


def plan_core(contents: NewContents, key: bytes | None = None) -> UpdatePlan:
    """An update of a core; see :func:`update_core`."""
    return UpdatePlan(contents, key, "the core", "python -m gen core")


class _Update:
    """An update of a core; see :func:`update_core`."""

    def __init__(
        self,
        registers: Registers,
        plan: UpdatePlan,
        timeout: float,
        progress: Progress,
    ):
        self._core = CoreRegisters("the core", registers.read, registers.write)
        self._plan, self._timeout, self._progress = plan, timeout, progress
        self._sent = 0

    def run(self) -> CoreOutcome:
        """Update it."""
        start = time.monotonic()
        self._progress.begin("what the core holds")
        self._plan.check(self._core.info().updates)
        before, missing = self._core.two("DIGEST"), self._missing()
        if missing is not None:
            self._complete(missing)
            if self._missing() is not None:
                raise FirebrickError(self._plan.refusal(Status.OK))
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
            raise FirebrickError(f"{error}. {self._plan.advice}") from None

    def _send(self, missing: list[int]) -> None:
        """Begin an update, write some memories, and commit."""
        begin, *blocks = self._plan.blocks(self._core.value("UPDATE_COUNTER"), missing)
        self._transfer(begin)
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
                f"the core does not answer what it was sent; was it reset, or {CONCURRENT}"
            )
        status = Status(self._core.value("UPDATE_RESULT", "STATUS"))
        self._sent += len(data)
        if status is not Status.OK:
            raise FirebrickError(self._plan.refusal(status))

    def _missing(self) -> list[int] | None:
        """As :meth:`UpdatePlan.missing` says."""
        digest, updating = self._core.two("DIGEST"), self._core.updating
        return self._plan.missing(digest, self._checks(), updating=updating)

    def _checks(self) -> Sequence[int]:
        """Of each memory."""
        checks = []
        for number in range(len(self._plan.contents.images)):
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
