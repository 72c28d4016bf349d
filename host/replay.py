"""Sessions on file: what went over a link and came back, to be played again without a board."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path

from gen.common.errors import FirebrickError
from host.transport import Transport

_FORMAT = "firebrick session 1"
_MALFORMED = (OSError, RecursionError, ArithmeticError, LookupError, TypeError, ValueError)


class RecordingTransport(Transport):
    """Another transport, of which everything is written to a file.

    The file is JSON lines: a head, then ``["host", bytes]`` and ``["board", bytes]`` in hexadecimal
    digits.

    Parameters
    ----------
    transport : Transport
        Closed together with the recording.
    path : path
    first : int
        Number of the first frame, which a replay must begin with, too.
    """

    def __init__(self, transport: Transport, path: str | Path, first: int = 0):
        self._transport, self._first = transport, first
        self._file = Path(path).open("w")  # noqa: SIM115 (closed by close)
        self._put({"format": _FORMAT, "name": transport.name, "first": first})

    def _put(self, entry: object) -> None:
        self._file.write(json.dumps(entry) + "\n")

    @property
    def name(self) -> str:
        """The recorded transport's."""
        return self._transport.name

    @property
    def advice(self) -> str:
        """The recorded transport's."""
        return self._transport.advice

    @property
    def seconds_per_byte(self) -> float:
        """The recorded transport's."""
        return self._transport.seconds_per_byte

    @property
    def first(self) -> int:
        """As given."""
        return self._first

    def now(self) -> float:
        """The recorded transport's clock."""
        return self._transport.now()

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        self._transport.write(data)
        self._put(["host", data.hex()])

    def read(self, timeout: float) -> bytes:
        """Wait up to ``timeout`` seconds for a byte; returns all that came."""
        data = self._transport.read(timeout)
        if data:
            self._put(["board", data.hex()])
        return data

    def close(self) -> None:
        """Close the transport and the file."""
        self._transport.close()
        self._file.close()


class ReplayTransport(Transport):
    """A recorded session in place of a board: it answers as then, if it is told the same.

    Parameters
    ----------
    path : path
        As :class:`RecordingTransport` wrote it.

    Raises
    ------
    FirebrickError
        If the file is no recorded session; later, if the host says something else than then.
    """

    def __init__(self, path: str | Path):
        self._entries: deque[tuple[str, bytes]] = deque()
        try:
            head, *entries = (json.loads(line) for line in Path(path).read_text().splitlines())
            if head["format"] != _FORMAT:
                raise ValueError("of another version")
            self._name, self._first = f"replay of {head['name']}", int(head["first"])
            for who, data in entries:
                if who not in ("host", "board"):
                    raise ValueError(f"something said by {who!r}")
                self._entries.append((who, bytes.fromhex(data)))
        except _MALFORMED as error:
            raise FirebrickError(
                f"{path}: no recorded session ({_reason(error)}); make one with --record"
            ) from None
        self._said = b""
        self._position = 0
        self._now = 0.0

    @property
    def name(self) -> str:
        """Of the board then."""
        return self._name

    @property
    def advice(self) -> str:
        """About the recording."""
        return "does the recording end here?"

    @property
    def first(self) -> int:
        """Of the frames then."""
        return self._first

    def now(self) -> float:
        """Time passes only while nothing comes."""
        return self._now

    def write(self, data: bytes) -> None:
        """Compare with what was said then.

        Raises
        ------
        FirebrickError
            If it is something else.
        """
        self._said += data
        while self._said and self._entries and self._entries[0][0] == "host":
            _, then = self._entries.popleft()
            length = min(len(then), len(self._said))
            if then[:length] != self._said[:length]:
                raise FirebrickError(
                    f"{self._name}: the host says something else than was recorded, about "
                    f"{self._position} bytes in; replay it with the same frames"
                )
            self._position += length
            self._said = self._said[length:]
            if length < len(then):
                self._entries.appendleft(("host", then[length:]))

    def read(self, timeout: float) -> bytes:
        """What the board said then, once the host has said what came before."""
        self.write(b"")
        if self._entries and self._entries[0][0] == "board":
            return self._entries.popleft()[1]
        self._now += timeout
        return b""

    def close(self) -> None:
        """Nothing to close."""


def _reason(error: Exception) -> str:
    """Short, and without what the file holds."""
    if isinstance(error, UnicodeDecodeError | json.JSONDecodeError):
        return "not lines of JSON"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)[:100] if isinstance(error, ValueError) else "malformed"
