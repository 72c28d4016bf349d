"""Get a quantised network from whatever the user names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from gen.common.errors import FirebrickError
from gen.common.progress import SILENT, Progress
from gen.formats.family import Family
from gen.formats.input_size import Size
from gen.formats.read import is_deep_compression, is_ours, read_model
from gen.formats.remote import fetched, is_remote
from gen.frames.images import list_images, load_frames
from gen.frames.pixel_options import PixelOptions
from gen.ir.envelope import in_envelope
from gen.ir.graph import FloatGraph
from gen.ir.labels import ClassNames, choose_labels, read_labels
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, Preprocessing
from gen.ir.widths import Width, Widths, describe
from gen.nodes.graph import Graph
from gen.nodes.outline import check_hardware
from gen.quantise.activations import measure_activations
from gen.quantise.matching import matched
from gen.quantise.post_training import quantise
from gen.quantise.sensitivity import choose_bits, measure, weight_memory
from gen.quantise_to_size import quantise_to_size

CALIBRATION_IMAGES = 256
"""Images that are used of a larger calibration folder."""
MEASURED_IMAGES = 32
"""Images that are used of it where a network is quantised already, and only measured."""
PARTS = (0.99, 0.96, 0.92, 0.88, 0.84, 0.8, 0.75, 0.7, 0.65, 0.6)
"""Parts of a board's memory that weights may get where firebrick chooses their bits: small ones go
into LUTs, and buffers need some of the rest."""


class Capacity(Protocol):
    """What a network has to find room in."""

    @property
    def memory_bits(self) -> int:
        """Bits of memory; weights get a part of them."""

    def holds(self, network: QuantizedNetwork) -> bool:
        """Whether there is room for a network, weights and buffers."""


@dataclass(frozen=True)
class Request:
    """What the user asked for.

    Attributes
    ----------
    model : Path or None
        ONNX, Deep Compression or network file; the embedded default if None.
    calibrate : Path or None
        Folder of images; needed for float models. Of others, activations are measured on some.
    weight_bits : Widths or None
        8 unless given; only for float models. A Deep Compression file keeps its shared weights
        unless widths are given.
    memory_budget : int or None
        Bits that all weights together may take; layers get the widths that lose least. Only for
        float models.
    capacity : Capacity or None
        Of the board: weights get the largest part of its memory, of :data:`PARTS`, with which it
        holds the network, where nothing else is asked for and weights of 8 bits take more.
    seed : int
        Picks the calibration images out of a large folder, and draws a family's weights.
    pixels : PixelOptions
        What a float model expects, and how photographs become frames.
    labels : Path or None
        Class names, one a line.
    file_size : int or None
        Most bytes that the compressed file may have: steps are chosen for it. Only for float
        models, and in place of widths.
    pruned : float
        Part of the weights to set to zero, with ``file_size`` only.
    family : Family or None
        A member of the paper's family, in place of a model.
    weights : Path or None
        The family's weights; drawn at random if None.
    input_size : tuple of int or None
        Height and width of the input, where the model leaves them open.
    like : QuantizedNetwork or None
        What an updatable board is built for: a float model is quantised so that this board can be
        given it, others are checked. Widths are that network's.
    """

    model: Path | None = None
    calibrate: Path | None = None
    weight_bits: Widths | None = None
    memory_budget: int | None = None
    capacity: Capacity | None = None
    seed: int = 0
    pixels: PixelOptions = field(default_factory=PixelOptions)
    labels: Path | None = None
    file_size: int | None = None
    pruned: float = 0.0
    family: Family | None = None
    weights: Path | None = None
    input_size: Size | None = None
    like: QuantizedNetwork | None = None


def compile_network(request: Request, *, progress: Progress = SILENT) -> QuantizedNetwork:
    """Import, and quantise if it is a float model.

    Raises
    ------
    FirebrickError
        If something is missing, unreadable, unsupported, or does not go together.
    """
    labels = read_labels(request.labels) if request.labels else None
    progress.begin("import")
    if request.model is not None and is_remote(request.model):
        with fetched(request.model) as file:
            model, about = _read(request, file.path, labels), {"model": file.about}
    else:
        model, about = _read(request, request.model, labels), {}
    if isinstance(model, FloatGraph):
        network = _quantise(model, request, labels, progress)
    else:
        network = _as_it_is(model, request, progress)
    return replace(network, source={**network.source, **about})


def _read(
    request: Request, path: Path | None, labels: ClassNames | None
) -> FloatGraph | QuantizedNetwork:
    return read_model(
        path,
        labels,
        family=request.family,
        weights=request.weights,
        seed=request.seed,
        size=request.input_size,
        expected=request.pixels.said(),
    )


def _as_it_is(model: QuantizedNetwork, request: Request, progress: Progress) -> QuantizedNetwork:
    """A network that is quantised already; what photographs make of its activations is measured.

    Raises
    ------
    FirebrickError
        If something is asked for that only a float one can have, there is no hardware for it, or
        it does not fit the board that it is for.
    """
    settled = request.model is None or is_ours(request.model)
    for option, value in (
        *(request.pixels.expected.items() if settled else ()),
        ("--weight-bits", request.weight_bits),
        ("--memory-budget", request.memory_budget),
        ("--size", request.file_size),
    ):
        if value is not None:
            name = request.model or "the embedded default network"
            raise FirebrickError(
                f"{name}: is quantised already and taken as it is; leave out {option}, "
                "or give a float ONNX model"
            )
    if request.capacity is not None:
        Graph.of(model)
    if request.like is not None:
        model = _checked(request.like, model)
    network = replace(model, preprocessing=request.pixels.apply(model.preprocessing))
    if request.calibrate is None:
        return network
    shown = _photographs(request, network.preprocessing, MEASURED_IMAGES, progress)
    progress.begin("measure activations")
    return replace(network, activations=measure_activations(network, shown))


def _checked(like: QuantizedNetwork, model: QuantizedNetwork) -> QuantizedNetwork:
    """A network that is quantised already, as a board holds it that is built for ``like``."""
    try:
        return in_envelope(like, model)
    except FirebrickError as error:
        raise FirebrickError(
            f"{error} (it is quantised already, and taken as it is; give the float model with "
            "--calibrate DIR, to quantise it for this board)"
        ) from None


def _quantise(
    graph: FloatGraph, request: Request, labels: ClassNames | None, progress: Progress
) -> QuantizedNetwork:
    if request.capacity is not None:  # for a board, whose planner would say so much later
        check_hardware(graph)
    if request.calibrate is None:
        raise FirebrickError(
            f"{request.model or graph.name}: is a float model, and quantising it needs photographs "
            "like those it will see; give a folder of some 100 with --calibrate DIR"
        )
    # What needs no photographs is checked before they are read.
    normalisation, pixels = request.pixels.normalisation(graph)
    folded, like = graph.fold_input(normalisation), request.like
    if like is not None:
        matched(folded, like)
    names, preprocessing = _labels(graph, labels, like), _preprocessing(graph, request)
    widths = _widths(request)
    bits = widths.of(graph)
    if like is not None:
        bits = {op.name: Width(op.weight_bits) for op in like.convs}
    source = {"pixels": pixels, "frames": preprocessing.described(), **_drawn(request)}
    frames = _photographs(request, preprocessing, CALIBRATION_IMAGES, progress)
    if request.file_size is not None:
        return quantise_to_size(
            graph,
            frames,
            request.file_size,
            normalisation=normalisation,
            pruned=request.pruned,
            labels=names,
            preprocessing=preprocessing,
            progress=progress,
            source=source,
        )
    compressed = request.model is not None and is_deep_compression(request.model)
    shared = compressed and widths == Widths() and request.memory_budget is None and like is None
    budgets = [request.memory_budget] if request.memory_budget is not None else []
    if not budgets and widths.all is None and not shared:
        budgets = _needed_budgets(graph, bits, request.capacity)
    if budgets:
        bits = _chosen(folded, frames, budgets, widths.named(folded), request.capacity, progress)
    progress.begin("quantise")
    return quantise(
        graph,
        frames,
        normalisation=normalisation,
        weight_bits=bits,
        rounding="shared" if shared else "gptq",
        labels=names,
        preprocessing=preprocessing,
        progress=progress,
        like=like,
        source={**source, "widths": describe(bits)},
    )


def _labels(
    graph: FloatGraph, given: ClassNames | None, like: QuantizedNetwork | None
) -> tuple[str, ...]:
    """Names of a float model's classes: the build's, if nobody says other ones."""
    if like is not None and given is None and "labels" not in graph.metadata:
        return like.labels
    return choose_labels(graph.classes, graph.metadata, given)


def _preprocessing(graph: FloatGraph, request: Request) -> Preprocessing:
    """How photographs become a float model's frames: as for the build, if nobody says otherwise."""
    if request.like is not None:
        return request.pixels.apply(request.like.preprocessing.raw)
    return request.pixels.preprocessing(*graph.input_shape)


def _widths(request: Request) -> Widths:
    """Widths that the user names, if that goes with a budget.

    Raises
    ------
    FirebrickError
        If it does not.
    """
    widths = request.weight_bits or Widths()
    if request.memory_budget is not None and widths.all is not None:
        raise FirebrickError(
            f"--weight-bits {widths.all} for all layers, and --memory-budget to choose them; "
            "leave one out, or name layers in --weight-bits"
        )
    return widths


def _photographs(
    request: Request, preprocessing: Preprocessing, most: int, progress: Progress
) -> np.ndarray:
    """Frames of the folder of images, or of so many that the seed picks."""
    assert request.calibrate is not None
    paths = list_images(request.calibrate)
    if len(paths) > most:
        picks = np.random.default_rng(request.seed).choice(len(paths), most, replace=False)
        paths = [paths[index] for index in sorted(picks)]
    progress.begin(f"read {len(paths)} images")
    return load_frames(paths, preprocessing)


def _needed_budgets(
    graph: FloatGraph, widths: Mapping[str, Width], capacity: Capacity | None
) -> list[int]:
    """What the weights may take, most first, where those of ``widths`` take more; else nothing."""
    taken = sum(op.weights.size * widths[op.name].bits for op in graph.convs)
    if capacity is None or taken <= PARTS[0] * capacity.memory_bits:
        return []
    return [int(part * capacity.memory_bits) for part in PARTS]


def _chosen(
    graph: FloatGraph,
    frames: np.ndarray,
    budgets: list[int],
    named: Mapping[str, Width],
    capacity: Capacity | None,
    progress: Progress,
) -> dict[str, Width]:
    """Widths that lose least, for the first of the budgets whose network fits, else the first.

    What fits hardly depends on the weights themselves, so for a look they are rounded for one frame
    only. ``graph`` has its input normalisation folded in.
    """
    progress.begin("measure what each layer's bits are worth")
    loss, cost = measure(graph, frames, progress=progress), weight_memory(graph, named)
    choices = [choose_bits(loss, cost, budgets[0])]
    least = sum(min(table.values()) for table in cost.values())
    choices += [choose_bits(loss, cost, budget) for budget in budgets[1:] if budget >= least]
    if capacity is None or len(choices) == 1:
        return choices[0]
    progress.begin("see what fits the board")
    for bits in choices:
        network = quantise(
            graph,
            frames[:1],
            normalisation=Normalisation(),
            weight_bits=bits,
            rounding="gptq",
        )
        if capacity.holds(network):
            return bits
    return choices[0]


def _drawn(request: Request) -> dict[str, str]:
    """A note for people if the weights mean nothing."""
    if request.family is None or request.weights is not None:
        return {}
    return {"weights": f"drawn at random, seed {request.seed}; --weights to give some"}
