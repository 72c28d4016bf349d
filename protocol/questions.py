"""Questions that a session asks its board, and which answer is to which of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from protocol.packets import Kind, Packet

_NUMBERS = 1 << 16
_INQUIRIES = 16
"""Of how many inquiries answers are still listened to: on a long link the next ones are asked
before the first is answered."""


class Questions:
    """Those that are asked until they are answered, at most one of each kind.

    Their numbers tell answers to older ones.

    Parameters
    ----------
    first : int
        Number behind which the first one's is.
    """

    def __init__(self, first: int):
        self._number = first
        self._open: dict[Kind, int] = {}
        self._turn = 0

    def __contains__(self, kind: Kind) -> bool:
        """Whether such a question waits for its answer."""
        return kind in self._open

    def __iter__(self) -> Iterator[Packet]:
        """All that wait for their answers."""
        return (Packet(kind, number) for kind, number in self._open.items())

    def ask(self, kind: Kind) -> Packet:
        """A new question, in the place of an older one of its kind."""
        self._number = self._open[kind] = (self._number + 1) % _NUMBERS
        return Packet(kind, self._number)

    def close(self, kind: Kind) -> None:
        """It is answered, or does not matter any more."""
        self._open.pop(kind, None)

    def is_answer(self, packet: Packet) -> bool:
        """Whether this is the answer to one of them; an empty one is an echo of the line."""
        return bool(packet.payload) and (packet.kind, packet.sequence) in self._open.items()

    def again(self) -> Packet | None:
        """What to ask again: each in turn, and one time nothing, for questions of other kinds.

        One at a time, for a board that is busy keeps one question.
        """
        self._turn = (self._turn + 1) % (len(self._open) + 1)
        return [None, *self][self._turn]


class Inquiries:
    """Questions how the board is; each is asked once, and says what was sent before it.

    Parameters
    ----------
    first : int
        Number behind which the first one's is.

    Attributes
    ----------
    last : int
        Number of the last one.
    """

    def __init__(self, first: int):
        self.last = first
        self._sent: deque[int] = deque(maxlen=_INQUIRIES)

    def ask(self, sent: int) -> Packet:
        """A new one, behind so many packets of frames."""
        self.last = (self.last + 1) % _NUMBERS
        self._sent.append(sent)
        return Packet(Kind.STATISTICS, self.last)

    def answered(self, number: int) -> int | None:
        """How many packets were sent before the one of this number; it and older ones are over.

        None if its answer says nothing, or nothing any more.
        """
        age = (self.last - number) % _NUMBERS
        if age >= len(self._sent):
            return None
        sent = self._sent[-1 - age]
        while len(self._sent) > age:
            self._sent.popleft()
        return sent

    def forget(self) -> None:
        """Answers to what was asked until now say nothing any more."""
        self._sent.clear()
