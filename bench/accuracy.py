"""Accuracy: the integers against the float networks they come from, on real photographs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.choice import ALL, chosen
from boards import BOARDS
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress, phases
from gen.compile import Request, compile_network
from gen.formats.deep_compression import load_compressed
from gen.formats.default import default_network
from gen.formats.onnx_float import load_onnx
from gen.frames.images import list_images, load_frames, load_tar
from gen.frames.pixel_options import PixelOptions
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, Preprocessing, default_preprocessing
from gen.ir.widths import Widths
from gen.plan.planner import Goal
from gen.quantise.calibrate import float_logits
from gen.quantise.post_training import quantise
from sim import reference
from sim.golden import class_sums

BATCH = 16
VERSIONS = {"1.1": "imagenet", "1.0": "caffe"}
"""SqueezeNet's versions, and how the input of their float files is normalised."""

WIDTHS = {"1.1": ("8", "4", "4,conv10=3", "4c", "3", "3c"), "1.0": ("8",)}
"""Widths of weights to measure, as ``--weight-bits`` takes them."""
SEEDED = ("8", "4", "3c")
"""Of SqueezeNet v1.1's widths, those to measure with other calibration images too."""
SEEDS = (0, 1, 2)
SEEDED_PART = 0.75
"""Part of the calibration images that a seed picks."""
FITTED = "arty_a7"
"""The board that SqueezeNet v1.1 is fitted to, with all of the images and by seeds."""

FLOAT = "float"

DEFAULT_FLOAT = Path("build") / "default_float.onnx"
"""Where the training leaves the float default network, if it was run here."""


@dataclass(frozen=True)
class Score:
    """Top-1 and top-5 accuracy in percent, over how many images, at how many images/s."""

    top1: float
    top5: float
    images: int
    rate: float


def score(
    run_batch: Callable[[np.ndarray], np.ndarray],
    frames: np.ndarray,
    truth: np.ndarray,
    *,
    progress: Progress = SILENT,
) -> Score:
    """Accuracy of a function from frames to class scores; equal scores go to the lower class.

    Parameters
    ----------
    run_batch : callable
        Class scores (N, classes) of frames; called with :data:`BATCH` or fewer.
    frames : uint8 array (N, H, W, 3)
    truth : integer array (N,)
        Their class indices.
    progress : Progress
    """
    hits1 = hits5 = 0
    start = time.perf_counter()
    for first in range(0, len(frames), BATCH):
        batch = slice(first, first + BATCH)
        order = np.argsort(-run_batch(frames[batch]), axis=1, kind="stable")
        right = order[:, :5] == truth[batch, None]
        hits1 += int(right[:, 0].sum())
        hits5 += int(right.sum())
        progress.advance(first + len(right), len(frames))
    rate = len(frames) / (time.perf_counter() - start)
    return Score(100 * hits1 / len(frames), 100 * hits5 / len(frames), len(frames), rate)


@dataclass(frozen=True)
class Report:
    """Where scores are told as they come, how far the work is, and what is scored at all."""

    console: Console
    progress: Progress
    only: Sequence[str] = ALL

    def wants(self, title: str) -> bool:
        """Whether the network of this title is to be measured."""
        return chosen(title, self.only)

    def score(
        self,
        title: str,
        run_batch: Callable[[np.ndarray], np.ndarray],
        frames: np.ndarray,
        truth: np.ndarray,
    ) -> dict[str, Score]:
        """Do what :func:`score` does and tell it, if it is wanted; the score by its title, or none.

        Parameters
        ----------
        title : str
        run_batch, frames, truth : callable, uint8 array (N, H, W, 3), integer array (N,)
            As for :func:`score`.
        """
        if not self.wants(title):
            return {}
        self.progress.begin(title)
        got = score(run_batch, frames, truth, progress=self.progress)
        self.console.print(f"{title}: {got.top1:.2f} / {got.top5:.2f}", soft_wrap=True)
        return {title: got}


def evaluation(
    imagenet: Path, preprocessing: Preprocessing, limit: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Frames and class indices of the evaluation photographs, or of some spread evenly.

    Parameters
    ----------
    imagenet : path
        Folder with ``evaluation_labels.txt`` and the photographs in ``evaluation``.
    preprocessing : Preprocessing
    limit : int or None
        Take about this many; all if None.

    Returns
    -------
    frames : uint8 array (N, H, W, 3)
    truth : integer array (N,)

    Raises
    ------
    FileNotFoundError
        If there is no list of labels.
    FirebrickError
        If a photograph is missing or cannot be read.
    """
    lines = (imagenet / "evaluation_labels.txt").read_text().split("\n")
    entries = [line.rsplit(" ", 1) for line in lines if line]
    if limit is not None and limit < len(entries):
        entries = [entries[i * len(entries) // limit] for i in range(limit)]
    frames = load_frames([imagenet / "evaluation" / name for name, _ in entries], preprocessing)
    return frames, np.array([int(index) for _, index in entries])


def _float_network(
    shared: Path, version: str, report: Report, limit: int | None
) -> dict[str, Score]:
    """A float SqueezeNet: by ONNX Runtime, and quantised after training to several widths."""
    model, imagenet = shared / "models" / f"squeezenet{version}.onnx", shared / "imagenet"
    graph = load_onnx(model)
    if not isinstance(graph, FloatGraph):
        raise FirebrickError(f"{model}: expected the float network")
    normalisation = Normalisation.preset(VERSIONS[version])
    frames, truth = evaluation(imagenet, default_preprocessing(*graph.input_shape[:2]), limit)
    runtime = reference.session(model)
    title = f"SqueezeNet v{version}"
    scores = report.score(
        f"{title}, {FLOAT}", lambda x: reference.logits(runtime, x, normalisation), frames, truth
    )
    with TemporaryDirectory() as scratch:
        for note, request in _requests(model, version, imagenet / "calibration", Path(scratch)):
            name = f"{title}, {note}"
            if report.wants(name):
                network = compile_network(request, progress=report.progress)
                scores |= report.score(name, partial(class_sums, network), frames, truth)
    return scores


def _requests(
    model: Path, version: str, photographs: Path, scratch: Path
) -> Iterator[tuple[str, Request]]:
    """What users could ask for, and in words."""
    ways: dict[str, dict[str, Any]] = {
        f"--weight-bits {w}": {"weight_bits": Widths.parse(w)} for w in WIDTHS[version]
    }
    seeded = []
    if version == "1.1":
        ways[f"--board {FITTED}"] = {"capacity": Goal(BOARDS[FITTED])}
        seeded = [*(f"--weight-bits {width}" for width in SEEDED), f"--board {FITTED}"]
    ask = partial(Request, model, pixels=PixelOptions(preprocess=VERSIONS[version]))
    for note, asked in ways.items():
        yield note, ask(calibrate=photographs, **asked)
    for seed in SEEDS if seeded else ():
        part = scratch / str(seed)
        count = link_part(photographs, part, seed)
        for note in seeded:
            title = f"{note}, {count} calibration images, seed {seed}"
            yield title, ask(calibrate=part, **ways[note])


def link_part(photographs: Path, folder: Path, seed: int) -> int:
    """Make a folder of links to some of another's images, which a seed picks; returns how many.

    Parameters
    ----------
    photographs : path
        The folder with the images.
    folder : path
        Where the links go; must not be there yet.
    seed : int

    Raises
    ------
    FirebrickError
        If there is no folder of images.
    """
    paths = list_images(photographs)
    picks = np.random.default_rng(seed).permutation(len(paths))
    picks = picks[: round(SEEDED_PART * len(paths))]
    folder.mkdir()
    for index in picks:
        (folder / paths[index].name).symlink_to(paths[index].resolve())
    return len(picks)


def _quantised_network(
    shared: Path, version: str, report: Report, limit: int | None
) -> dict[str, Score]:
    """A QDQ file taken as it is, by ONNX Runtime and in our integers."""
    model = shared / "models" / f"squeezenet{version}_u8in_int8_qdq.onnx"
    network = load_onnx(model)
    if not isinstance(network, QuantizedNetwork):
        raise FirebrickError(f"{model}: expected a quantised network")
    frames, truth = evaluation(shared / "imagenet", network.preprocessing, limit)
    runtime, raw = reference.session(model), Normalisation.preset("raw")
    title = f"SqueezeNet v{version} QDQ file"
    return report.score(
        f"{title}, ONNX Runtime", lambda x: reference.logits(runtime, x, raw), frames, truth
    ) | report.score(f"{title}, firebrick", partial(class_sums, network), frames, truth)


def _compressed_network(shared: Path, report: Report, limit: int | None) -> dict[str, Score]:
    """The Deep Compression authors' SqueezeNet v1.0: in float, and with their codes kept."""
    title = "Deep Compression SqueezeNet v1.0"
    codes = f"{title}, codes kept, firebrick"
    graph = load_compressed(shared / "models" / "compressed_SqueezeNet.net")
    normalisation = Normalisation.from_metadata(graph.metadata) or Normalisation()
    preprocessing = default_preprocessing(*graph.input_shape[:2])
    frames, truth = evaluation(shared / "imagenet", preprocessing, limit)
    folded = graph.fold_input(normalisation)
    scores = report.score(f"{title}, {FLOAT}", lambda x: float_logits(folded, x), frames, truth)
    if report.wants(codes):
        calibration = load_frames(list_images(shared / "imagenet" / "calibration"), preprocessing)
        network = quantise(graph, calibration, normalisation=normalisation, rounding="shared")
        scores |= report.score(codes, partial(class_sums, network), frames, truth)
    return scores


def _embedded_network(shared: Path, report: Report, limit: int | None) -> dict[str, Score]:
    """The default network on CIFAR-10's test set; in float too where its float file is present."""
    network = default_network()
    frames, names = load_tar(shared / "cifar10" / "test.tar", network.preprocessing, limit)
    truth = np.array([network.labels.index(name) for name in names])
    title = "default network, CIFAR-10"
    scores = report.score(f"{title}, firebrick", partial(class_sums, network), frames, truth)
    if DEFAULT_FLOAT.is_file():
        graph = load_onnx(DEFAULT_FLOAT)
        normalisation = Normalisation.from_metadata(graph.metadata)  # type: ignore[union-attr]
        runtime = reference.session(DEFAULT_FLOAT)
        scores |= report.score(
            f"{title}, {FLOAT}",
            lambda x: reference.logits(runtime, x, normalisation or Normalisation()),
            frames,
            truth,
        )
    return scores


def run(
    console: Console, shared: Path, limit: int | None = None, only: Sequence[str] = ALL
) -> dict[str, Score]:
    """Measure, print a table, and return the scores by network.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models``, ``imagenet`` and ``cifar10``.
    limit : int or None
        Use only about this many images of each set.
    only : sequence of str
        Patterns of the titles of networks to measure.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If no title matches, the folder lacks a file, or has one that cannot be read or is of
        another kind than its name says.
    """
    scores: dict[str, Score] = {}
    with phases(console, transient=True) as progress:
        report = Report(console, progress, only)
        scores |= _embedded_network(shared, report, limit)
        for version in VERSIONS:
            scores |= _float_network(shared, version, report, limit)
            scores |= _quantised_network(shared, version, report, limit)
        scores |= _compressed_network(shared, report, limit)
    if not scores:
        raise FirebrickError(
            f"no network's title matches {' or '.join(only)!r}; `--only '*'` is all"
        )
    console.print(_table(scores))
    return scores


def _table(scores: dict[str, Score]) -> Table:
    table = Table("network", "top-1 %", "top-5 %", "against float", "images", "images/s")
    table.title = "accuracy"
    floats = {n.removesuffix(f", {FLOAT}"): s for n, s in scores.items() if n.endswith(FLOAT)}
    for name, got in scores.items():
        own = max((title for title in floats if name.startswith(title)), key=len, default=None)
        base = None if own is None or floats[own] is got else floats[own]
        against = f"{got.top1 - base.top1:+.2f} {got.top5 - base.top5:+.2f}" if base else ""
        table.add_row(
            name, f"{got.top1:.2f}", f"{got.top5:.2f}", against, str(got.images), f"{got.rate:.1f}"
        )
    return table
