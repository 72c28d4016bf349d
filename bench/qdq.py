"""QDQ: exported networks in ONNX Runtime against the golden model, image by image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.accuracy import BATCH, evaluation
from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress, phases
from gen.formats.default import default_network
from gen.formats.onnx_float import load_onnx
from gen.formats.qdq_export import to_qdq
from gen.frames.images import list_images, load_frames, load_tar
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, default_preprocessing
from gen.quantise.post_training import quantise
from sim import reference
from sim.golden import class_sums

GOAL = 99.5
"""Images in percent that must get the same class."""


@dataclass(frozen=True)
class Agreement:
    """How many images get the same class, and how many all class sums, in percent."""

    same_class: float
    same_sums: float
    images: int


def compare(
    network: QuantizedNetwork, frames: np.ndarray, optimise: bool, *, progress: Progress = SILENT
) -> Agreement:
    """Run the exported file and the golden model.

    Parameters
    ----------
    network : QuantizedNetwork
    frames : uint8 array (N, H, W, 3)
    optimise : bool
        Whether ONNX Runtime may fuse nodes to integer kernels.
    progress : Progress
        Told images done and in all.
    """
    runtime = reference.session(to_qdq(network), optimise=optimise)
    classes = sums = 0
    for first in range(0, len(frames), BATCH):
        batch = frames[first : first + BATCH]
        expected = class_sums(network, batch)
        fed = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
        logits = runtime.run(None, {"image": fed})[0]
        classes += int((logits.argmax(axis=1) == expected.argmax(axis=1)).sum())
        got = np.rint(logits / network.output.scale)
        sums += int((got == expected).all(axis=1).sum())
        progress.advance(first + len(batch), len(frames))
    count = len(frames)
    return Agreement(100 * classes / count, 100 * sums / count, count)


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Agreement]:
    """Compare the default network and SqueezeNet v1.1 in 8 bits; print a table.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models``, ``imagenet`` and ``cifar10``.
    limit : int or None
        Use only about this many images of each set.

    Raises
    ------
    FileNotFoundError
        If the folder lacks a file.
    FirebrickError
        If it lacks one, or has one that cannot be read or is of another kind than its name says.
    """
    found = {}
    with phases(console, transient=True) as progress:
        for name, (network, frames) in _cases(shared, limit).items():
            for optimise in (False, True):
                title = f"{name}, {'optimised' if optimise else 'as written'}"
                progress.begin(title)
                found[title] = compare(network, frames, optimise, progress=progress)
    console.print(_table(found))
    return found


def _cases(shared: Path, limit: int | None) -> dict[str, tuple[QuantizedNetwork, np.ndarray]]:
    default = default_network()
    pictures, _ = load_tar(shared / "cifar10" / "test.tar", default.preprocessing, limit)
    imagenet, model = shared / "imagenet", shared / "models" / "squeezenet1.1.onnx"
    graph = load_onnx(model)
    if not isinstance(graph, FloatGraph):
        raise FirebrickError(f"{model}: expected the float network")
    preprocessing = default_preprocessing(*graph.input_shape[:2])
    calibration = load_frames(list_images(imagenet / "calibration"), preprocessing)
    normalisation = Normalisation.preset("imagenet")
    large = quantise(graph, calibration, normalisation=normalisation, rounding="gptq")
    frames, _ = evaluation(imagenet, preprocessing, limit)
    return {"default": (default, pictures), "v1.1, 8 bits": (large, frames)}


def _table(found: dict[str, Agreement]) -> Table:
    table = Table("network, ONNX Runtime", "same class %", "all sums equal %", "images")
    table.title = f"exported to QDQ, against the golden model (wanted: {GOAL} %)"
    for name, got in found.items():
        table.add_row(name, f"{got.same_class:.2f}", f"{got.same_sums:.2f}", str(got.images))
    return table
