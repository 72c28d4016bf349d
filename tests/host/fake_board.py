"""A board that speaks the protocol, in plain Python: for driver tests that need no simulator."""

import os
import select
import socket
import threading
import tty
from collections.abc import Callable

import numpy as np

from gen.ir.network import QuantizedNetwork
from host.neighbours import Subnet
from host.transport import Transport
from protocol.contents.model import ContentsModel
from protocol.device import Classify, Device, Load
from protocol.framing import Deframer, frame
from protocol.messages import DeviceInfo
from protocol.packets import ESCAPE, FLAG

CLOCK_HZ = 100_000_000
CLASSES = 5
LOOPBACK = Subnet.of("lo", "127.0.0.1", "255.0.0.0")
"""Where boards are looked for that are on this machine."""


def classify(frame: np.ndarray) -> np.ndarray:
    """Class sums that tell frames apart."""
    return np.arange(CLASSES) * frame.sum(dtype=np.int64) - frame[0, 0, 0]


def device_info(network: QuantizedNetwork) -> DeviceInfo:
    """What a board that holds ``network`` says."""
    return DeviceInfo(
        *network.input.shape,
        network.output.shape[2],
        CLOCK_HZ,
        network.digest,
        chunk=128,
        streams=len(network.ops),
    )


class FakeBoard:
    """Bytes in, answers out; the class sums of a frame are those of ``classify``.

    ``replies`` holds what the board has said and nobody has fetched.
    """

    def __init__(
        self,
        info: DeviceInfo,
        classify: Classify,
        contents: ContentsModel | None = None,
        load: Load | None = None,
    ):
        self.device = Device(info, classify, contents, load)
        self.replies = bytearray()
        self._deframer = Deframer()

    @property
    def frames(self) -> int:
        """Answered."""
        return self.device.statistics.answered

    def feed(self, data: bytes) -> None:
        for packet in self._deframer.feed(data):
            self.replies += b"".join(frame(answer) for answer in self.device.receive(packet))


class MemoryTransport(Transport):
    """A :class:`FakeBoard` at the end of a link; ``spoil`` changes what the board says.

    Frames are numbered from a number whose bytes must both be escaped.
    """

    def __init__(self, board: FakeBoard, spoil: Callable[[bytes], bytes] = bytes):
        self.board, self.spoil = board, spoil
        self.closed = False
        self._now = 0.0

    @property
    def name(self) -> str:
        return "fake board"

    @property
    def first(self) -> int:
        return ESCAPE << 8 | FLAG

    def now(self) -> float:
        return self._now

    def wait(self, seconds: float) -> None:
        self._now += seconds

    def write(self, data: bytes) -> None:
        before = len(self.board.replies)
        self.board.feed(data)
        said = bytes(self.board.replies[before:])
        self.board.replies[before:] = self.spoil(said)

    def read(self, timeout: float) -> bytes:
        taken = bytes(self.board.replies)
        self.board.replies.clear()
        self._now += 0.0 if taken else timeout
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


class UdpBoard:
    """A board in plain Python on a UDP port of loopback; use as a context manager.

    It hears broadcasts, as its neighbours at the same port do. ``port`` is any that is free if 0.
    """

    def __init__(self, device: Device, address: str = "127.0.0.1", port: int = 0):
        self._device = device
        self._socket, self._everybody = (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)
        )
        self._everybody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._everybody.bind(("127.255.255.255", port))
        self.port = self._everybody.getsockname()[1]
        self._socket.bind((address, self.port))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "UdpBoard":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join(timeout=5)
        self._socket.close()
        self._everybody.close()

    def _serve(self) -> None:
        while True:
            (line, *_), _, _ = select.select([self._socket, self._everybody], [], [])
            packet, host = line.recvfrom(65_535)
            if not packet:
                return
            for answer in self._device.receive(packet):
                self._socket.sendto(answer, host)
