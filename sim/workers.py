"""Parts of a measurement on many cores: in processes here, or in a Dask cluster's workers."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from threadpoolctl import threadpool_limits

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from sim.accuracy import Job, Tally, measure
from sim.labelled import Labelled

PART = 32
"""Images in a part: enough to make up for handing over the network."""
CONNECT_SECONDS = 10


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def parts(images: Sequence[Labelled], workers: int) -> list[Sequence[Labelled]]:
    """Cut images into parts, of one size but the last, at least one for each worker."""
    size = max(1, min(PART, -(-len(images) // max(workers, 1))))
    return [images[start : start + size] for start in range(0, len(images), size)]


def part_tally(job: Job, images: Sequence[Labelled]) -> Tally:
    """Measure a part on one core, since all others have parts of their own."""
    with threadpool_limits(1):
        return measure(job, images)


def run_parts(
    job: Job,
    images: Sequence[Labelled],
    scheduler: str | None,
    processes: int | None,
    *,
    progress: Progress = SILENT,
) -> Tally:
    """Measure in a cluster where a scheduler is given, else in processes.

    Parameters
    ----------
    job : Job
    images : sequence of Labelled
    scheduler : str or None
        Address of the cluster's, like ``tcp://host:8786``.
    processes : int or None
        One a core if None; must be None with a scheduler.
    progress : Progress
        Told images done and in all.

    Raises
    ------
    FirebrickError
        As :func:`run_cluster` and :func:`run_processes` do, or if both are asked for.
    """
    if scheduler is None:
        return run_processes(job, images, processes or cores(), progress=progress)
    if processes is not None:
        raise FirebrickError(
            "--processes and --scheduler: leave one out; the cluster's workers are its own choice"
        )
    return run_cluster(job, images, scheduler, progress=progress)


def run_processes(
    job: Job, images: Sequence[Labelled], processes: int, *, progress: Progress = SILENT
) -> Tally:
    """Measure in so many processes of this machine.

    Parameters
    ----------
    job : Job
    images : sequence of Labelled
    processes : int
        1 stays in this one.
    progress : Progress
        Told images done and in all.

    Raises
    ------
    FirebrickError
        As :func:`sim.accuracy.measure` does.
    """
    cut = parts(images, processes)
    if processes == 1:
        return _gather((part_tally(job, part) for part in cut), len(images), progress)
    spawn = multiprocessing.get_context("spawn")  # threads of BLAS do not survive a fork
    with ProcessPoolExecutor(min(processes, len(cut)), mp_context=spawn) as pool:
        futures = [pool.submit(part_tally, job, part) for part in cut]
        try:
            done = (future.result() for future in as_completed(futures))
            return _gather(done, len(images), progress)
        except BrokenProcessPool:
            raise FirebrickError(
                "a process that measured was ended from outside, perhaps for memory; "
                "use fewer with --processes"
            ) from None
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def run_cluster(
    job: Job, images: Sequence[Labelled], address: str, *, progress: Progress = SILENT
) -> Tally:
    """Measure in the workers of a Dask cluster.

    They need firebrick on their Python path and the images under the same paths as here.

    Parameters
    ----------
    job : Job
    images : sequence of Labelled
    address : str
        Of the scheduler, like ``tcp://host:8786``.
    progress : Progress
        Told images done and in all.

    Raises
    ------
    FirebrickError
        If Dask is not installed, the cluster cannot be reached or has no workers, or as
        :func:`sim.accuracy.measure` does.
    """
    try:
        import distributed
    except ImportError:
        raise FirebrickError(
            "--scheduler needs Dask; install it (`uv sync --group cluster`, or "
            "`pip install distributed`), or leave out --scheduler"
        ) from None
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise FirebrickError(
            f"{address}: no Dask scheduler to be reached there ({error}); start one with "
            "`dask scheduler`, and workers with `dask worker ADDRESS` in firebrick's folder"
        ) from None
    with client:
        workers = sum(client.nthreads().values())
        if not workers:
            raise FirebrickError(
                f"{address}: has no workers; start some with `dask worker {address}` in "
                "firebrick's folder"
            )
        shared = client.scatter(job, broadcast=True)
        cut = [list(map(_absolute, part)) for part in parts(images, workers)]
        futures = [client.submit(part_tally, shared, part, pure=False) for part in cut]
        try:
            done = (future.result() for future in distributed.as_completed(futures))
            return _gather(done, len(images), progress)
        except ModuleNotFoundError as error:
            raise FirebrickError(
                f"{address}: its workers lack {error.name!r}; start them in firebrick's folder "
                "with firebrick's Python"
            ) from None
        finally:
            client.cancel(futures)


def _absolute(image: Labelled) -> Labelled:
    return Labelled(image.path.absolute(), image.truth)


def _gather(results: Iterator[Tally], images: int, progress: Progress) -> Tally:
    total = Tally()
    progress.advance(0, images)
    for tally in results:
        total += tally
        progress.advance(total.images, images)
    return total
