"""How well a quantised network does on labelled photographs, and how near to the float network.

Work is cut into parts of some images; a part needs only what it is given, so parts can run in
other processes or on other machines (:mod:`sim.workers`), and their results add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx

from gen.common.errors import FirebrickError
from gen.formats.onnx_float import load_onnx
from gen.formats.read import is_ours, read_quantised
from gen.frames.images import load_frames
from gen.frames.pixel_options import PixelOptions
from gen.ir.activations import decibels
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import UNSAID, Normalisation, Preprocessing
from gen.quantise.activations import signal_and_noise
from gen.quantise.calibrate import run_float
from sim import golden
from sim.labelled import Labelled

BATCH = 4
"""Images that are computed together: all tensors of all of them are in memory."""
TOP = 5
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, eq=False)
class FloatReference:
    """The float network to compare with.

    Attributes
    ----------
    model : bytes
        The ONNX file, for ONNX Runtime.
    graph : FloatGraph
        The same with its input normalisation folded in, for the tensors inside.
    normalisation : Normalisation
    """

    model: bytes
    graph: FloatGraph
    normalisation: Normalisation


@dataclass(frozen=True, eq=False)
class Job:
    """What all parts have in common; ``reference`` is None where there is no float network."""

    network: QuantizedNetwork
    preprocessing: Preprocessing
    reference: FloatReference | None = None


def prepare(network: Path, model: Path | None, pixels: PixelOptions) -> Job:
    """Read the network, and the float network to compare with.

    Parameters
    ----------
    network : Path
        Of a quantised network.
    model : Path or None
        A float ONNX file.
    pixels : PixelOptions
        What ``model`` expects, and how photographs become frames, in place of what the files say.

    Raises
    ------
    FirebrickError
        If one cannot be read, or the two do not belong together.
    """
    quantised = read_quantised(network, UNSAID if model else pixels.said())
    preprocessing = pixels.apply(quantised.preprocessing)
    if model is None:
        if pixels.expected and is_ours(network):
            first = next(iter(pixels.expected))
            raise FirebrickError(
                f"{first} is for a float network or a quantised ONNX file, and {network} says "
                "itself what it expects; leave it out, or name a float network with --float"
            )
        return Job(quantised, preprocessing)
    graph = load_onnx(model)
    if not isinstance(graph, FloatGraph):
        raise FirebrickError(f"{model}: is quantised; --float takes the float network's ONNX file")
    if graph.input_shape != quantised.input.shape or graph.classes != len(quantised.labels):
        raise FirebrickError(
            f"{model}: {graph.input_shape} to {graph.classes} classes, but {network} is "
            f"{quantised.input.shape} to {len(quantised.labels)}; compare networks of one kind"
        )
    normalisation, _ = pixels.normalisation(graph)
    folded = graph.fold_input(normalisation)
    reference = FloatReference(model.read_bytes(), folded, normalisation)
    return Job(quantised, preprocessing, reference)


@dataclass(frozen=True)
class Tally:
    """What was counted over some images; tallies add up.

    Attributes
    ----------
    images : int
    top1, top5 : dict of int
        Images whose class is the likeliest, or one of the five likeliest, by ``"integers"`` and
        ``"float"``.
    agree : int
        Images to which both give the same class.
    signal, noise : dict of float
        By tensor: sums of squares of the float network's real values, and of the integers'
        differences from them.
    """

    images: int = 0
    top1: dict[str, int] = field(default_factory=dict)
    top5: dict[str, int] = field(default_factory=dict)
    agree: int = 0
    signal: dict[str, float] = field(default_factory=dict)
    noise: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.images + other.images,
            _sum(self.top1, other.top1),
            _sum(self.top5, other.top5),
            self.agree + other.agree,
            _sum(self.signal, other.signal),
            _sum(self.noise, other.noise),
        )

    def percent(self, hits: int) -> float:
        """``hits`` as a part of the images, in percent."""
        return 100 * hits / self.images if self.images else 0.0

    def decibels(self) -> dict[str, float]:
        """Signal-to-noise ratio by tensor in dB; infinite where nothing differs."""
        ratios = {name: decibels(self.signal[name], noise) for name, noise in self.noise.items()}
        return {name: ratio for name, ratio in ratios.items() if ratio is not None}


def _sum(a: dict[str, Number], b: dict[str, Number]) -> dict[str, Number]:
    """Sums by name; what only one has stays, be it 0."""
    return {name: a.get(name, 0) + b.get(name, 0) for name in {**a, **b}}


def ranked(scores: np.ndarray) -> np.ndarray:
    """Class indices (N, TOP) by falling scores (N, classes); equal scores keep their order."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]


def measure(job: Job, images: Sequence[Labelled]) -> Tally:
    """Count over a part of the images.

    Raises
    ------
    FirebrickError
        If an image cannot be read, or the float network does not run.
    """
    reference = job.reference
    runtime = None if reference is None else _session(reference.model)
    total = Tally()
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        pixels = load_frames([image.path for image in batch], job.preprocessing.raw)
        frames = job.preprocessing.coded(pixels)
        truth = np.array([image.truth for image in batch])
        if reference is None:
            order = ranked(golden.class_sums(job.network, frames))
            total += Tally(len(batch), *_hits({"integers": order}, truth))
            continue
        codes = golden.run(job.network, frames)
        orders = {
            "integers": ranked(codes[job.network.output.name].reshape(len(batch), -1)),
            "float": ranked(runtime(pixels, reference.normalisation)),  # type: ignore[misc]
        }
        agree = int((orders["integers"][:, 0] == orders["float"][:, 0]).sum())
        ratio = _differences(job.network, codes, reference.graph, pixels)
        total += Tally(len(batch), *_hits(orders, truth), agree, *ratio)
    return total


def _hits(
    orders: dict[str, np.ndarray], truth: np.ndarray
) -> tuple[dict[str, int], dict[str, int]]:
    right = {name: order == truth[:, None] for name, order in orders.items()}
    top1 = {name: int(hits[:, 0].sum()) for name, hits in right.items()}
    return top1, {name: int(hits.sum()) for name, hits in right.items()}


def _differences(
    network: QuantizedNetwork, codes: dict[str, np.ndarray], graph: FloatGraph, frames: np.ndarray
) -> tuple[dict[str, float], dict[str, float]]:
    """Signal and noise of the tensors that both networks have."""
    signal, noise = {}, {}
    for op, real in run_float(graph, frames):
        if op.name in codes and codes[op.name].shape == real.shape:
            tensor = network.tensors[op.name]
            signal[op.name], noise[op.name] = signal_and_noise(tensor, codes[op.name], real)
    return signal, noise


def _session(model: bytes) -> Callable[[np.ndarray, Normalisation], np.ndarray]:
    """ONNX Runtime on a float model, on one thread: frames in, logits (N, classes) out."""
    try:
        import sim.reference as reference
    except ImportError:
        raise FirebrickError(
            "comparing with a float network needs ONNX Runtime; install it (`uv sync`, or "
            "`pip install onnxruntime`), or leave out --float"
        ) from None
    session = reference.session(onnx.load_from_string(model), threads=1)
    return partial(reference.logits, session)
