"""Graph: networks that are no chains, from the plan to simulated frames, and their queues."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rich.console import Console
from rich.table import Table

from bench.graphs import squeezenet, zynqnet
from boards import BOARDS
from gen.backend.emit import emit
from gen.common.build_folder import BuildFolder
from gen.common.errors import FirebrickError
from gen.formats.read import read_model
from gen.frames.images import list_images, load_frames, load_tar
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, default_preprocessing
from gen.nodes.graph import Graph
from gen.plan.plan import Plan
from gen.plan.planner import plan
from gen.plan.queues import waits
from gen.quantise.post_training import quantise
from sim import golden
from sim.frames import simulate
from sim.simulator import Simulator
from sim.verilate import build
from tests.designs import Design, most_held
from tests.graphs import GRAPHS

SMALL_BOARD, SMALL_CYCLES = "arty_a7", 2000
"""What the small networks are planned for: so many cycles a frame, whatever the board could do."""
FRAMES = 3
"""Whole frames that large networks are simulated for, unless ``--limit`` says otherwise."""
CALIBRATION = 32
"""Photographs that large networks are quantised with."""
RESNET = "models/mlperf_tiny_resnet8.onnx"
CIFAR10 = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
"""Its classes, in the order of ResNet-8's scores."""
MLPERF_TINY = (
    ("FINN, CNV-W1A1", 659.0, 84.5),
    ("hls4ml, RN07", 30.0, 83.5),
)
"""Inferences a second, one by one, and top-1 on CIFAR-10, measured on an Arty A7-100T: MLPerf Tiny
v0.7, open division (github.com/mlcommons/tiny_results_v0.7)."""


@dataclass(frozen=True)
class Case:
    """A large network on a board.

    Attributes
    ----------
    title : str
    board : str
    make : callable
        The float network, of the shared folder.
    bits : int
        Of the weights.
    normalisation : str
    options : dict
        Of :func:`gen.plan.planner.plan`.
    """

    title: str
    board: str
    make: Callable[[Path], FloatGraph]
    bits: int
    normalisation: str = "imagenet"
    options: dict[str, Any] = field(default_factory=dict)


def _bypassed(version: str, bypass: str) -> Callable[[Path], FloatGraph]:
    """SqueezeNet with bypasses, and its own weights where it has some."""

    def make(shared: Path) -> FloatGraph:
        weights = _float(shared / "models" / f"squeezenet{version}.onnx")
        return squeezenet(version, bypass, weights)

    return make


CASES = (
    Case("ResNet-8", "arty_a7", lambda shared: _float(shared / RESNET), 8, "raw"),
    Case("ZynqNet", "genesys2", lambda shared: zynqnet(), 4),
    *(
        Case(f"v{version}, {bypass} bypass", board, _bypassed(version, bypass), bits)
        for version, bypass, arty_bits in (
            ("1.0", "simple", 3),
            ("1.0", "complex", 2),
            ("1.1", "simple", 4),
            ("1.1", "complex", 3),
        )
        for board, bits in (("arty_a7", arty_bits), ("genesys2", 8))
    ),
)
"""On the Arty A7-100T with the widest weights that fit."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Plan and simulate every network, print tables, and return their figures by name.

    Parameters
    ----------
    console : Console
    shared : Path
        Folder with ``models``, ``imagenet`` and ``cifar10``.
    limit : int or None
        Frames to simulate of each large network, images to measure accuracy on.

    Raises
    ------
    FirebrickError
        If the folder lacks a file.
    """
    small, large = {}, {}
    for name, make in GRAPHS.items():
        with console.status(name):
            small[name] = measure_small(make())
    console.print(_table(f"whole tensors, {SMALL_BOARD}", small, _SMALL_ROWS))
    for case in CASES:
        with console.status(f"{case.title} on {case.board}"):
            large[f"{case.title}, {case.bits} bits, {case.board}"] = measure(case, shared, limit)
    console.print(_table("whole frames", large, _LARGE_ROWS))
    accuracy = resnet_accuracy(shared, limit)
    console.print(_rivals(next(iter(large.values())), accuracy))
    return {"small": small, "large": large, "resnet8": accuracy}


def measure_small(network: QuantizedNetwork) -> dict[str, Any]:
    """Figures of a small network, every tensor and queue of it watched.

    Parameters
    ----------
    network : QuantizedNetwork
    """
    design = Design.of(network, BOARDS[SMALL_BOARD], SMALL_CYCLES)
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as folder:
        bench = design.bench(Path(folder))
        try:
            design.run(bench, design.inner(), stalls=0.4, seed=1)
            differing = "none"
        except AssertionError as error:
            differing = str(error)
        result = design.run(bench, design.waiting())
    held = {module: most_held(result, module) for module, _, _ in design.queues()}
    return {
        "tensors": len(network.ops),
        "differing": differing,
        "planned": design.plan.cycles,
        "simulated": result.period("o"),
        "queues": list(_queues(design.graph, design.plan, held, design)),
    }


def _queues(
    graph: Graph, made: Plan, held: dict[str, int], design: Design
) -> Iterator[dict[str, Any]]:
    """Pixels of queues where paths rejoin: analysed, and seen."""
    analysed = waits(graph, made.cycles, made.nodes)
    for module, _, queue in design.queues():
        if analysed[queue.join].pixels:
            seen = held[module] * queue.pixels / queue.depth
            pixels = analysed[queue.join].pixels
            yield {"join": queue.join, "analysed": pixels, "seen": round(seen, 1)}


def measure(case: Case, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Figures of a large network, whole frames of it simulated.

    Parameters
    ----------
    case : Case
    shared : Path
        Folder with networks and images.
    limit : int or None
        Frames to simulate.
    """
    network, board = quantised(case, shared), BOARDS[case.board]
    try:
        made = plan(network, board, **case.options)
    except FirebrickError as error:
        return {"refused": str(error)}
    frames = _frames(shared, network, limit or FRAMES)
    with tempfile.TemporaryDirectory(prefix="firebrick-bench-") as scratch:
        folder = BuildFolder(Path(scratch) / "board")
        emit(network, made, board, folder)
        with Simulator(build(folder.sim_verilog, folder.simulation)) as simulator:
            result = simulate(simulator, network, frames)
    analysed = waits(Graph.of(network), made.cycles, made.nodes)
    wrong = (result.sums != golden.class_sums(network, frames)).any(axis=1)
    return {
        "planned": made.cycles,
        "simulated": result.steady_cycles,
        "latency": result.latency,
        "clock_hz": made.clock_hz,
        "frames": len(frames),
        "wrong": int(wrong.sum()),
        "resources": vars(made.resources),
        "queues": [
            {"join": queue.join, "pixels": queue.pixels, "memory": queue.memory}
            for queue in made.queues.values()
            if analysed[queue.join].pixels
        ],
    }


def quantised(case: Case, shared: Path) -> QuantizedNetwork:
    """A large network in integers.

    Parameters
    ----------
    case : Case
    shared : Path
        Folder with networks and images.
    """
    graph = case.make(shared)
    height, width, _ = graph.input_shape
    preprocessing = default_preprocessing(height, width)
    if case.normalisation == "raw":
        frames, _ = load_tar(shared / "cifar10" / "train.tar", preprocessing, 10 * CALIBRATION)
    else:
        images = list_images(shared / "imagenet" / "calibration")
        frames = load_frames(images[:CALIBRATION], preprocessing)
    normalisation = Normalisation.preset(case.normalisation)
    return quantise(graph, frames, normalisation=normalisation, weight_bits=case.bits)


def resnet_accuracy(shared: Path, limit: int | None = None) -> dict[str, float]:
    """Percent of CIFAR-10's test images that ResNet-8 classifies right: in floats, in integers.

    Parameters
    ----------
    shared : Path
        Folder with networks and images.
    limit : int or None
        Images.
    """
    network = quantised(CASES[0], shared)
    frames, classes = load_tar(shared / "cifar10" / "test.tar", network.preprocessing, limit)
    labels = np.array([CIFAR10.index(name) for name in classes])
    session = onnxruntime.InferenceSession(shared / RESNET, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    pixels = frames.astype(np.float32).transpose(0, 3, 1, 2)
    floats = np.concatenate([session.run(None, {source.name: x[None]})[0] for x in pixels])
    right = {"float": floats.argmax(axis=1) == labels}
    right["integer"] = golden.class_sums(network, frames).argmax(axis=1) == labels
    return {name: round(100 * float(flags.mean()), 2) for name, flags in right.items()}


def _float(path: Path) -> FloatGraph:
    model = read_model(path)
    assert isinstance(model, FloatGraph)
    return model


def _frames(shared: Path, network: QuantizedNetwork, count: int) -> np.ndarray:
    if network.input.shape[0] < 64:
        frames, _ = load_tar(shared / "cifar10" / "test.tar", network.preprocessing, count)
        return frames
    images = list_images(shared / "imagenet" / "evaluation")
    return load_frames(images[:count], network.preprocessing)


_SMALL_ROWS = ("tensors", "differing", "planned", "simulated")
_LARGE_ROWS = ("refused", "planned", "simulated", "latency", "frames", "wrong")


def _table(title: str, figures: dict[str, dict[str, Any]], rows: tuple[str, ...]) -> Table:
    table = Table("network", *rows, "queues where paths rejoin: pixels", title=title)
    table.title_justify = "left"
    for name, found in figures.items():
        cells = [str(found.get(row, "")) for row in rows]
        table.add_row(name, *cells, "\n".join(map(_queue, found.get("queues", ()))))
    return table


def _queue(found: dict[str, Any]) -> str:
    if "seen" in found:
        return f"{found['join']} {found['analysed']} analysed, {found['seen']} seen"
    return f"{found['join']} {found['pixels']} in {found['memory']} memory"


def _rivals(found: dict[str, Any], accuracy: dict[str, float]) -> Table:
    """ResNet-8 beside what MLPerf Tiny has of the same board."""
    table = Table("CIFAR-10 on an Arty A7-100T", "one by one", "streaming", "top-1, %")
    own = [found["clock_hz"] / found[row] for row in ("latency", "simulated")]
    table.add_row("ResNet-8, 8 bits", *(f"{rate:.0f}" for rate in own), str(accuracy["integer"]))
    for name, rate, top1 in MLPERF_TINY:
        table.add_row(name, f"{rate:.0f}", "", str(top1))
    table.caption = (
        "frames/s of the accelerator, the link left out; our images are re-encoded JPEGs, on which "
        f"ONNX Runtime makes {accuracy['float']}"
    )
    return table
