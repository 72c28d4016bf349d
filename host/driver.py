"""Classify frames on a board, whatever link it hangs on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType

import numpy as np

from gen.errors import FirebrickError
from gen.network import QuantizedNetwork
from host import protocol
from host.protocol import DeviceInfo, Result
from host.transport import Transport

_CHUNK = 4096
"""Bytes written between two looks at what has come in, so that no buffer on the way fills up."""


class Accelerator:
    """A board that classifies frames.

    Parameters
    ----------
    transport : Transport
        Closed together with the accelerator.
    network : QuantizedNetwork, optional
        What the board should hold; refused if it holds another.
    timeout : float
        Seconds that the board may take for an answer, the link's own time not counted.

    Raises
    ------
    FirebrickError
        If the board does not answer, or holds another network.
    """

    def __init__(
        self, transport: Transport, network: QuantizedNetwork | None = None, *, timeout: float = 5.0
    ):
        self._transport = transport
        self._timeout = timeout
        self._received = bytearray()
        try:
            self._info = self._ask()
            if network is not None:
                _check_network(self._info, network, transport.name)
        except BaseException:
            transport.close()
            raise

    def __enter__(self) -> Accelerator:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the link back."""
        self._transport.close()

    def info(self) -> DeviceInfo:
        """What the board said of itself."""
        return self._info

    def infer(self, frame: np.ndarray) -> Result:
        """Classify one frame, uint8 (height, width, channels)."""
        return next(self.stream([frame]))

    def stream(self, frames: Iterable[np.ndarray], *, in_flight: int = 3) -> Iterator[Result]:
        """Classify frames, sending ahead so that the board never waits for the host.

        Parameters
        ----------
        frames : iterable of uint8 arrays (height, width, channels)
            Read only as far as frames are sent.
        in_flight : int
            Frames sent and not yet answered, at most.

        Yields
        ------
        Result
            In the order of the frames.
        """
        if in_flight < 1:
            raise ValueError(f"in_flight must be at least 1, not {in_flight}")
        sent: deque[int] = deque()
        for number, frame in enumerate(frames):
            if len(sent) == in_flight:
                yield self._result(sent.popleft(), len(sent) + 1)
            self._send(protocol.FRAME + self._pixels(frame))
            sent.append(number)
        while sent:
            yield self._result(sent.popleft(), len(sent) + 1)

    def _pixels(self, frame: np.ndarray) -> bytes:
        expected = (self._info.height, self._info.width, self._info.channels)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise FirebrickError(
                f"a frame for this board is uint8 of shape {expected}, "
                f"not {frame.dtype} of {frame.shape}"
            )
        return frame.tobytes()

    def _ask(self) -> DeviceInfo:
        self._send(protocol.INFO)
        self._expect(protocol.INFO, "its information", 0)
        return DeviceInfo.decode(self._receive(protocol.INFO_BYTES, "its information", 0))

    def _result(self, number: int, waiting: int) -> Result:
        what = f"the result of frame {number}"
        under_way = waiting * (self._info.frame_bytes + self._info.result_bytes)
        self._expect(protocol.RESULT, what, under_way)
        return Result.decode(self._receive(self._info.result_bytes, what, under_way))

    def _send(self, data: bytes) -> None:
        for start in range(0, len(data), _CHUNK):
            self._transport.write(data[start : start + _CHUNK])
            self._received += self._transport.read(1 << 16, 0)

    def _expect(self, lead: bytes, what: str, under_way: int) -> None:
        first = self._receive(1, what, under_way)
        if first != lead:
            raise FirebrickError(
                f"{self._transport.name}: expected {what} ({lead!r}) from the board, got byte "
                f"0x{first[0]:02x}; noise on the link, or another baud rate? Reset the board"
            )

    def _receive(self, count: int, what: str, under_way: int) -> bytes:
        """Take ``count`` bytes, allowing for ``under_way`` bytes still on the link."""
        patience = self._timeout + under_way * self._transport.seconds_per_byte
        deadline = time.monotonic() + patience
        while len(self._received) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise FirebrickError(
                    f"{self._transport.name}: the board sent {len(self._received)} of {count} "
                    f"bytes of {what} within {patience:.1f} s; is it configured and powered?"
                )
            self._received += self._transport.read(count - len(self._received), left)
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken


def _check_network(info: DeviceInfo, network: QuantizedNetwork, name: str) -> None:
    ours = (*network.input.shape, network.output.shape[2])
    theirs = (info.height, info.width, info.channels, info.classes)
    if ours != theirs or network.digest != info.digest:
        raise FirebrickError(
            f"{name}: the board holds network {info.digest.hex()} ({_shape(theirs)}), "
            f"not {network.name!r} {network.digest.hex()} ({_shape(ours)}); "
            "load the bitstream that was generated with it, or give the right --build folder"
        )


def _shape(shape: tuple[int, ...]) -> str:
    height, width, channels, classes = shape
    return f"{height}x{width}x{channels} pixels, {classes} classes"
