"""How full the boards are: cycles, resources by synthesis, and how busy the multipliers are."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.chain import Case, measure
from boards import BOARDS
from boards.board import RAMB36_BITS, Resources
from gen.common.build_folder import BuildFolder
from gen.cost.model import CostModel
from gen.nodes.conv import ConvNode
from gen.nodes.conv_cost import requantise_cost
from gen.nodes.graph import Graph
from gen.plan.plan import Plan
from hw.layers.folding import EnginePlan
from sim.frames import GeneratedBoard

_FRAMES = 3
_MODEL = ("models/squeezenet1.1.onnx", "imagenet/calibration")
_BUSY = 0.85
_LUTS = 0.85


@dataclass(frozen=True)
class _Goal:
    """A case and the most cycles a frame that it should take; None if it only has to fit."""

    case: Case
    cycles: int | None = None


_FULL = ("--utilisation", str(_LUTS))
_GOALS = (
    _Goal(Case("v1.1, 4 bits", "arty_a7", *_MODEL, ("--weight-bits", "4", *_FULL)), 400_000),
    _Goal(
        Case("v1.1, 4 bits, conv10 3", "arty_a7", *_MODEL, ("--weight-bits", "4,conv10=3", *_FULL)),
        370_000,
    ),
    _Goal(Case("v1.1, 8 bits", "genesys2", *_MODEL, ("--weight-bits", "8")), 250_000),
    _Goal(Case("default", "arty_a7_35")),
    _Goal(Case("default", "ulx3s_85")),
)
"""Each with its own synthesis but for the Kintex, whose design takes Yosys the longest."""
_NOT_SYNTHESISED = ("genesys2",)


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Generate, simulate and synthesise every case; print a table of them.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models`` and ``imagenet``.
    limit : int or None
        Frames to simulate.

    Raises
    ------
    FirebrickError
        If the folder lacks a file, or a step fails.
    """
    figures = {}
    for goal in _GOALS:
        title = f"{goal.case.title} on {goal.case.board}"
        with console.status(title), tempfile.TemporaryDirectory(prefix="firebrick-") as folder:
            figures[title] = _measure(goal, shared, limit or _FRAMES, Path(folder))
    console.print(_table(figures))
    return figures


def _measure(goal: _Goal, shared: Path, count: int, folder: Path) -> dict[str, Any]:
    case = goal.case
    synthesised = case.board not in _NOT_SYNTHESISED
    if synthesised:
        case = replace(case, options=(*case.options, "--synth"))
    figures = measure(case, shared, count, folder)
    board = GeneratedBoard.load(BuildFolder(folder / "board"))
    made, network = board.plan, board.network
    graph = Graph.of(network)
    multipliers = graph.multipliers(made.nodes)
    held = BOARDS[case.board].resources
    figures |= {
        "goal_cycles": goal.cycles,
        "reached": goal.cycles is None or figures["steady_cycles"] <= goal.cycles,
        "multipliers": multipliers,
        "busy": round(network.macs / figures["steady_cycles"] / multipliers, 4),
        "planned": vars(made.resources),
        "available": vars(held),
        "fits": _fits(made.resources, held),
        **_block_ram(graph, made),
    }
    if synthesised:
        total = json.loads(board.folder.synthesis.read_text())["total"]["synthesised"]
        counted = Resources(
            total["lut"], total["ff"], total["dsp"], total["bram36"] + total["bram18"] / 2
        )
        figures |= {"synthesised": vars(counted), "fits": _fits(counted, held)}
    return figures


def _block_ram(graph: Graph, made: Plan) -> dict[str, float]:
    """What the block RAMs hold, and the part of the weights' that holds no weight."""
    blocks, bits, scales = 0.0, 0, 0.0
    family, costs = BOARDS[made.board].family, CostModel.fitted()
    for node in (node for node in graph if isinstance(node, ConvNode)):
        engine = made.nodes[node.name]
        assert isinstance(engine, EnginePlan)
        memory = engine.scale_memory
        scales += requantise_cost(costs, node.shape, engine.lanes, memory, family).bram36
        if engine.weight_memory == "block":
            blocks += node.weight_cost(engine, costs).bram36
            bits += node.weight_count * node.code_bits
    wasted = 1 - bits / (blocks * RAMB36_BITS) if blocks else 0.0
    link = made.costs["board"].resources.bram36
    return {
        "weight_ramb36": blocks,
        "weight_bits_wasted": round(wasted, 4),
        "scale_ramb36": scales,
        "link_ramb36": link,
        "buffer_ramb36": made.resources.bram36 - blocks - scales - link,
    }


def _fits(used: Resources, held: Resources) -> bool:
    return (
        used.lut <= held.lut * _LUTS
        and used.ff <= held.ff
        and used.dsp <= held.dsp
        and used.bram36 <= held.bram36
    )


def _table(figures: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="fill", title_justify="left")
    table.add_column("")
    for title in figures:
        table.add_column(title, justify="right")
    plain = (
        ("RAMB36 for weights", "weight_ramb36"),
        ("of their bits empty (at most 5%)", "weight_bits_wasted"),
        ("RAMB36 for biases and scales", "scale_ramb36"),
        ("RAMB36 for the link", "link_ramb36"),
        ("RAMB36 for windows, pools and other buffers (at most 16)", "buffer_ramb36"),
        ("cycles a frame, planned", "predicted_cycles"),
        ("cycles a frame, simulated", "steady_cycles"),
        ("at most", "goal_cycles"),
        ("frames/s", "frames_per_second"),
        ("frames unlike golden", "wrong_frames"),
        ("multipliers", "multipliers"),
        (f"busy (at least {_BUSY:.0%})", "busy"),
    )
    for title, key in plain:
        table.add_row(title, *(_text(entry[key]) for entry in figures.values()))
    for name in ("lut", "ff", "dsp", "bram36"):
        cells = [_use(entry, name) for entry in figures.values()]
        table.add_row(f"{name}: planned, Yosys, device", *cells)
    table.add_row(f"fits (LUTs to {_LUTS:.0%})", *(_text(e["fits"]) for e in figures.values()))
    return table


def _use(entry: dict[str, Any], name: str) -> str:
    made = f"{entry['synthesised'][name]:g}" if "synthesised" in entry else "-"
    return f"{entry['planned'][name]:g}, {made}, {entry['available'][name]:g}"


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "[red]no[/red]"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"
