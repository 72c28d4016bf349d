"""How much strangers may ask of a server."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from gen.frames.images import Accepted

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""What a picture may be, as Pillow calls it."""
MEBI = 1 << 20
_PICTURES = Accepted(FORMATS, 1 << 25)
_KNOWN = 4096
"""Clients that are remembered."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Attributes
    ----------
    rate : float
        Pictures a second of one client, over some seconds.
    burst : float
        Seconds of that rate which a client that was quiet has saved up.
    body : int
        Bytes of a picture as a file.
    accepted : Accepted
        Its formats, and the pixels that it may have.
    waiting, waiting_of_one : int
        Pictures in the queue, in all and of one client.
    uploads : int
        Pictures that come in at the same time; others wait.
    watchers : int
        Pages that are kept up to date.
    patience : float
        Seconds that a picture may take to come in, and then to be answered.
    """

    rate: float = 100.0
    burst: float = 2.0
    body: int = 8 * MEBI
    accepted: Accepted = _PICTURES
    waiting: int = 512
    waiting_of_one: int = 64
    uploads: int = 32
    watchers: int = 128
    patience: float = 60.0


class RateLimit:
    """Counts what each client may still ask, as a bucket of tokens that fills steadily.

    Parameters
    ----------
    rate : float
        Tokens a second.
    burst : float
        Tokens in a full bucket.
    now : callable
        The clock, in seconds.
    """

    def __init__(self, rate: float, burst: float, now: Callable[[], float] = time.monotonic):
        self._rate, self._burst, self._now = rate, max(burst, 1.0), now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Take a token; returns 0, or for how many seconds there will be none."""
        now = self._now()
        left, then = self._buckets.pop(client, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._rate)
        taken = left >= 1.0
        self._buckets[client] = (left - taken, now)
        if len(self._buckets) > _KNOWN:
            self._buckets.popitem(last=False)
        return 0.0 if taken else (1.0 - left) / self._rate
