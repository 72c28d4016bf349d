"""A board that speaks the protocol, in plain Python: for driver tests that need no simulator."""

import os
import threading
import tty
from collections.abc import Callable

import numpy as np

from gen.network import QuantizedNetwork
from host import protocol
from host.protocol import DeviceInfo, Result
from host.transport import Transport

CLOCK_HZ = 100_000_000


def device_info(network: QuantizedNetwork) -> DeviceInfo:
    """What a board that holds ``network`` says."""
    return DeviceInfo(*network.input.shape, network.output.shape[2], CLOCK_HZ, network.digest)


class FakeBoard:
    """Bytes in, answers out; the class sums of a frame are those of ``classify``.

    ``replies`` holds what the board has said and nobody has fetched.
    """

    def __init__(self, info: DeviceInfo, classify: Callable[[np.ndarray], np.ndarray]):
        self.info, self.classify = info, classify
        self.replies = bytearray()
        self.frames = 0
        self._received = bytearray()

    def feed(self, data: bytes) -> None:
        self._received += data
        while self._received and self._step():
            pass

    def _step(self) -> bool:
        command = bytes(self._received[:1])
        if command == protocol.FRAME:
            end = 1 + self.info.frame_bytes
            if len(self._received) < end:
                return False
            shape = (self.info.height, self.info.width, self.info.channels)
            frame = np.frombuffer(bytes(self._received[1:end]), dtype=np.uint8).reshape(shape)
            del self._received[:end]
            self.frames += 1
            self.replies += protocol.RESULT
            self.replies += Result(self.classify(frame), 1000 + self.frames).encode()
            return True
        if command == protocol.INFO:
            self.replies += protocol.INFO + self.info.encode()
        del self._received[:1]
        return True


class MemoryTransport(Transport):
    """A :class:`FakeBoard` at the end of a perfect link; ``spoil`` changes what it says."""

    def __init__(self, board: FakeBoard, spoil: Callable[[bytes], bytes] = bytes):
        self.board, self.spoil = board, spoil
        self.closed = False
        self.most_waiting = 0

    @property
    def name(self) -> str:
        return "fake board"

    def write(self, data: bytes) -> None:
        before = len(self.board.replies)
        self.board.feed(data)
        said = bytes(self.board.replies[before:])
        self.board.replies[before:] = self.spoil(said)

    def read(self, count: int, timeout: float) -> bytes:
        taken = bytes(self.board.replies[:count])
        del self.board.replies[:count]
        return taken

    def close(self) -> None:
        self.closed = True


class SerialBoard:
    """A :class:`FakeBoard` behind a pseudo-terminal; use as a context manager.

    Attributes
    ----------
    port : str
        To open as a serial port.
    """

    def __init__(self, board: FakeBoard):
        self._board = board
        self._ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "SerialBoard":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._theirs)
        self._thread.join(timeout=5)
        os.close(self._ours)

    def _serve(self) -> None:
        while True:
            try:
                data = os.read(self._ours, 4096)
            except OSError:  # the other end is closed
                return
            if not data:
                return
            self._board.feed(data)
            while self._board.replies:
                written = os.write(self._ours, bytes(self._board.replies))
                del self._board.replies[:written]
