"""The host's end of the protocol, without a link and without a clock.

Frames go in at :meth:`Session.submit` and results come out of :attr:`Session.results`; in between,
whoever owns a link sends what :meth:`Session.packets` gives, feeds :meth:`Session.receive`, and
calls :meth:`Session.retry` when nothing has come for a while.

A packet that got lost is sent again from the place that the board names: at once when it refuses
the next one, or when it answers a question that was asked after it was sent. A result that got
lost is noticed by the next one, or by a board that says that no frame waits; its frame is sent
again under a new number. When the board has forgotten what was said, all starts from a reset.

Frames of contents are sent again like others. The board takes no block twice, so such a frame may
be refused although it was taken before: whoever sends contents asks the board what it holds
(:meth:`Session.ask_contents`) before thinking that it failed.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from enum import Enum

from protocol.boards import check_board
from protocol.jobs import Job, make_job
from protocol.messages import (
    NETWORK_BYTES,
    ContentsState,
    DeviceInfo,
    Part,
    ProtocolError,
    Result,
    Statistics,
)
from protocol.packets import CREDIT, Form, Kind, Packet
from protocol.places import Places
from protocol.questions import Inquiries, Questions

_NUMBERS = 1 << 16
"""Sequence numbers: the lower bits of a frame's number."""


class Phase(Enum):
    """What the session is waiting for: the answer to a reset, to a question, to frames."""

    RESET = 1
    INFO = 2
    READY = 3


class Session:
    """One host's talk with one board.

    Parameters
    ----------
    digest : bytes, optional
        Of the network that the board must hold; any if not given.
    first : int, optional
        Number of the first frame; random if not given, so that answers to an earlier session are
        not taken for answers to this one.

    Attributes
    ----------
    results : deque of (ticket, Result)
        To be taken by whoever reads them.
    info : DeviceInfo or None
        Until the board has said it; see :attr:`in_doubt`.
    contents : ContentsState or None
        As last heard; see :meth:`ask_contents`.
    statistics : Statistics or None
        As last heard; see :meth:`ask`.
    progress : int
        Grows with everything that brings a frame further.
    heard : int
        Packets that came and were whole.
    damaged : int
        Packets that came and were not, or said what makes no sense.
    returned : int
        Times that the session went back to packets that it had sent, since the board lacked them.
    resent : int
        Frames sent again because their results were lost.
    resets : int
        Resets after the first.
    """

    def __init__(self, digest: bytes | None = None, first: int | None = None):
        self._digest = digest
        self._base = random.randrange(_NUMBERS) if first is None else first % _NUMBERS
        self._phase = Phase.RESET
        self._control = deque([Packet(Kind.RESET, self._base)])
        self._jobs: dict[int, Job] = {}
        self._tickets = 0
        self._places = Places()  # of the packets of all frames since the reset
        self._cursor = 0  # packet to send next, counted from the reset
        self._sent = 0  # one more than the last packet sent
        self._accepted = 0  # packet that the board takes next
        self._limit = 0  # packet that has no place yet
        self._returned_to = -1  # place gone back to last
        self._inquiries = Inquiries(self._base)
        self._questions = Questions(self._base)
        self._network = b""  # what results say that the board holds
        self.results: deque[tuple[int, Result]] = deque()
        self.info: DeviceInfo | None = None
        self.statistics: Statistics | None = None
        self.contents: ContentsState | None = None
        self.progress = self.heard = self.damaged = 0
        self.returned = self.resent = self.resets = 0

    @property
    def phase(self) -> Phase:
        """What the session is waiting for."""
        return self._phase

    @property
    def unanswered(self) -> int:
        """Frames without a result."""
        return len(self._jobs)

    @property
    def unaccepted(self) -> int:
        """``FRAME`` packets of those frames that the board has not said it has."""
        return self._places.end - self._accepted

    @property
    def may_submit(self) -> bool:
        """Whether another frame may be submitted."""
        ready = self._phase is Phase.READY and self.info is not None
        return ready and len(self._jobs) < self._described.frames

    @property
    def in_doubt(self) -> bool:
        """Whether the board's contents may have changed since it said :attr:`info`.

        It is asked again whenever that may be so.
        """
        return Kind.INFO in self._questions

    @property
    def _described(self) -> DeviceInfo:
        assert self.info is not None
        return self.info

    def submit(self, data: bytes, *, coded: bool = False, contents: bool = False) -> int:
        """Take a frame to send while :attr:`may_submit` allows it; returns its result's ticket.

        Parameters
        ----------
        data : bytes
            Pixels, row by row, channels last; or what they are coded as; or blocks of contents.
        coded, contents : bool
            Which of these.

        Raises
        ------
        ValueError
            If :attr:`may_submit` does not allow it, or the frame has another size than the board's,
            or too many bytes, or it is of a form that the board does not take.
        """
        if not self.may_submit:
            raise ValueError("no credit for another frame")
        form = (Form.CODED if coded else Form(0)) | (Form.CONTENTS if contents else Form(0))
        job = make_job(self._described, self._tickets, data, form)
        self._tickets += 1
        self._append(job)
        return job.ticket

    def _append(self, job: Job) -> None:
        job.parts.clear()
        self._jobs[self._places.append(job.packets(self._described.chunk))] = job

    def ask(self) -> None:
        """Ask for statistics; what was heard before is forgotten."""
        self.statistics = None
        if self._phase is Phase.READY:
            self._inquire()

    def _inquire(self) -> None:
        """Ask how the board is, behind all that has been sent: its answer says what it took."""
        self._control.append(self._inquiries.ask(self._cursor))

    def ask_contents(self) -> None:
        """Ask what the board's memories hold; what was heard before is forgotten.

        Raises
        ------
        ValueError
            If the board has said that its contents cannot be updated.
        """
        if self.info is not None and not self.info.memories:
            raise ValueError("the contents of the board's memories cannot be updated")
        self.contents = None
        self._ask(Kind.CONTENTS)

    def _ask(self, kind: Kind) -> None:
        question = self._questions.ask(kind)
        if self._phase is Phase.READY:
            self._control.append(question)

    def packets(self) -> Iterator[bytes]:
        """What may be sent now."""
        while self._control:
            yield self._control.popleft().encode()
        while self._phase is Phase.READY and self._cursor < min(self._limit, self._places.end):
            number, index = self._places.find(self._cursor)
            job = self._jobs.get(number)
            if job is None:
                # Answered already, though the board has not said yet that it has all of it.
                self._cursor = self._places.start(number + 1)
                continue
            self._cursor += 1
            self._sent = max(self._sent, self._cursor)
            yield job.packet(self._wire(number), index, self._described.chunk).encode()

    def _wire(self, number: int) -> int:
        return (self._base + number) % _NUMBERS

    def _number(self, sequence: int) -> int:
        """The number nearest to where the board should be that has this sequence number."""
        near, _ = self._places.find(self._accepted)
        ahead = (sequence - self._wire(near) + _NUMBERS // 2) % _NUMBERS - _NUMBERS // 2
        return near + ahead

    def receive(self, data: bytes) -> None:
        """Take a packet from the board, damaged or not.

        Raises
        ------
        ProtocolError
            If the board is not one of ours, or does not hold the network it should.
        """
        packet = Packet.decode(data)
        if packet is None:
            self.damaged += 1
            return
        self.heard += 1
        if self._phase is Phase.RESET:
            if packet.kind == Kind.RESET and packet.sequence == self._base:
                self._advance(Phase.INFO)
                self._control.append(Packet(Kind.INFO, self._base))
        elif self._phase is Phase.INFO:
            mine = packet.kind == Kind.INFO and packet.sequence == self._base
            # An empty one is our own question, echoed by the line.
            if mine and packet.payload:
                self._meet(DeviceInfo.decode(packet.payload))
        else:
            self._receive_ready(packet)

    def _advance(self, phase: Phase) -> None:
        self._phase = phase
        # Once: a board that is reset over and over brings no frame further.
        self.progress += self.resets == 0

    def _meet(self, info: DeviceInfo) -> None:
        self._know(info, self.info if self._jobs else None)
        self._limit = info.credits
        self._advance(Phase.READY)
        self._control.extend(self._questions)

    def _know(self, info: DeviceInfo, before: DeviceInfo | None) -> None:
        """Learn what the board says of itself."""
        check_board(info, digest=self._digest, before=before)
        self.info = info
        self._network = info.digest[:NETWORK_BYTES]
        self._questions.close(Kind.INFO)

    def _receive_ready(self, packet: Packet) -> None:
        answers, info = self._questions.is_answer(packet), None
        try:
            if packet.kind in (Kind.ACK, Kind.NACK):
                self._acknowledge(packet)
            elif packet.kind == Kind.RESULT:
                self._result(packet)
            elif packet.kind == Kind.STATISTICS:
                if len(packet.payload) != self._described.statistics_bytes:
                    raise ProtocolError(f"its statistics are {len(packet.payload)} bytes long")
                self._hear(packet.sequence, Statistics.decode(packet.payload))
            elif packet.kind == Kind.CONTENTS and answers:
                if len(packet.payload) != self._described.contents_bytes:
                    raise ProtocolError(f"its contents are {len(packet.payload)} bytes long")
                self.contents = ContentsState.decode(packet.payload)
                self._questions.close(Kind.CONTENTS)
            elif packet.kind == Kind.INFO and answers:
                info = DeviceInfo.decode(packet.payload)
        except ProtocolError:
            self.damaged += 1
        if info is not None:
            self._know(info, self.info)

    def _acknowledge(self, packet: Packet) -> None:
        if len(packet.payload) != CREDIT.size:
            raise ProtocolError(f"an acknowledgement came with {len(packet.payload)} bytes")
        credit = CREDIT.decode(packet.payload)["credit"]
        place = self._places.place(self._number(packet.sequence), packet.index)
        self._place(place, credit)
        if packet.kind == Kind.NACK and self._returned_to != place == self._accepted:
            self._go_back(place)
            self._returned_to = place

    def _go_back(self, place: int) -> None:
        """Send again from there on; what was asked before this says nothing of it."""
        self._cursor = place
        self._inquiries.forget()
        self.returned += 1

    def _place(self, place: int, credit: int) -> None:
        """Learn what the board takes next, and how many packets from there on."""
        if place > self._sent:
            self.reset()  # the board has something that was never sent since the last reset
        elif place >= self._accepted:  # or else it is older than what we know
            self.progress += place > self._accepted
            self._accepted = place
            self._places.forget(place)
            self._limit = place + min(credit, self._described.credits)
            self._cursor = max(self._cursor, place)

    def _result(self, packet: Packet) -> None:
        number = self._number(packet.sequence)
        job = self._jobs.get(number)
        if job is None:
            return  # came before
        part = Part.decode(packet.payload, packet.index, self._described.classes)
        self._check_network(job, part.network)
        job.cycles, job.parts[packet.index] = part.cycles, part.sums
        job.refused = bool(packet.form & Form.REFUSED)
        self.progress += 1
        result = job.result(self._described.parts)
        if result is None:
            return
        self.results.append((job.ticket, result))
        del self._jobs[number]
        if job.form & Form.CONTENTS and not any(
            other.form & Form.CONTENTS for other in self._jobs.values()
        ):
            self._ask(Kind.INFO)
        # The board answers in turn: what is older was answered, and that was lost.
        self._send_again([other for other in self._jobs if other < number])

    def _check_network(self, job: Job, network: bytes) -> None:
        """Take notice of what a result says that the board holds.

        The board answers in turn, so all results behind that of new contents come from these. If
        that one is lost, those are not taken before the board has said again what it is; then their
        frames are sent again.
        """
        if job.form & Form.CONTENTS:
            self._network = network
            return
        wanted = self._network if self._digest is None else self._digest[:NETWORK_BYTES]
        if network != wanted:
            if self._described.memories:
                self._ask(Kind.INFO)
            raise ProtocolError("a result came from another network than the board said it holds")

    def _send_again(self, numbers: list[int]) -> None:
        for number in numbers:
            self._append(self._jobs.pop(number))
            self.resent += 1

    def _hear(self, question: int, statistics: Statistics) -> None:
        before, self.statistics = self.statistics, statistics
        if before is not None and before.pixels != statistics.pixels:
            self.progress += 1
        sent = self._inquiries.answered(question)
        if sent is None:
            return
        place = self._places.place(self._number(statistics.sequence), statistics.index)
        if place < self._accepted:
            self.reset()  # the board has forgotten what it had
            return
        self._place(place, statistics.credit)
        if self._phase is Phase.READY and place < sent:
            self._go_back(place)
            self._returned_to = -1
        if statistics.in_flight == 0 and self.unaccepted == 0:
            self._send_again(list(self._jobs))

    def retry(self) -> None:
        """Find out what was lost: to be called when nothing has come for a while."""
        if self._phase is Phase.RESET:
            self._control.append(Packet(Kind.RESET, self._base))
        elif self._phase is Phase.INFO:
            self._control.append(Packet(Kind.INFO, self._base))
        else:
            question = self._questions.again()
            if question is None:
                self._inquire()
            else:
                self._control.append(question)

    def reset(self) -> None:
        """Start again, with all frames that have no result."""
        self._base = self._wire(self._places.frames)
        jobs, self._jobs, self._places = list(self._jobs.values()), {}, Places()
        for job in jobs:
            self._append(job)
        self._cursor = self._sent = self._accepted = self._limit = 0
        self._returned_to = -1
        self._inquiries.forget()
        self._control.clear()
        self._control.append(Packet(Kind.RESET, self._base))
        self._phase = Phase.RESET
        self.resets += 1
