"""The one interface between the driver and whatever carries its bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType


class Transport(ABC):
    """A byte stream to a board and back.

    Use it as a context manager, or call :meth:`close`.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """For people and error messages: which board this is, and on what link."""

    @property
    def seconds_per_byte(self) -> float:
        """How long the link takes for a byte; the driver's time-outs allow for it."""
        return 0.0

    @abstractmethod
    def write(self, data: bytes) -> None:
        """Send all of ``data``; what the link buffers may still be under way on return."""

    @abstractmethod
    def read(self, count: int, timeout: float) -> bytes:
        """Wait up to ``timeout`` seconds for ``count`` bytes; returns those that came."""

    @abstractmethod
    def close(self) -> None:
        """Give the link back; closing twice is fine."""

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
