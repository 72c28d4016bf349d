"""Questions of a session that are asked until they are answered."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.packets import Kind, Packet

_NUMBERS = 1 << 16


class Questions:
    """At most one question of each kind; their numbers tell answers to older ones.

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
