"""What waits for the board: a queue for each client, served in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class QueueFull(Exception):
    """No further item is taken now."""


class FairQueue(Generic[Item]):
    """Items of several clients: each client's next one in turn, however many it has.

    Parameters
    ----------
    most : int
        Items that may wait in all.
    most_of_one : int
        Items of one client that may wait.
    """

    def __init__(self, most: int, most_of_one: int):
        self._most, self._most_of_one = most, most_of_one
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def clients(self) -> int:
        """Those for whom something waits."""
        return len(self._waiting)

    def put(self, client: str, item: Item) -> None:
        """Let an item wait.

        Raises
        ------
        QueueFull
            If too many wait already, of this client or in all.
        """
        own = self._waiting.get(client)
        if own is not None and len(own) >= self._most_of_one:
            raise QueueFull(f"{len(own)} of your pictures wait already; wait for their answers")
        if self._count >= self._most:
            raise QueueFull(f"{self._count} pictures wait already; try again in a moment")
        self._waiting.setdefault(client, deque()).append(item)
        self._count += 1

    def take(self) -> Item | None:
        """The next item of the client whose turn it is; None if nothing waits."""
        if not self._waiting:
            return None
        client, own = self._waiting.popitem(last=False)
        item = own.popleft()
        if own:
            self._waiting[client] = own  # at the end of the line
        self._count -= 1
        return item
