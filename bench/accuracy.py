"""Accuracy: the integers against the float networks they come from, on real photographs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from gen.classes import read_labels
from gen.default import default_network
from gen.errors import FirebrickError
from gen.graph import FloatGraph
from gen.images import Normalisation, default_preprocessing, list_images, load_frames, load_tar
from gen.importer import load_onnx
from gen.network import Preprocessing, QuantizedNetwork
from gen.quantise import quantise
from sim import reference
from sim.golden import class_sums

BATCH = 16
VERSIONS = {"1.1": "imagenet", "1.0": "caffe"}
"""SqueezeNet's versions, and how the input of their float files is normalised."""

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
    progress: Progress,
    title: str,
) -> Score:
    """Accuracy of a function from frames to class scores; equal scores go to the lower class."""
    task = progress.add_task(title, total=len(frames))
    hits1 = hits5 = 0
    start = time.perf_counter()
    for first in range(0, len(frames), BATCH):
        batch = slice(first, first + BATCH)
        order = np.argsort(-run_batch(frames[batch]), axis=1, kind="stable")
        right = order[:, :5] == truth[batch, None]
        hits1 += int(right[:, 0].sum())
        hits5 += int(right.sum())
        progress.advance(task, len(right))
    rate = len(frames) / (time.perf_counter() - start)
    return Score(100 * hits1 / len(frames), 100 * hits5 / len(frames), len(frames), rate)


def evaluation(
    imagenet: Path, preprocessing: Preprocessing, limit: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Frames and class indices of the evaluation photographs, or of some spread evenly."""
    lines = (imagenet / "evaluation_labels.txt").read_text().split("\n")
    entries = [line.rsplit(" ", 1) for line in lines if line]
    if limit is not None and limit < len(entries):
        entries = [entries[i * len(entries) // limit] for i in range(limit)]
    frames = load_frames([imagenet / "evaluation" / name for name, _ in entries], preprocessing)
    return frames, np.array([int(index) for _, index in entries])


def float_network(
    shared: Path, version: str, progress: Progress, limit: int | None
) -> dict[str, Score]:
    """A float SqueezeNet: by ONNX Runtime, and quantised after training to 8 bits."""
    model, imagenet = shared / "models" / f"squeezenet{version}.onnx", shared / "imagenet"
    graph = load_onnx(model)
    if not isinstance(graph, FloatGraph):
        raise FirebrickError(f"{model}: expected the float network")
    normalisation = Normalisation.preset(VERSIONS[version])
    preprocessing = default_preprocessing(*graph.input_shape[:2])
    calibration = load_frames(list_images(imagenet / "calibration"), preprocessing)
    task = progress.add_task(f"v{version} calibration", total=len(calibration))
    network = quantise(
        graph,
        calibration,
        normalisation=normalisation,
        labels=read_labels(imagenet / "synset_words.txt"),
        progress=lambda done, total: progress.update(task, completed=done),
    )
    frames, truth = evaluation(imagenet, preprocessing, limit)
    runtime = reference.session(model)
    title = f"SqueezeNet v{version}"
    return {
        f"{title}, float, ONNX Runtime": score(
            lambda x: reference.logits(runtime, x, normalisation), frames, truth, progress, "float"
        ),
        f"{title}, 8 bits, firebrick": score(
            lambda x: class_sums(network, x), frames, truth, progress, "8 bits"
        ),
    }


def quantised_network(
    shared: Path, version: str, progress: Progress, limit: int | None
) -> dict[str, Score]:
    """A QDQ file taken as it is, by ONNX Runtime and in our integers."""
    model = shared / "models" / f"squeezenet{version}_u8in_int8_qdq.onnx"
    network = load_onnx(model)
    if not isinstance(network, QuantizedNetwork):
        raise FirebrickError(f"{model}: expected a quantised network")
    frames, truth = evaluation(shared / "imagenet", network.preprocessing, limit)
    runtime, raw = reference.session(model), Normalisation.preset("raw")
    title = f"SqueezeNet v{version} QDQ file"
    return {
        f"{title}, ONNX Runtime": score(
            lambda x: reference.logits(runtime, x, raw), frames, truth, progress, "QDQ reference"
        ),
        f"{title}, firebrick": score(
            lambda x: class_sums(network, x), frames, truth, progress, "QDQ integers"
        ),
    }


def embedded_network(shared: Path, progress: Progress, limit: int | None) -> dict[str, Score]:
    """The default network on CIFAR-10's test set; in float too where its float file is present."""
    network = default_network()
    frames, names = load_tar(shared / "cifar10" / "test.tar", network.preprocessing, limit)
    truth = np.array([network.labels.index(name) for name in names])
    title, scores = "default network, CIFAR-10", {}
    if DEFAULT_FLOAT.is_file():
        graph = load_onnx(DEFAULT_FLOAT)
        normalisation = Normalisation.from_metadata(graph.metadata)  # type: ignore[union-attr]
        runtime = reference.session(DEFAULT_FLOAT)
        scores[f"{title}, float, ONNX Runtime"] = score(
            lambda x: reference.logits(runtime, x, normalisation or Normalisation()),
            frames, truth, progress, "default, float",
        )  # fmt: skip
    bits = network.convs[0].weight_bits
    scores[f"{title}, {bits} bits, firebrick"] = score(
        lambda x: class_sums(network, x), frames, truth, progress, "default, integers"
    )
    return scores


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Score]:
    """Measure, print a table, and return the scores by network.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models``, ``imagenet`` and ``cifar10``.
    limit : int or None
        Use only about this many images of each set.

    Raises
    ------
    FirebrickError
        If the folder lacks a file.
    """
    scores: dict[str, Score] = {}
    try:
        with Progress(console=console, transient=True) as progress:
            scores |= embedded_network(shared, progress, limit)
            for version in VERSIONS:
                scores |= float_network(shared, version, progress, limit)
                scores |= quantised_network(shared, version, progress, limit)
    except FileNotFoundError as error:
        raise FirebrickError(f"{error.filename}: missing; accuracy needs it") from None
    table = Table("network", "top-1 %", "top-5 %", "images", "images/s", title="accuracy")
    for name, got in scores.items():
        table.add_row(
            name, f"{got.top1:.2f}", f"{got.top5:.2f}", str(got.images), f"{got.rate:.1f}"
        )
    console.print(table)
    return scores
