"""What a session sends and waits for: a frame, cut into packets, and the parts of its result."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from protocol.messages import DeviceInfo, Result
from protocol.packets import Form, Kind, Packet

MOST_PACKETS = 1 << 16
"""Of a frame: so many indices are there."""


@dataclass
class Job:
    """A frame without its result.

    Attributes
    ----------
    ticket : int
        Whoever submitted the frame knows it by this.
    data : bytes
        Pixels, codes or contents.
    form : Form
        Which of these: none, ``CODED`` or ``CONTENTS``.
    cycles : int
    refused : bool
    parts : dict of int32 arrays
        What has come of the result, by index.
    """

    ticket: int
    data: bytes
    form: Form
    cycles: int = 0
    refused: bool = False
    parts: dict[int, np.ndarray] = field(default_factory=dict)

    def packets(self, chunk: int) -> int:
        """How many there are, with ``chunk`` bytes in each but the last."""
        return -(-len(self.data) // chunk)

    def packet(self, sequence: int, index: int, chunk: int) -> Packet:
        """One of them.

        Parameters
        ----------
        sequence : int
            Number of the frame on the wire.
        index : int
            Of the packet in it.
        chunk : int
            Bytes in each but the last.
        """
        start, end = index * chunk, (index + 1) * chunk
        ends = bool(self.form) and end >= len(self.data)
        form = self.form | Form.LAST if ends else self.form
        return Packet(Kind.FRAME, sequence, index, self.data[start:end], form)

    def result(self, parts: int) -> Result | None:
        """What has come, if it is all of so many parts."""
        if len(self.parts) < parts:
            return None
        sums = np.concatenate([self.parts[index] for index in range(parts)])
        return Result(sums, self.cycles, self.refused)


def make_job(info: DeviceInfo, ticket: int, data: bytes, form: Form) -> Job:
    """A frame for a board.

    Parameters
    ----------
    info : DeviceInfo
        Of the board.
    ticket : int
        Under which its result is handed out.
    data : bytes
    form : Form
        What the bytes are.

    Raises
    ------
    ValueError
        If the board takes no frames of this form, or not of so many bytes.
    """
    if form & Form.CODED and not (form == Form.CODED and info.coded):
        raise ValueError("the board takes no coded frames")
    if form & Form.CONTENTS and not info.memories:
        raise ValueError("the contents of the board's memories cannot be updated")
    if not form and len(data) != info.frame_bytes:
        raise ValueError(f"a frame is {info.frame_bytes} bytes, not {len(data)}")
    most = MOST_PACKETS * info.chunk
    if not 1 <= len(data) <= most:
        raise ValueError(f"a frame is 1 to {most} bytes, not {len(data)}")
    return Job(ticket, data, form)
