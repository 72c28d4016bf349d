"""Parts of a measurement on many cores: in processes here, or in a Dask cluster's workers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from gen.common.progress import SILENT, Progress
from gen.common.workers import find_workers
from sim.accuracy import Job, Tally, measure
from sim.labelled import Labelled

PART = 32
"""Images in a part: enough to make up for handing over the network."""


def parts(images: Sequence[Labelled], workers: int) -> list[Sequence[Labelled]]:
    """Cut images into parts, of one size but the last, at least one for each worker."""
    size = max(1, min(PART, -(-len(images) // max(workers, 1))))
    return [images[start : start + size] for start in range(0, len(images), size)]


def run_parts(
    job: Job,
    images: Sequence[Labelled],
    scheduler: str | None,
    processes: int | None,
    *,
    progress: Progress = SILENT,
) -> Tally:
    """Measure in a cluster where a scheduler is given, else in processes.

    A cluster's workers need the images under the same paths as here.

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
        As :func:`gen.common.workers.find_workers` and :func:`sim.accuracy.measure` do.
    """
    with find_workers(processes, scheduler, "--processes") as workers:
        cut = [list(map(_absolute, part)) for part in parts(images, workers.count)]
        with closing(workers.results(measure, job, cut)) as tallies:
            return _gather(tallies, len(images), progress)


def _absolute(image: Labelled) -> Labelled:
    return Labelled(image.path.absolute(), image.truth)


def _gather(results: Iterable[Tally], images: int, progress: Progress) -> Tally:
    total = Tally()
    progress.advance(0, images)
    for tally in results:
        total += tally
        progress.advance(total.images, images)
    return total
