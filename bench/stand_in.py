"""A board on a UDP port of loopback that answers at once, in a process of its own."""

from __future__ import annotations

import multiprocessing
import select
import socket
import time
from multiprocessing.connection import Connection

import numpy as np

from gen.common.closing import Closing
from protocol.device import Device
from protocol.messages import DeviceInfo

_LARGEST = 65_535


class _Instant(Device):
    """A board that looks at no frame: all class sums are zero."""

    def judge(self, data: bytes, *, coded: bool) -> tuple[np.ndarray, str]:
        """Zeros, and nothing wrong."""
        return np.zeros(self.info.classes, dtype=np.int32), ""


class StandIn(Closing):
    """The process; it ends when this is closed.

    Parameters
    ----------
    info : DeviceInfo
        What it says of itself.

    Attributes
    ----------
    port : int
        Of UDP.
    """

    def __init__(self, info: DeviceInfo):
        self._pipe, theirs = multiprocessing.Pipe()
        context = multiprocessing.get_context("spawn")
        self._process = context.Process(target=_serve, args=(info, theirs), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()

    def seconds(self) -> float:
        """Processor time that it has taken so far."""
        self._pipe.send(None)
        taken: float = self._pipe.recv()
        return taken

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def _serve(info: DeviceInfo, pipe: Connection) -> None:
    """Answer datagrams, and how much time that takes, for ever."""
    board = _Instant(info, np.sum)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))
        pipe.send(line.getsockname()[1])
        line.setblocking(False)
        while True:
            select.select([line.fileno(), pipe.fileno()], [], [])
            _answer(board, line)
            while pipe.poll():
                pipe.recv()
                pipe.send(time.process_time())


def _answer(board: Device, line: socket.socket) -> None:
    """Answer all datagrams that have come."""
    while True:
        try:
            data, peer = line.recvfrom(_LARGEST)
        except BlockingIOError:
            return
        for answer in board.receive(data):
            line.sendto(answer, peer)
