"""Pieces of work on many cores: here, in processes of this machine, or in a Dask cluster.

A piece is done by a function of what all pieces share and of the piece itself; it has one core,
since all others have pieces of their own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from threadpoolctl import threadpool_limits

from gen.common.closing import Closing
from gen.common.errors import FirebrickError

CONNECT_SECONDS = 10

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


class Workers(Closing):
    """Who does pieces of work; ``count`` of them at the same time."""

    count: int

    def results(
        self, function: Callable[[S, T], R], shared: S, items: Sequence[T]
    ) -> Generator[R, None, None]:
        """What ``function(shared, item)`` gives for each item, in the order in which it is done.

        Nothing of it runs any more once the iterator is closed.

        Parameters
        ----------
        function : callable
            Of a module, so that it can travel. The module imports what it computes with, which is
            held to one thread.
        shared
            For all items.
        items : sequence

        Raises
        ------
        FirebrickError
            If a process is ended from outside, or a cluster's workers do not have firebrick.
        """
        if not items:
            return
        with self._done(partial(_on_one_core, function), shared, items) as results:
            yield from results

    @abstractmethod
    def _done(
        self, function: Callable[[S, T], R], shared: S, items: Sequence[T]
    ) -> AbstractContextManager[Iterator[R]]:
        """The results of pieces that are done; what is not is given up at the end."""

    def close(self) -> None:
        """Hold nothing, so give nothing back."""


def find_workers(processes: int | None, scheduler: str | None, option: str) -> Workers:
    """A cluster where a scheduler is given, else processes.

    Parameters
    ----------
    processes : int or None
        One a core if None; must be None with a scheduler. 1 stays in this process.
    scheduler : str or None
        Address of the cluster's, like ``tcp://host:8786``.
    option : str
        That asks for processes, for messages.

    Raises
    ------
    FirebrickError
        If both are asked for, or as :class:`Cluster` does.
    """
    if scheduler is None:
        count = processes or cores()
        return Here() if count == 1 else Processes(count, option)
    if processes is not None:
        raise FirebrickError(
            f"{option} and --scheduler: leave one out; the cluster's workers are its own choice"
        )
    return Cluster(scheduler)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Here(Workers):
    """This very process."""

    count = 1

    @contextmanager
    def _done(
        self, function: Callable[[S, T], R], shared: S, items: Sequence[T]
    ) -> Iterator[Iterator[R]]:
        yield (function(shared, item) for item in items)


class Processes(Workers):
    """Processes of this machine.

    Parameters
    ----------
    count : int
    option : str
        That asks for fewer, for messages.
    """

    def __init__(self, count: int, option: str):
        self.count = count
        self._option = option

    @contextmanager
    def _done(
        self, function: Callable[[S, T], R], shared: S, items: Sequence[T]
    ) -> Iterator[Iterator[R]]:
        others = multiprocessing.active_children()
        spawn = multiprocessing.get_context("spawn")  # threads of BLAS do not survive a fork
        with ProcessPoolExecutor(min(self.count, len(items)), mp_context=spawn) as pool:
            futures: list[Future[R]] = []
            try:
                with _deaf_children():
                    futures += [pool.submit(function, shared, item) for item in items]
                yield (future.result() for future in as_completed(futures))
            except BrokenProcessPool:
                raise FirebrickError(
                    "a process that worked was ended from outside, perhaps for memory; "
                    f"use fewer with {self._option}"
                ) from None
            except Exception:
                for future in futures:
                    future.cancel()
                raise
            except BaseException:  # nobody waits for what is under way
                for child in multiprocessing.active_children():
                    if child not in others:
                        child.terminate()
                raise


class Cluster(Workers):
    """The workers of a Dask cluster. They need firebrick on their Python path.

    Parameters
    ----------
    address : str
        Of the scheduler, like ``tcp://host:8786``.

    Raises
    ------
    FirebrickError
        If Dask is not installed, or the cluster cannot be reached or has no workers.
    """

    def __init__(self, address: str):
        try:
            import distributed
        except ImportError:
            raise FirebrickError(
                "--scheduler needs Dask; install it (`uv sync --group cluster`, or "
                "`pip install distributed`), or leave out --scheduler"
            ) from None
        try:
            self._client = distributed.Client(address, timeout=CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            raise FirebrickError(
                f"{address}: no Dask scheduler to be reached there ({error}); start one with "
                "`dask scheduler`, and workers with `dask worker ADDRESS` in firebrick's folder"
            ) from None
        self._address = address
        self.count = sum(self._client.nthreads().values())
        if not self.count:
            self.close()
            raise FirebrickError(
                f"{address}: has no workers; start some with `dask worker {address}` in "
                "firebrick's folder"
            )

    @contextmanager
    def _done(
        self, function: Callable[[S, T], R], shared: S, items: Sequence[T]
    ) -> Iterator[Iterator[R]]:
        import distributed

        sent = self._client.scatter(shared, broadcast=True)
        futures = [self._client.submit(function, sent, item, pure=False) for item in items]
        try:
            yield (future.result() for future in distributed.as_completed(futures))
        except ModuleNotFoundError as error:
            raise FirebrickError(
                f"{self._address}: its workers lack {error.name!r}; start them in firebrick's "
                "folder with firebrick's Python"
            ) from None
        finally:
            self._client.cancel(futures)

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()


def _on_one_core(function: Callable[[S, T], R], shared: S, item: T) -> R:
    with threadpool_limits(1):
        return function(shared, item)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started meanwhile do not hear of Ctrl-C: this one tells them what to do."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
