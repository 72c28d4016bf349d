"""Boards: what is planned for each, the default network and SqueezeNet v1.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console

from boards import BOARDS
from boards.board import Board
from gen.board_table import NETWORKS, Planned, show
from gen.common.progress import phases
from gen.compile import Request, compile_network
from gen.formats.onnx_float import load_onnx
from gen.frames.images import list_images, load_frames
from gen.ir.graph import FloatGraph
from gen.ir.network import QuantizedNetwork
from gen.ir.preprocessing import Normalisation, default_preprocessing
from gen.ir.widths import Widths
from gen.link_options import Address, on_lan
from gen.plan.linked import LinkedGoal
from gen.plan.planner import UTILISATION, Goal
from gen.plan.rates import Rates, choices
from gen.quantise.post_training import quantise

_MODEL, _PHOTOGRAPHS = "models/squeezenet1.1.onnx", "imagenet/calibration"
_IMAGES = 8
"""Few, since a plan goes by widths and hardly by weights."""
BITS = (8, 6, 5, 4, 3, 2)
"""Widths of v1.1's weights that are tried, one after another."""
UTILISATIONS = (UTILISATION, 0.85)
"""Parts of the LUTs that are tried with each."""


def run(console: Console, shared: Path, limit: int | None = None) -> dict[str, Any]:
    """Plan for every board, and print what ``python -m gen boards`` shows.

    ``--json gen/board_figures.json`` makes the result what that command shows.

    Parameters
    ----------
    console : Console
    shared : path
        Folder with ``models`` and ``imagenet``.
    limit : int or None
        Photographs to quantise v1.1 on.
    """
    default = compile_network(Request())
    squeezenet = lru_cache(squeezenet_of(shared, limit or _IMAGES))
    figures: dict[str, Any] = {}
    with phases(console, transient=True) as progress:
        for board in BOARDS.values():
            progress.begin(board.name)
            found = planned(board, default), planned_at_widest(board, squeezenet)
            figures[board.name] = dict(zip(NETWORKS, (p and asdict(p) for p in found), strict=True))
    show(console, figures)
    return figures


def squeezenet_of(shared: Path, images: int) -> Callable[[int], QuantizedNetwork]:
    """What quantises SqueezeNet v1.1 to so many bits a weight.

    Parameters
    ----------
    shared : path
    images : int
        Photographs to quantise it on.
    """
    graph = load_onnx(shared / _MODEL)
    assert isinstance(graph, FloatGraph)
    preprocessing = default_preprocessing(*graph.input_shape)
    frames = load_frames(list_images(shared / _PHOTOGRAPHS)[:images], preprocessing)

    def quantised(bits: int) -> QuantizedNetwork:
        return quantise(
            graph,
            frames,
            normalisation=Normalisation.preset("imagenet"),
            weight_bits=Widths.parse(str(bits)).of(graph),
            preprocessing=preprocessing,
        )

    return quantised


def planned(board: Board, network: QuantizedNetwork) -> Planned | None:
    """What ``python -m gen`` plans for a board; None if nothing fits.

    Parameters
    ----------
    board : Board
    network : QuantizedNetwork
    """
    return _first(_goals(board, (UTILISATION,)), network)


def planned_at_widest(
    board: Board, network_of: Callable[[int], QuantizedNetwork]
) -> Planned | None:
    """The same of a network whose weights are as wide as fits.

    Parameters
    ----------
    board : Board
    network_of : callable
        Makes it, of bits a weight.
    """
    for bits in BITS:
        found = _first(_goals(board, UTILISATIONS), network_of(bits))
        if found is not None:
            return replace(found, bits=bits)
    return None


def _goals(board: Board, utilisations: tuple[float, ...]) -> Iterator[LinkedGoal]:
    """What is wanted of a board, with the fastest of its links first."""
    links = [board] if board.phy is None else [on_lan(board, Address()), board]
    for part, linked in product(utilisations, links):
        yield LinkedGoal(Goal(linked, utilisation=part))


def _first(goals: Iterator[LinkedGoal], network: QuantizedNetwork) -> Planned | None:
    """The plan for the first goal with which a network fits."""
    linked = next((goal for goal in goals if goal.holds(network)), None)
    if linked is None:
        return None
    goal, plan = linked.plan(network)
    carried = {
        choice.name: round(Rates.of(network, choice.board, plan.clock_hz).raw, 2)
        for choice in choices(goal.board, plan.clock_hz)
    }
    return Planned(
        link="uart" if goal.board.station is None else "ethernet",
        cycles=plan.cycles,
        frames_per_second=round(plan.frames_per_second, 1),
        utilisation=goal.utilisation,
        coded=goal.board.coded,
        resources=asdict(plan.resources),
        links=carried,
    )
