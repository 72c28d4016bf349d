"""Coding: bytes of coded photographs, and what larger steps cost in accuracy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.accuracy import BATCH, VERSIONS, evaluation
from gen.common.progress import SILENT, Progress, phases
from gen.compile import Request, compile_network
from gen.formats.default import default_network
from gen.frames.images import load_tar
from gen.frames.pixel_options import PixelOptions
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation
from gen.ir.widths import Widths
from gen.plan.link import line_bytes
from protocol.coding.encode import coded_bytes
from protocol.coding.levels import to_levels, to_pixels
from protocol.coding.rules import Steps
from sim import reference
from sim.golden import class_sums

VERSION = "1.1"
"""Of SqueezeNet."""
WIDTHS = ("8", "4")
"""Of its weights, as ``--weight-bits`` takes them."""
FLOAT = "float"
DEFAULT = "4 and 6"
"""What the default's weights have."""
Classifier = Callable[[np.ndarray], np.ndarray]
"""Class scores (N, classes) of frames, a uint8 array (N, H, W, C)."""
STEPS = (
    Steps(),
    *(Steps(1, chroma) for chroma in (2, 4, 8)),
    *(Steps(2, chroma) for chroma in (2, 4, 8)),
    *(Steps(4, chroma) for chroma in (4, 8)),
    Steps(8, 8),
)
MILD = STEPS[:3]
"""Those that the default, and photographs of other sizes and without colours, are coded with."""
RAW = "raw"
SMALLER = 7
"""From 224x224 to 32x32 pixels."""
LINE = 100_000_000
"""Bits a second of the line that frames are told for."""


@dataclass(frozen=True)
class Mode:
    """What became of the photographs in one mode.

    Attributes
    ----------
    size : float
        Bytes of a frame on average.
    rate : float
        Frames a second over the line.
    top1, same : dict of float
        By the weights, percent of the photographs that get the right class, and that get
        the same one as raw.
    images : int
    """

    size: float
    rate: float
    top1: dict[str, float]
    same: dict[str, float]
    images: int


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Code photographs in all modes, classify what is decoded, and print tables.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models``, ``imagenet`` and ``cifar10``.
    limit : int or None
        Use only about this many photographs of each set.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If it has one that cannot be read.
    """
    with phases(console, transient=True) as progress:
        networks = {width: squeezenet(shared, width, progress) for width in WIDTHS}
        preprocessing = networks[WIDTHS[0]].preprocessing
        frames, truth = evaluation(shared / "imagenet", preprocessing, limit)
        classifiers = {FLOAT: _float(shared)} | {
            f"{width} bits": partial(class_sums, network) for width, network in networks.items()
        }
        modes = measure(classifiers, frames, truth, progress)
        small = _default(shared, limit, progress)
    console.print(_table(modes, f"SqueezeNet v{VERSION}"))
    console.print(_table(small, "default network"))
    parts = typical(frames)
    console.print(_typical_table(parts))
    return {"modes": modes, "default": small, "typical": parts}


def _float(shared: Path) -> Classifier:
    """The float network in ONNX Runtime."""
    runtime = reference.session(shared / "models" / f"squeezenet{VERSION}.onnx")
    return partial(reference.logits, runtime, normalisation=Normalisation.preset(VERSIONS[VERSION]))


def _default(shared: Path, limit: int | None, progress: Progress) -> dict[str, Mode]:
    """What becomes of small photographs, with steps that are to keep their classes.

    Parameters
    ----------
    shared : path
    limit : int or None
    progress : Progress
    """
    network = default_network()
    frames, names = load_tar(shared / "cifar10" / "test.tar", network.preprocessing, limit)
    truth = np.array([network.labels.index(name) for name in names])
    return measure({f"{DEFAULT} bits": partial(class_sums, network)}, frames, truth, progress, MILD)


def typical(frames: np.ndarray) -> dict[str, dict[str, float]]:
    """Part of photographs' bytes that is left of them coded, by their size and then by steps.

    As they are and :data:`SMALLER` times smaller, in colour and in grey.

    Parameters
    ----------
    frames : uint8 array (N, H, W, 3)
    """
    count, height, width, colours = frames.shape
    rows, columns = height // SMALLER, width // SMALLER
    whole = frames[:, : rows * SMALLER, : columns * SMALLER]
    tiles = whole.reshape(count, rows, SMALLER, columns, SMALLER, colours)
    small = np.rint(tiles.mean(axis=(2, 4))).astype(np.uint8)
    found = {}
    for colour in (frames, small):
        grey = np.rint(colour.mean(axis=3, keepdims=True)).astype(np.uint8)
        for kind, group in (("colour", colour), ("grey", grey)):
            name = f"{group.shape[1]}x{group.shape[2]}, {kind}"
            found[name] = {title(s): _part(group, s) for s in MILD}
    return found


def _part(frames: np.ndarray, steps: Steps) -> float:
    """Of the bytes of frames, what is left of them coded."""
    sizes = [coded_bytes(to_levels(frame, steps)) for frame in frames]
    return float(np.mean(sizes)) / frames[0].size


def squeezenet(shared: Path, width: str, progress: Progress = SILENT) -> QuantizedNetwork:
    """SqueezeNet with weights of some width.

    Parameters
    ----------
    shared : path
        Folder with ``models`` and ``imagenet``.
    width : str
        As ``--weight-bits`` takes it.
    progress : Progress
    """
    request = Request(
        shared / "models" / f"squeezenet{VERSION}.onnx",
        calibrate=shared / "imagenet" / "calibration",
        pixels=PixelOptions(preprocess=VERSIONS[VERSION]),
        weight_bits=Widths.parse(width),
    )
    return compile_network(request, progress=progress)


def measure(
    networks: Mapping[str, Classifier],
    frames: np.ndarray,
    truth: np.ndarray,
    progress: Progress,
    choices: Sequence[Steps] = STEPS,
) -> dict[str, Mode]:
    """What becomes of frames in each mode.

    Parameters
    ----------
    networks : mapping of Classifier
        By their name in the table.
    frames : uint8 array (N, H, W, C)
    truth : integer array (N,)
        Their class indices.
    progress : Progress
    choices : sequence of Steps
    """
    raw = _classes(networks, frames, RAW, progress)
    modes = {RAW: _mode(raw, raw, truth, float(frames[0].size))}
    for steps in choices:
        name = title(steps)
        coded = [to_levels(frame, steps) for frame in frames]
        decoded = np.stack([to_pixels(levels, steps) for levels in coded])
        same = np.array_equal(decoded, frames)
        classes = raw if same else _classes(networks, decoded, name, progress)
        size = float(np.mean([coded_bytes(levels) for levels in coded]))
        modes[name] = _mode(classes, raw, truth, size)
    return modes


def title(steps: Steps) -> str:
    """What steps are called in the table."""
    if steps.lossless:
        return "lossless"
    return f"step {steps.luma}" + (f", chroma {steps.chroma}" if steps.chroma != steps.luma else "")


def _classes(
    networks: Mapping[str, Classifier], frames: np.ndarray, name: str, progress: Progress
) -> dict[str, np.ndarray]:
    """The class of each frame, by network."""
    classes = {}
    for width, scores in networks.items():
        progress.begin(f"{name}, {width}")
        parts = []
        for first in range(0, len(frames), BATCH):
            parts.append(scores(frames[first : first + BATCH]).argmax(axis=1))
            progress.advance(min(first + BATCH, len(frames)), len(frames))
        classes[width] = np.concatenate(parts)
    return classes


def _mode(
    classes: dict[str, np.ndarray], raw: dict[str, np.ndarray], truth: np.ndarray, size: float
) -> Mode:
    """A mode's figures.

    Parameters
    ----------
    classes, raw : dict of arrays
        Classes in this mode and of raw frames, by network.
    truth : integer array
    size : float
        Bytes of a frame.
    """

    def percent(right: Callable[[str], np.ndarray]) -> dict[str, float]:
        return {width: 100 * float(right(width).mean()) for width in classes}

    return Mode(
        size,
        LINE / 8 / line_bytes(round(size)),
        percent(lambda width: classes[width] == truth),
        percent(lambda width: classes[width] == raw[width]),
        len(truth),
    )


def _typical_table(parts: dict[str, dict[str, float]]) -> Table:
    table = Table("photographs", *next(iter(parts.values())), title="part of the bytes left")
    for name, left in parts.items():
        table.add_row(name, *(f"{part:.3f}" for part in left.values()))
    return table


def _table(modes: dict[str, Mode], network: str) -> Table:
    widths = next(iter(modes.values())).top1
    heads = [f"{what}, {width}" for width in widths for what in ("top-1 %", "same %")]
    table = Table("coding", "bytes a frame", "frames/s at 100 Mb/s", *heads, "images")
    table.title = f"coding, {network}"
    for name, mode in modes.items():
        figures = [
            f"{value:.2f}" for width in widths for value in (mode.top1[width], mode.same[width])
        ]
        table.add_row(name, f"{mode.size:,.0f}", f"{mode.rate:.0f}", *figures, str(mode.images))
    return table
