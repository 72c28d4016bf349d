"""Places of packets: all packets of all frames in the order in which a board takes them."""

from __future__ import annotations

from bisect import bisect_right


class Places:
    """Numbers the packets of frames, which may have any number of them.

    Attributes
    ----------
    frames : int
        How many there are.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._first = 0
        """Number of the first frame that is not forgotten."""
        self._starts = [0]
        """Of the frames from that one on, and of the one that will be next."""

    @property
    def end(self) -> int:
        """The place behind the last one."""
        return self._starts[-1]

    def append(self, packets: int) -> int:
        """Add a frame with so many packets; returns its number."""
        self._starts.append(self.end + packets)
        self.frames += 1
        return self.frames - 1

    def start(self, number: int) -> int:
        """The place of a frame's first packet; of the first one that is known, if it is older."""
        return self._starts[max(number - self._first, 0)]

    def place(self, number: int, index: int) -> int:
        """The place of a packet that a board names.

        Before all that is known if its frame is forgotten, and behind all if there is no such one.
        """
        if number < self._first:
            return -1
        if number > self.frames:
            return self.end + 1
        return self.start(number) + index

    def find(self, place: int) -> tuple[int, int]:
        """Number and index of the packet at a place; the end is the next frame's first one."""
        at = bisect_right(self._starts, place) - 1
        return self._first + at, place - self._starts[at]

    def forget(self, place: int) -> None:
        """Forget frames that end before a place."""
        at = bisect_right(self._starts, place) - 1
        del self._starts[:at]
        self._first += at
