"""Work done ahead of whoever needs it, by threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from gen.common.workers import cores

_Item = TypeVar("_Item")
_Made = TypeVar("_Made")
EACH = 2
"""Items a thread that may be done, or under way, before they are asked for."""


def ahead(
    work: Callable[[_Item], _Made], items: Iterable[_Item], threads: int | None = None
) -> Generator[_Made, None, None]:
    """What ``work`` makes of each item, in order; some items are read and worked on ahead.

    Reading photographs and coding them leave Python's lock to others for most of the time.

    Parameters
    ----------
    work : callable
    items : iterable
        Read by the thread that iterates.
    threads : int or None
        As many as there are processors if None.
    """
    count = threads or cores()
    source, waiting = iter(items), deque[Future[_Made]]()
    pool = ThreadPoolExecutor(count)
    try:
        for item in source:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= EACH * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
