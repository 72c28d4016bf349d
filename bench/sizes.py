"""Sizes: SqueezeNet v1.1's files against what the SqueezeNet paper has, and what they cost."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.accuracy import Report, Score, evaluation
from gen.common.errors import FirebrickError
from gen.common.progress import Progress, phases
from gen.formats.fbz import load_fbz, save_fbz
from gen.formats.onnx_float import load_onnx
from gen.frames.images import list_images, load_frames
from gen.ir.graph import FloatGraph
from gen.ir.labels import read_labels
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, default_preprocessing
from gen.ir.widths import Widths
from gen.quantise.post_training import quantise
from gen.quantise_to_size import quantise_to_size
from sim import reference
from sim.golden import class_sums

NORMALISATION = Normalisation.preset("imagenet")
LIMITS = (499_900, 470_000)
"""Bytes that files of their own quantisation may take: the paper's half a megabyte, and less."""
WIDTHS = ("8", "4")
"""Widths to compress too, as ``--weight-bits`` takes them."""
SEEDS = (0, 1, 2)
SEEDED_PART = 0.75
"""Part of the calibration images that a seed picks, for the first of the limits."""

PAPER = (
    ("SqueezeNet v1.0, float", 4_800_000, 57.5, 80.3),
    ("SqueezeNet v1.0, Deep Compression, 8 bits", 660_000, 57.5, 80.3),
    ("SqueezeNet v1.0, Deep Compression, 6 bits", 470_000, 57.5, 80.3),
)
"""F. N. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB
model size", 2016, table 2: name, bytes, top-1 and top-5 on all of ImageNet's validation set."""


@dataclass(frozen=True)
class Size:
    """A file's bytes, and its network's accuracy, None where it is not measured here."""

    bytes: int
    score: Score | None = None


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Size]:
    """Quantise, write, read again, measure; print a table, and return sizes by network.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models`` and ``imagenet``.
    limit : int or None
        Use only about this many images.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If it lacks one, or has one that cannot be read or is of another kind than its name says.
    """
    with phases(console, transient=True) as progress:
        sizes = _measure(shared, Report(console, progress), limit)
    console.print(_table(sizes))
    return sizes


@dataclass(frozen=True)
class _Titled:
    """Progress whose phases are told with a title before them."""

    title: str
    whole: Progress

    def begin(self, phase: str) -> None:
        """Begin a phase."""
        self.whole.begin(f"{self.title}: {phase}")

    def advance(self, done: int, total: int) -> None:
        """Tell how much of the phase is done."""
        self.whole.advance(done, total)


@dataclass(frozen=True, eq=False)
class _Setting:
    """A float network, and photographs to quantise and to measure with."""

    graph: FloatGraph
    labels: tuple[str, ...]
    calibration: np.ndarray
    frames: np.ndarray
    truth: np.ndarray
    report: Report

    def fixed(self, width: str) -> Size:
        """Weights of fixed widths, compressed afterwards."""
        network = quantise(
            self.graph,
            self.calibration,
            normalisation=NORMALISATION,
            weight_bits=Widths.parse(width).of(self.graph),
            rounding="gptq",
            labels=self.labels,
        )
        return self._measured(network, f"{width} bits")

    def limited(self, limit: int, calibration: np.ndarray) -> Size:
        """Weights for an entropy coder, of a file of at most ``limit`` bytes."""
        name = f"{limit} bytes"
        network = quantise_to_size(
            self.graph,
            calibration,
            limit,
            normalisation=NORMALISATION,
            labels=self.labels,
            progress=_Titled(name, self.report.progress),
        )
        return self._measured(network, name)

    def _measured(self, network: QuantizedNetwork, name: str) -> Size:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.fbz"
            taken = save_fbz(network, path)
            back = load_fbz(path)
        got = self.report.score(name, lambda x: class_sums(back, x), self.frames, self.truth)
        return Size(taken, got[name])


def _measure(shared: Path, report: Report, limit: int | None) -> dict[str, Size]:
    model, imagenet = shared / "models" / "squeezenet1.1.onnx", shared / "imagenet"
    graph = load_onnx(model)
    if not isinstance(graph, FloatGraph):
        raise FirebrickError(f"{model}: expected the float network")
    preprocessing = default_preprocessing(*graph.input_shape[:2])
    calibration = load_frames(list_images(imagenet / "calibration"), preprocessing)
    frames, truth = evaluation(imagenet, preprocessing, limit)
    labels = read_labels(imagenet / "synset_words.txt").names
    setting = _Setting(graph, labels, calibration, frames, truth, report)
    runtime = reference.session(model)
    got = report.score(
        "float", lambda x: reference.logits(runtime, x, NORMALISATION), frames, truth
    )
    sizes = {"float, ONNX": Size(model.stat().st_size, got["float"])}
    for width in WIDTHS:
        sizes[f"{width} bits, .fbz"] = setting.fixed(width)
    for most in LIMITS:
        sizes[f"at most {most} bytes, .fbz"] = setting.limited(most, calibration)
    for seed in SEEDS:
        picks = np.random.default_rng(seed).permutation(len(calibration))
        part = calibration[picks[: round(SEEDED_PART * len(calibration))]]
        name = f"at most {LIMITS[0]} bytes, {len(part)} calibration images, seed {seed}"
        sizes[name] = setting.limited(LIMITS[0], part)
    return sizes


def _table(sizes: dict[str, Size]) -> Table:
    table = Table("network", "bytes", "of float", "top-1 %", "top-5 %", "against float")
    table.title, table.title_justify = "SqueezeNet v1.1, all 1000 classes", "left"
    first = next(iter(sizes.values()))
    for name, size in sizes.items():
        cells = ["", "", ""]
        if size.score is not None and first.score is not None:
            got, base = size.score, first.score
            against = "" if got is base else f"{got.top1 - base.top1:+.2f}"
            cells = [f"{got.top1:.2f}", f"{got.top5:.2f}", against]
        table.add_row(name, str(size.bytes), f"{size.bytes / first.bytes:.1%}", *cells)
    table.add_section()
    for name, taken, top1, top5 in PAPER:
        part = f"{taken / PAPER[0][1]:.1%}"
        table.add_row(f"paper: {name}", str(taken), part, str(top1), str(top5), "")
    return table
